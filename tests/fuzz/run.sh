#!/bin/sh
# Tries the request path of the control socket, the reader of notifications, the way of lines, and imports, with bytes that a
# fuzzer makes:
# sh tests/fuzz/run.sh [SECONDS]
#
# Coverage is that of the compiler's own pass, so that a stable toolchain is enough; libFuzzer itself needs a C++ compiler.
# What made it fail is left in the target directory, and named.
set -eu
cd "$(dirname "$0")"

seconds=${1:-30}
target=${CARGO_TARGET_DIR:-../../target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Ccodegen-units=1
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# With --target, build scripts and macros are built without.
RUSTFLAGS=$flags cargo build --release --quiet --target "$host" --target-dir "$target"

code=0
try() {
    name=$1
    mkdir -p "$target/corpus/$name" "$target/found"
    "$target/$host/release/$name" -max_total_time=$((seconds / 4)) -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
        -dict="$name.dict" -artifact_prefix="$target/found/" -print_final_stats=1 -verbosity=0 \
        "$target/corpus/$name" "seeds/$name" >"$target/log" 2>&1 || code=$?
    if [ $code = 0 ]; then
        echo "$name:"
        grep '^stat::' "$target/log"
    else
        cat "$target/log"
        exit $code
    fi
}
try requests
try datagrams
try lines
try imports
