#!/bin/sh
# foster in real containers: sh tests/docker/run.sh [path of a static foster binary]
#
# Starts a Docker Engine of its own, with its own state below a temporary directory and no network, and ends it by its
# pid. Needs root, dockerd, docker and a static busybox (Debian: docker.io busybox-static). Pulls nothing: the images are
# made of the two binaries. Where it cannot work it says `skipped: …` and succeeds.
set -u
cd "$(dirname "$0")/../.." || exit 1

passed=0 failed=0 left_out=0 daemon=''
work=$(mktemp -d "${TMPDIR:-/tmp}/foster-docker.XXXXXX") || exit 1
socket=unix://$work/docker.sock

finish() {
    code=$?
    trap '' INT TERM
    if [ -n "$daemon" ]; then
        containers=$(docker ps -aq 2>/dev/null)
        # shellcheck disable=SC2086
        [ -z "$containers" ] || docker rm -f $containers >/dev/null 2>&1
        kill "$daemon" 2>/dev/null
        wait "$daemon" 2>/dev/null
        # What a daemon that was killed would leave mounted.
        grep -o " $work/[^ ]*" /proc/self/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
    fi
    rm -rf "$work"
    exit $code
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

skip_all() {
    echo "skipped: containers: $1"
    [ -z "${FOSTER_SKIPPED:-}" ] || echo "skipped: containers: $1" >> "$FOSTER_SKIPPED"
    exit 0
}

[ "$(id -u)" = 0 ] || skip_all "a Docker Engine of our own needs root"
for tool in dockerd docker busybox; do
    command -v $tool >/dev/null 2>&1 || skip_all "$tool is not installed"
done
case $(LC_ALL=C ldd "$(command -v busybox)" 2>&1) in
    *"not a dynamic"* | *"statically linked"*) ;;
    *) skip_all "busybox is not static" ;;
esac

# --- The binary ---

foster=${1:-${FOSTER_BIN:-}}
if [ -z "$foster" ]; then
    target=$(rustc -vV | sed -n 's/^host: //p')
    RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release --quiet --target "$target" || exit 1
    directory=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    foster=$directory/$target/release/foster
fi
[ -x "$foster" ] || { echo "cannot execute $foster"; exit 1; }

# --- The engine ---

DOCKER_HOST=$socket
DOCKER_CONFIG=$work/config
DOCKER_BUILDKIT=0
export DOCKER_HOST DOCKER_CONFIG DOCKER_BUILDKIT
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
mkdir -p "$work/config"

start_engine() {
    driver=$1
    dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --host "$socket" \
        --config-file "$work/none.json" --storage-driver "$driver" --iptables=false --ip6tables=false --bridge=none \
        >"$work/dockerd.log" 2>&1 </dev/null &
    daemon=$!
    tries=0
    until docker version >/dev/null 2>&1; do
        tries=$((tries + 1))
        if ! kill -0 "$daemon" 2>/dev/null || [ $tries -gt 300 ]; then
            kill "$daemon" 2>/dev/null
            wait "$daemon" 2>/dev/null
            daemon=''
            return 1
        fi
        sleep 0.1
    done
}
echo '{}' > "$work/none.json"
start_engine overlay2 || start_engine vfs || {
    tail -n 5 "$work/dockerd.log"
    skip_all "dockerd does not start here"
}

# --- The images ---

mkdir -p "$work/image/bin" "$work/image/usr/bin" "$work/image/etc/foster/services.d" "$work/image/tmp"
chmod 1777 "$work/image/tmp"
cp "$foster" "$work/image/usr/bin/foster"
cp "$(command -v busybox)" "$work/image/bin/busybox"
for applet in sh sleep ps cat echo kill true id rm mkdir mv; do ln -s busybox "$work/image/bin/$applet"; done

# Services that write a line, run until SIGTERM and end with 0; SIGINT spares a line of the shell about its sleep.
service() {
    cat > "$1/$2.toml" <<TOML
script = '''
trap 'echo "stops"; exit 0' INT
echo "up as \$(id -u)"
while :; do sleep 1; done
'''
stop.signal = "SIGINT"
$3
TOML
}

# bare: nothing to run. pair: two services. ten: ten, each above the one before it.
image() {
    name=$1
    shift
    {
        echo 'FROM scratch'
        echo 'COPY . /'
        echo 'ENV PATH=/usr/bin:/bin'
        for line in "$@"; do echo "$line"; done
        echo 'ENTRYPOINT ["/usr/bin/foster", "run", "--"]'
    } > "$work/Dockerfile"
    docker build -q --network none -t "$name" -f "$work/Dockerfile" "$work/image" >"$work/build.log" 2>&1 || {
        cat "$work/build.log"
        skip_all "docker build does not work here"
    }
}
image bare
service "$work/image/etc/foster/services.d" db ''
service "$work/image/etc/foster/services.d" web 'requires = ["db"]'
image pair
image quits 'STOPSIGNAL SIGQUIT'
rm "$work"/image/etc/foster/services.d/*
service "$work/image/etc/foster/services.d" s0 ''
for n in 1 2 3 4 5 6 7 8 9; do service "$work/image/etc/foster/services.d" s$n "requires = [\"s$((n - 1))\"]"; done
image ten
rm "$work"/image/etc/foster/services.d/*
# As Dockerfile.example ends, on another base.
cp services.d.example/*.toml "$work/image/etc/foster/services.d/"
image example 'RUN ["/usr/bin/foster", "check"]' 'USER 10001:10001'
rm "$work"/image/etc/foster/services.d/*

# --- Tools of the checks ---

run() { docker run --network none "$@"; }
start() {
    started=$1
    shift
    docker rm -f "$started" >/dev/null 2>&1
    run -d --name "$started" "$@" >/dev/null
}
# Waits until the container has written what is asked for, so often.
wrote() {
    tries=0
    until [ "$(docker logs "$1" 2>&1 | grep -c "$2")" -ge "${3:-1}" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "    no $2:"; docker logs "$1" 2>&1 | tail -n 20; return 1; }
        sleep 0.1
    done
}
exit_of() { docker inspect -f '{{.State.ExitCode}}' "$1"; }
now() { cut -d' ' -f1 /proc/uptime | tr -d .; }
# Stops the container: in less than two seconds, with this exit code.
stops() {
    before=$(now)
    docker stop "$1" >/dev/null || return 1
    took=$(($(now) - before))
    code=$(exit_of "$1")
    [ "$code" = "$2" ] && [ $took -lt 200 ] || {
        echo "    it took $took hundredths of a second and ended with $code, not $2"
        docker logs "$1" 2>&1 | tail -n 20
        return 1
    }
}
zombies() { docker exec "$1" ps -o stat,comm 2>/dev/null | grep -c '^Z'; }
expect() {
    wanted=$1
    shift
    "$@" >"$work/out" 2>&1
    code=$?
    [ $code = "$wanted" ] || { echo "    ended with $code, not $wanted"; cat "$work/out"; return 1; }
}
check() {
    claim=$1
    shift
    if "$@" >"$work/told" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $claim"
    else
        failed=$((failed + 1))
        echo "FAILED  $claim"
        sed 's/^/        /' "$work/told"
    fi
}
skip() {
    left_out=$((left_out + 1))
    echo "skipped $1: $2"
    [ -z "${FOSTER_SKIPPED:-}" ] || echo "skipped: containers: $1: $2" >> "$FOSTER_SKIPPED"
}

# 125: not the container's code, but the engine could not start it.
run --rm --entrypoint /bin/true bare >"$work/out" 2>&1
[ $? != 125 ] || {
    cat "$work/out"
    skip_all "the engine cannot start containers here"
}

# --- The checks ---

the_code_of_the_command() {
    expect 42 run --rm bare sh -c 'exit 42' && expect 0 run --rm bare true && expect 127 run --rm bare nowhere
}
a_killed_command() { expect 137 run --rm bare sh -c 'kill -9 $$'; }
nothing_to_run() { expect 78 run --rm bare && grep -q 'nothing to run' "$work/out"; }
the_command_beside_services() {
    expect 7 run --rm pair sh -c 'echo "it runs"; exit 7' && grep -q '^db  *| up as 0' "$work/out" &&
        grep -q '^main  *| it runs' "$work/out"
}
ten_stop() { start ten ten && wrote ten '| up as' 10 && stops ten 0; }
# The last to start is the first to stop.
ten_in_order() { [ "$(docker logs ten 2>&1 | grep '| stops' | cut -c1-2 | tr '\n' ' ')" = 's9 s8 s7 s6 s5 s4 s3 s2 s1 s0 ' ]; }
prefixes() {
    docker logs ten >"$work/out" 2>&1
    [ "$(grep -c '^s[0-9]  *| ' "$work/out")" = "$(grep -c '' "$work/out")" ] || { cat "$work/out"; return 1; }
}
orphans_of_exec() {
    start execs pair && wrote execs '| up as' 2 || return 1
    n=0
    while [ $n -lt 200 ]; do
        docker exec execs sh -c 'sleep 0.01 & exit' || return 1
        n=$((n + 1))
    done
    tries=0
    until [ "$(zombies execs)" = 0 ]; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || { docker exec execs ps -o pid,ppid,stat,comm; return 1; }
        sleep 0.1
    done
    [ "$(docker exec execs ps -o comm | grep -c sleep)" -le 2 ] && stops execs 0
}
below_another_init() { start inner --init pair && wrote inner '| up as' 2 && stops inner 0 && [ "$(docker logs inner 2>&1 | grep -c '| stops')" = 2 ]; }
hardened() {
    name=$1 uid=$2
    shift 2
    start "$name" "$@" && wrote "$name" "| up as $uid\$" 2 && stops "$name" 0
}
# The main service takes every process that there may be, until its shell cannot fork any more.
few_processes() {
    start few --pids-limit 20 pair sh -c '
        trap "exit 0" TERM
        (for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 2 & done)
        sleep 3
        echo "has room"
        while :; do sleep 1; done'
    wrote few 'main .*| has room' && wrote few 'main .*fork' && stops few 0 && wrote few '| stops' 2
}
the_example() {
    start example --read-only --tmpfs /tmp --cap-drop ALL example && wrote example '^worker@2 | up' && wrote example '^web .*| up' &&
        docker stop example >/dev/null && [ "$(exit_of example)" = 0 ] &&
        docker logs example 2>&1 | tail -n 1 | grep -q '^store .*| stops, as the last one'
}
another_stopsignal() { start quits quits && wrote quits '| up as' 2 && stops quits 0; }
restarts() {
    start again pair && wrote again '| up as' 2 && docker restart again >/dev/null && wrote again '| up as' 4 &&
        docker restart again >/dev/null && wrote again '| up as' 6 && stops again 0
}
late_ones_are_killed_in_time() {
    start deaf pair sh -c 'trap "" TERM; echo "up as main"; while :; do sleep 1; done' && wrote deaf 'main.*up as' || return 1
    before=$(now)
    docker stop deaf >/dev/null
    took=$(($(now) - before))
    # Its own stop timeout of five seconds, not the ten after which Docker would kill everything.
    [ "$(exit_of deaf)" = 137 ] && [ $took -ge 480 ] && [ $took -lt 800 ] && [ "$(docker logs deaf 2>&1 | grep -c '| stops')" = 2 ]
}

check "run IMAGE CMD ends with the code of CMD, or 127" the_code_of_the_command
check "a command killed by SIGKILL gives 137" a_killed_command
check "nothing to run is an error that says so, 78" nothing_to_run
check "CMD is the main service beside the image's services" the_command_beside_services
check "docker stop of ten services takes less than two seconds and gives 0" ten_stop
check "the ten stop in reverse order" ten_in_order
check "docker logs has a name before every line" prefixes
check "200 docker exec that leave an orphan leave no zombie" orphans_of_exec
if command -v docker-init >/dev/null 2>&1 || [ -x /usr/libexec/docker/docker-init ]; then
    check "below --init, not as PID 1, it stops cleanly" below_another_init
else
    skip "below --init" "docker-init is not installed"
fi
check "--read-only" hardened readonly 0 --read-only pair
check "--user 65534:65534, without an entry in passwd" hardened nobody 65534 --user 65534:65534 pair
check "--cap-drop ALL --security-opt no-new-privileges" hardened caps 0 --cap-drop ALL --security-opt no-new-privileges pair
check "all of these at once" hardened all 65534 --pids-limit 100 --read-only --user 65534:65534 --cap-drop ALL --security-opt no-new-privileges pair
check "--pids-limit 20, used up by a service: it goes on, and all stop" few_processes
check "the example, as in Dockerfile.example, on a read-only root" the_example
check "STOPSIGNAL SIGQUIT" another_stopsignal
check "docker restart, twice" restarts
check "a main service that ignores SIGTERM is killed within the budget" late_ones_are_killed_in_time

echo "$passed passed, $failed failed, $left_out skipped"
[ $failed = 0 ]
