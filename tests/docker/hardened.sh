# Whatever is taken away from a container: the root user, capabilities, places to write, the view of its own processes only.

cat > "$services/loses.toml" <<'TOML'
script = '''
# A daemon that left its session and its parent, and tells when it is told to go.
setsid sh -c 'trap "echo straggler told; exit 0" TERM; echo straggler up; while :; do sleep 0.1; done' &
# Orphans, each of which ends at once.
n=0; while [ $n -lt 50 ]; do sh -c 'sleep 0.01 & exit'; n=$((n + 1)); done
echo "up as $(id -u)"
trap 'echo stops; exit 0' INT
while :; do sleep 1; done
'''
stop.signal = "SIGINT"
stop.group = false
TOML
image loses

hardened() {
    name=$1 uid=$2
    shift 2
    start "$name" "$@" && wrote "$name" "| up as $uid\$" 2 && stops "$name" 0
}
with_a_tmpfs() {
    start tmpfs --read-only --tmpfs /run/foster --user 65534:65534 --cap-drop ALL pair && wrote tmpfs '| up as' 2 &&
        expect 0 docker exec tmpfs foster healthcheck && stops tmpfs 0
}
# Nowhere to write, and /dev/shm is there in every container of Docker.
socket_in_shm() {
    start shm --read-only --user 65534:65534 --env FOSTER_SOCKET=/dev/shm/foster.sock pair && wrote shm '| up as' 2 &&
        expect 0 docker exec shm foster status && stops shm 0
}
without_a_socket() {
    start mute --read-only --user 65534:65534 pair && wrote mute '| up as' 2 && wrote_just mute '^foster' 1 &&
        wrote mute '^foster  *| no control socket: ' && stops mute 0
}
bystander() { [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }
pid_host() {
    sleep 300 &
    beside=$!
    start other pair && wrote other '| up as' 2 || return 1
    start hostpid --pid host loses && wrote hostpid '| up as' && wrote hostpid 'straggler up' || return 1
    inside=$(pid_of hostpid)
    zombies_of_ours=$(ps -o stat= --ppid "$inside" | grep -c Z)
    stops hostpid 0 && wrote hostpid 'straggler told' || return 1
    bystander $beside && bystander "$(pid_of other)" && bystander "$daemon" && wrote_just other '| stops' 0 || {
        echo "    a bystander is gone"
        return 1
    }
    kill $beside && [ "$zombies_of_ours" = 0 ] && stops other 0
}
# PID 1 is a process that reaps nothing, and a container of its own.
pid_container() {
    start pause --entrypoint /bin/sleep bare 1000 && start guest --pid container:pause loses && wrote guest '| up as' &&
        wrote guest 'straggler up' || return 1
    until_true no_zombies pause || return 1
    stops guest 0 && wrote guest 'straggler told' && [ "$(docker inspect -f '{{.State.Running}}' pause)" = true ] &&
        docker rm -f pause >/dev/null
}
# Two of them in one namespace: who is not PID 1 ends without the other.
pid_of_another_foster() {
    start host pair && wrote host '| up as' 2 && start guest --pid container:host pair && wrote guest '| up as' 2 &&
        stops guest 0 &&
        wrote_just host '| stops' 0 && expect 0 docker exec host foster status && stops host 0
}
# A1 and A5 of the acceptance scenarios, with nothing to help.
openshift() {
    start openshift --user 1000730000:0 --read-only --cap-drop ALL --security-opt no-new-privileges bare sh -c "$cleaning" && wrote openshift 'up as main' || return 1
    n=0
    while [ $n -lt 30 ]; do
        docker exec openshift sh -c 'sleep 0.01 & sleep 0.02 & exit' || return 1
        n=$((n + 1))
    done
    until_true no_zombies openshift && stops openshift 0 400 && wrote openshift '| clean$'
}
cleaning='trap "echo cleans; sleep 3; echo clean; exit 0" TERM; echo "up as main"; while :; do sleep 0.1; done'

check "--read-only" hardened readonly 0 --read-only pair
check "--user 65534:65534, without an entry in passwd" hardened nobody 65534 --user 65534:65534 pair
check "--cap-drop ALL --security-opt no-new-privileges" hardened caps 0 --cap-drop ALL --security-opt no-new-privileges pair
check "all of these at once" hardened all 65534 --pids-limit 100 --read-only --user 65534:65534 --cap-drop ALL --security-opt no-new-privileges pair
check "nowhere to write: one line says that there is no control, and all else works" without_a_socket
check "nowhere to write but a tmpfs at /run/foster: there is control" with_a_tmpfs
check "nowhere to write: the socket can lie in /dev/shm" socket_in_shm
check "an arbitrary uid, read-only, without capabilities: exec's orphans are reaped, three seconds of cleaning are given" openshift
check "--pid host: its own stragglers are told, bystanders and other containers live on" pid_host
check "--pid container: of a PID 1 that reaps nothing: no zombie, and that one lives on" pid_container
check "--pid container: of another foster: each ends by itself" pid_of_another_foster
