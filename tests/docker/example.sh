# Dockerfile.example as it stands, and the image FROM scratch of docs/howto-docker.md.

# Stands in for the image of the toolchain, which cannot be pulled here: what `cargo build` yields is the binary that is
# tried. All else of the Dockerfile is done as it is written.
toolchain() {
    mkdir -p "$work/toolchain" && cp -a "$root/bin" "$work/toolchain/" && cp "$foster" "$work/toolchain/built" || return 1
    for applet in sed tr; do ln -sf busybox "$work/toolchain/bin/$applet"; done
    cat > "$work/toolchain/bin/rustc" <<'SH'
#!/bin/sh
echo "host: x86_64-unknown-linux-gnu"
SH
    cat > "$work/toolchain/bin/cargo" <<'SH'
#!/bin/sh
set -eu
[ "$*" = 'build --release --locked --target x86_64-unknown-linux-gnu' ] || { echo "not like this: $*"; exit 1; }
case $RUSTFLAGS in *+crt-static*) ;; *) echo "it would not be static"; exit 1 ;; esac
cat Cargo.toml Cargo.lock src/main.rs > /dev/null
mkdir -p target/x86_64-unknown-linux-gnu/release
cp /built target/x86_64-unknown-linux-gnu/release/foster
SH
    chmod 755 "$work/toolchain/bin/rustc" "$work/toolchain/bin/cargo"
    printf 'FROM scratch\nCOPY . /\nENV PATH=/bin\n' | build rust:1.95-bookworm "$work/toolchain"
}
built() { toolchain && build example . --network none < Dockerfile.example || { cat "$work/build.log"; return 1; }; }
example_runs() {
    start example "$@" example && wrote example '^worker@2 | up' && wrote example '^web .*| up' || return 1
    docker stop example >/dev/null && [ "$(exit_of example)" = 0 ] &&
        docker logs example 2>&1 | tail -n 1 | grep -q '^store .*| stops, as the last one'
}
example_is_healthy() {
    start example --health-interval 1s example && health_is example healthy &&
        expect 0 docker exec example id -u && printed '^10001$' && stops example 0 300
}
with_a_command() { expect 42 run --rm example sh -c 'exit 42'; }
# A mistake in a service fails the build.
a_mistake() {
    mkdir -p "$work/mistake/services.d" && cp "$foster" "$work/mistake/foster" &&
        echo 'comand = "x"' > "$work/mistake/services.d/web.toml" || return 1
    ! build mistake "$work/mistake" --network none <<'DOCKERFILE' || return 1
FROM debian:bookworm-slim
COPY foster /usr/bin/foster
COPY services.d /etc/foster/services.d
RUN ["/usr/bin/foster", "check"]
DOCKERFILE
    grep -q 'did you mean `command`' "$work/build.log" || { cat "$work/build.log"; return 1; }
}
from_scratch() {
    page docs/howto-docker.md 'FROM scratch' "$work/scratch" && cp "$foster" "$work/scratch/foster" || return 1
    printf '#include <unistd.h>\nint main(void) { return write(1, "app is up\\n", 10) < 0 || pause(); }\n' |
        "$compiler" -x c -static -O1 -o "$work/scratch/app" - || return 1
    build scratched "$work/scratch" --network none < "$work/scratch/Dockerfile" || { cat "$work/build.log"; return 1; }
    start scratched --read-only --cap-drop ALL --health-interval 1s scratched && wrote scratched '| app is up' &&
        health_is scratched healthy &&
        stops scratched 0
}

compiler=$(command -v musl-gcc || command -v cc)
if [ -n "$compiler" ]; then
    check "the image FROM scratch of the guide: builds, runs on a read-only root, is healthy" from_scratch
else
    skip "the image FROM scratch" "there is no C compiler for its service"
fi
if debian_base; then
    check "Dockerfile.example builds, with a stand-in for its compiler" built
    check "its image starts, and stops in reverse order" example_runs
    check "on a read-only root without capabilities too" example_runs --read-only --tmpfs /tmp --cap-drop ALL
    check "it is not root, and healthy" example_is_healthy
    check "a command behind the image's name is the main service" with_a_command
    check "a mistake in a service fails the build" a_mistake
else
    skip "Dockerfile.example" "$no_debian"
fi
