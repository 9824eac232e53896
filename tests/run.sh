#!/bin/sh
# All tests: sh tests/run.sh [arguments of cargo test]
#
# They try the release binary (static where the target allows it) as PID 1 of fresh namespaces; what cannot be tried
# on this machine is listed at the end, with the reason.
set -eu
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release --target "$target"
directory=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
FOSTER_BIN=$directory/$target/release/foster
FOSTER_SKIPPED=$(mktemp)
export FOSTER_BIN FOSTER_SKIPPED
trap 'rm -f "$FOSTER_SKIPPED"' EXIT

code=0
cargo test --no-fail-fast "$@" || code=$?

if [ -s "$FOSTER_SKIPPED" ]; then
    echo
    echo "Not tried on this machine:"
    sort -u "$FOSTER_SKIPPED" | sed 's/^skipped: /  /'
fi
exit $code
