# Orphans of what enters a container from outside: docker exec, exec probes, nsenter.

# A1 of the acceptance scenarios: probes that leave two orphans each, four side by side. The command of an exec ends
# with the container's PID 1 as the parent of what it left.
probes() { seq 1 "$2" | xargs -P 4 -I % docker exec "$1" sh -c 'sleep 0.01 & sleep 0.02 & exit'; }
memory_of() { awk '/^Pss:/ { print $2 }' "/proc/$(pid_of "$1")/smaps_rollup"; }
thousand_probes() {
    start execs pair && wrote execs '| up as' 2 && probes execs 50 || return 1
    early=$(memory_of execs)
    probes execs 950 || return 1
    before=$(now)
    until_true no_zombies execs || return 1
    [ $(($(now) - before)) -lt 100 ] || { echo "    zombies for $(($(now) - before)) hundredths of a second"; return 1; }
    late=$(memory_of execs)
    [ "$late" -le $((early + 64)) ] || { echo "    foster grew from $early to $late KiB"; return 1; }
    wrote_just execs '| up as' 2 && [ "$(docker exec execs ps -o comm | grep -c sleep)" -le 2 ] && stops execs 0
}
# A6: the same without an init.
probes_without_an_init() {
    start zombies --entrypoint /bin/sleep bare 1000 && probes zombies 20 || return 1
    until_true sh -c "cat /proc/$(pid_of zombies)/root/proc/[0-9]*/status | grep -c '^State:.Z' | grep -qx 40"
    docker rm -f zombies >/dev/null
}
# A19, as lfn-cnti's zombie_handled has it: a process that enters from the host and leaves a child, which ends later.
entered_from_the_host() {
    start entered pair && wrote entered '| up as' 2 || return 1
    inside=$(pid_of entered)
    nsenter --target "$inside" --pid --mount /bin/busybox sh -c 'busybox sleep 0.2 & busybox sleep 30 & exit' || return 1
    parent() { ps -o ppid=,args= -e | grep '[b]usybox sleep 30' | awk '{ print $1 }'; }
    [ "$(parent)" = "$inside" ] || { echo "    the child's parent is $(parent), not $inside"; return 1; }
    until_true sh -c "! ps -o args= --ppid $inside | grep -q '[s]leep 0.2'" && until_true no_zombies entered || return 1
    # And what is left is told to go with the container.
    stops entered 0 && [ -z "$(parent)" ]
}
# A19, as lfn-cnti's sig_term_handled has it: SIGTERM to PID 1 reaches every process of the container.
everybody_is_told() {
    start told bare sh -c '
        sh -c "trap \"echo child told; exit\" TERM; while :; do sleep 0.1; done" &
        setsid sh -c "trap \"echo daemon told; exit\" TERM; while :; do sleep 0.1; done" &
        trap "echo main told; exit 0" TERM; echo up; while :; do sleep 0.1; done' && wrote told '| up' || return 1
    # The command of the exec is no child of PID 1, but what it leaves is.
    docker exec told sh -c 'sh -c "trap \"echo orphan told > /proc/1/fd/1; exit\" TERM; while :; do sleep 0.1; done" & exit' || return 1
    kill -TERM "$(pid_of told)" && docker wait told >/dev/null && [ "$(exit_of told)" = 0 ] && wrote told 'main told' &&
        wrote told 'child told' &&
        wrote told 'daemon told' && wrote told '^orphan told'
}
# A shell that somebody has left open does not hold up the end.
not_waited_for() {
    start open pair && wrote open '| up as' 2 &&
        docker exec -d open sh -c 'trap "" TERM; touch /tmp/exec; while :; do sleep 0.1; done' &&
        until_true docker exec open cat /tmp/exec && stops open 0 100
}
# A3: the probe is killed at its timeout, and what it left ends later.
killed_probe() {
    start timeouts pair && wrote timeouts '| up as' 2 || return 1
    docker exec -d timeouts sh -c 'sleep 0.7 & kill -9 $$'
    until_true sh -c "ps -o args= --ppid $(pid_of timeouts) | grep -q '[s]leep 0.7'" &&
        until_true sh -c "! ps -o args= --ppid $(pid_of timeouts) | grep -q '[s]leep 0.7'" && no_zombies timeouts &&
        stops timeouts 0
}

check "1,000 docker exec that leave two orphans each leave no zombie, and foster does not grow" thousand_probes
check "control: without an init, each of them leaves two zombies" probes_without_an_init
check "a child that nsenter left is adopted, reaped, and told to go" entered_from_the_host
check "SIGTERM to PID 1 reaches its child, its grandchild, a daemon and what docker exec left" everybody_is_told
check "a command of docker exec does not hold up docker stop" not_waited_for
check "what a killed probe left is reaped" killed_probe
