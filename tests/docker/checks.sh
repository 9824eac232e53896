# Tools of the claims: they print nothing when all is well, and what they saw instead when it is not.

passed=0 failed=0 left_out=0

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

run() { docker run --pull never --network none "$@"; }
start() {
    started=$1
    shift
    docker rm -f "$started" >/dev/null 2>&1
    run -d --name "$started" "$@" >/dev/null
}
# Waits until a command succeeds, for some ten seconds.
until_true() {
    tries=0
    until "$@" >"$work/until" 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "    never: $*"; tail -n 20 "$work/until"; return 1; }
        sleep 0.1
    done
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
# It has written it so often and no more.
wrote_just() {
    found=$(docker logs "$1" 2>&1 | grep -c "$2")
    [ "$found" = "$3" ] || { echo "    $2: $found times, not $3"; docker logs "$1" 2>&1 | tail -n 20; return 1; }
}
health_is() {
    until_true sh -c "docker inspect -f '{{.State.Health.Status}}' $1 | grep -qx $2" || { docker inspect -f '{{json .State.Health}}' "$1"; return 1; }
}
exit_of() { docker inspect -f '{{.State.ExitCode}}' "$1"; }
pid_of() { docker inspect -f '{{.State.Pid}}' "$1"; }
# Its PID 1 is foster, and not runc any more.
executes() { cmp -s "/proc/$(pid_of "$1")/exe" "$foster"; }
now() { cut -d' ' -f1 /proc/uptime | tr -d .; }
# Stops the container: in less than two seconds, or as many hundredths as the third argument says, with this exit code.
stops() {
    before=$(now)
    docker stop "$1" >/dev/null || return 1
    took=$(($(now) - before))
    code=$(exit_of "$1")
    [ "$code" = "$2" ] && [ $took -lt "${3:-200}" ] || {
        echo "    it took $took hundredths of a second and ended with $code, not $2"
        docker logs "$1" 2>&1 | tail -n 20
        return 1
    }
}
# The zombies of a container, without a process in it that looks.
zombies() { cat "/proc/$(pid_of "$1")/root/proc/"[0-9]*/status 2>/dev/null | grep -c '^State:.Z'; }
no_zombies() { [ "$(zombies "$1")" = 0 ]; }
expect() {
    wanted=$1
    shift
    "$@" >"$work/out" 2>&1
    code=$?
    [ $code = "$wanted" ] || { echo "    ended with $code, not $wanted"; cat "$work/out"; return 1; }
}
# What the last `expect` printed has such a line.
printed() { grep -q -- "$1" "$work/out" || { echo "    no $1:"; cat "$work/out"; return 1; }; }
