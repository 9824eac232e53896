#!/bin/sh
# How long docker stop takes: sh tests/docker/bench.sh [--rounds N] [path of a static foster binary]
#
# A container of 1, 10 and 100 services, each of which ends at SIGTERM at once, below foster, s6 and supervisord, on the same
# Debian; and one with the service alone as its PID 1, which is what Docker itself takes. Prints a table for
# docs/benchmarks.md. Needs what run.sh needs, a C compiler and a mirror.
set -u
cd "$(dirname "$0")/../.." || exit 1

rounds=5
foster=${FOSTER_BIN:-}
while [ $# -gt 0 ]; do
    case $1 in
        --rounds)
            rounds=${2:-5}
            shift
            ;;
        -*)
            echo "usage: sh tests/docker/bench.sh [--rounds N] [BINARY]"
            exit 64
            ;;
        *) foster=$1 ;;
    esac
    shift
done

. tests/docker/engine.sh
. tests/docker/checks.sh
. tests/docker/images.sh

compiler=$(command -v musl-gcc || command -v cc) || skip_all "there is no C compiler for the service"
debian_base || skip_all "$no_debian"

context=$work/bench
mkdir -p "$context"
cp "$foster" "$context/foster"
"$compiler" -x c -static -O1 -o "$context/app" - <<'C' || exit 1
#include <signal.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
int main(void) { signal(SIGTERM, end); for (;;) pause(); }
C
for count in 1 10 100; do
    mkdir -p "$context/foster$count" "$context/s6$count"
    printf '[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n' > "$context/supervisord$count.conf"
    for n in $(seq "$count"); do
        echo 'command = ["/app"]' > "$context/foster$count/s$n.toml"
        mkdir -p "$context/s6$count/s$n"
        printf '#!/bin/sh\nexec /app\n' > "$context/s6$count/s$n/run"
        printf '[program:s%s]\ncommand=/app\n' "$n" >> "$context/supervisord$count.conf"
    done
done
chmod 755 "$context"/s6*/*/run
build bench "$context" --network host <<'DOCKERFILE' || { tail -n 5 "$work/build.log"; skip_all "the packages of the peers cannot be had"; }
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends s6 supervisor
COPY . /
DOCKERFILE

# Starts the container of a peer, waits until its services run, and says how many milliseconds its stop took.
measure() {
    peer=$1 count=$2
    case $peer in
        floor) set -- --entrypoint /app bench ;;
        foster) set -- --entrypoint /foster bench run --services "/foster$count" ;;
        s6) set -- --entrypoint /usr/bin/s6-svscan bench "/s6$count" ;;
        supervisord) set -- --entrypoint /usr/bin/supervisord bench -c "/supervisord$count.conf" ;;
    esac
    start bench "$@" || return 1
    inside=/proc/$(pid_of bench)/root/proc
    until_true sh -c "[ \$(cat $inside/[0-9]*/comm 2>/dev/null | grep -cx app) = $count ]" || return 1
    # supervisord takes a program for started after a second.
    sleep 1.5
    begin=$(date +%s%N)
    docker stop --time 60 bench >/dev/null || return 1
    echo "$peer $count $((($(date +%s%N) - begin) / 1000000)) $(exit_of bench)"
}
round=0
while [ $round -lt "$rounds" ]; do
    measure floor 1
    for count in 1 10 100; do
        for peer in foster s6 supervisord; do measure $peer $count; done
    done
    round=$((round + 1))
done > "$work/measured" || { cat "$work/measured"; exit 1; }

median() { awk -v peer="$1" -v count="$2" '$1 == peer && $2 == count { print $3 }' "$work/measured" | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
floor=$(median floor 1)
echo "docker stop in ms, medians of $rounds; of one process that is PID 1 itself: $floor ms"
echo
echo "|  | 1 service | 10 | 100 | 100 ÷ Docker alone | exit code |"
echo "| --- | ---: | ---: | ---: | ---: | ---: |"
for peer in foster s6 supervisord; do
    hundred=$(median $peer 100)
    ratio=$(awk -v a="$hundred" -v b="$floor" 'BEGIN { printf "%.1f", a / b }')
    echo "| $peer | $(median $peer 1) | $(median $peer 10) | $hundred | $ratio× | $(awk -v peer=$peer '$1 == peer { print $4 }' "$work/measured" | sort -u | tr '\n' ' ')|"
done
