# What the tests in containers and in a virtual machine need: tools, a static busybox, and the binary that is tried.
# To be read with `tests` set to what skips are told of.

skip_all() {
    echo "skipped: $tests: $1"
    [ -z "${FOSTER_SKIPPED:-}" ] || echo "skipped: $tests: $1" >> "$FOSTER_SKIPPED"
    exit 0
}

# Leaves where one of these tools is not installed, or busybox is not or needs libraries.
need() {
    for tool in "$@" busybox; do
        command -v "$tool" >/dev/null 2>&1 || skip_all "$tool is not installed"
    done
    case $(LC_ALL=C ldd "$(command -v busybox)" 2>&1) in
        *"not a dynamic"* | *"statically linked"*) ;;
        *) skip_all "busybox is not static" ;;
    esac
}

# Sets `foster`, unless it is set, to a static binary that is built for this.
find_foster() {
    if [ -z "$foster" ]; then
        target=$(rustc -vV | sed -n 's/^host: //p')
        RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release --quiet --target "$target" || exit 1
        directory=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
        foster=$directory/$target/release/foster
    fi
    [ -x "$foster" ] || { echo "cannot execute $foster"; exit 1; }
}
