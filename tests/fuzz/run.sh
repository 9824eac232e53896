#!/bin/sh
# Tries the request path of the control socket, the reader of notifications, the way of lines, and the parser of each kind of
# import, with bytes that a fuzzer makes:
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

kinds=$(cd seeds && printf '%s\n' import-*)
targets="requests datagrams lines $kinds"
# shellcheck disable=SC2086
each=$((seconds / $(printf '%s\n' $targets | wc -l)))
[ $each -gt 0 ] || each=1

for name in $targets; do
    program=$name
    case $name in import-*) program=imports ;; esac
    mkdir -p "$target/corpus/$name" "$target/found"
    code=0
    FOSTER_FUZZ_KIND=${name#import-} "$target/$host/release/$program" -max_total_time=$each -max_len=8192 -timeout=10 \
        -rss_limit_mb=1024 -dict="$name.dict" -artifact_prefix="$target/found/" -print_final_stats=1 -verbosity=0 \
        "$target/corpus/$name" "seeds/$name" >"$target/log" 2>&1 || code=$?
    if [ $code != 0 ]; then
        cat "$target/log"
        exit $code
    fi
    echo "$name:"
    grep '^stat::' "$target/log"
done
