#!/bin/sh
# All benchmarks by one command: sh tests/bench/run.sh [--quick] [--only start,restart,…] [--foster PATH] [--rounds K]
#
# Needs a POSIX shell, a C compiler, the Rust toolchain and unshare and nsenter of util-linux. Root or unprivileged user namespaces.
# Peers are measured where they are installed (Debian: apt install tini s6 runit dumb-init catatonit supervisor) and otherwise
# skipped aloud. Without --only the figures go to docs/benchmarks.md; always to standard output.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
helpers=$root/tests/bench/out
mkdir -p "$helpers"

if command -v musl-gcc >/dev/null 2>&1; then compiler=musl-gcc; else compiler=cc; fi
for source in tests/bench/src/*.c; do
    name=$(basename "$source" .c)
    if [ ! -x "$helpers/$name" ] || [ -n "$(find tests/bench/src -newer "$helpers/$name" -name '*.[ch]')" ]; then
        "$compiler" -std=gnu11 -O2 -Wall -Wextra -static -s -o "$helpers/$name" "$source"
    fi
done

given=no
for argument in "$@"; do
    case $argument in --foster | --foster=*) given=yes ;; esac
done
if [ $given = no ]; then
    target=$(rustc -vV | sed -n 's/^host: //p')
    RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release --quiet --target "$target"
    directory=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    set -- --foster "$directory/$target/release/foster" "$@"
fi
exec cargo bench --quiet --bench peers -- --helpers "$helpers" --compiler "$compiler" "$@"
