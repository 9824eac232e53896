# Limits of the engine: processes, memory, files.

# The first one takes more than there is, and later ones do not.
cat > "$services/hog.toml" <<'TOML'
script = '''
trap 'echo stops; exit 0' INT
if [ ! -e /tmp/once ]; then touch /tmp/once; exec dd if=/dev/zero of=/dev/null bs=200M count=1; fi
echo "up as $(id -u)"
while :; do sleep 1; done
'''
stop.signal = "SIGINT"
TOML
service web
image hog
cat > "$services/hog.toml" <<'TOML'
script = 'exec dd if=/dev/zero of=/dev/null bs=200M count=1'
restart.limit = 2
TOML
service web
image hogs

# The main service takes every process that there may be, until its shell cannot fork any more.
few_processes() {
    start few --pids-limit 20 pair sh -c '
        trap "exit 0" TERM
        (for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 2 & done)
        sleep 3
        echo "has room"
        while :; do sleep 1; done'
    wrote few 'main .*| has room' && wrote few 'main .*fork' || return 1
    # What could not fork meanwhile has been restarted.
    expect 0 docker exec few foster wait --ready --timeout 20s && stops few 0 && wrote few '| stops' 2
}
# A7: zombies count as processes.
orphans_within_a_limit() {
    start budget --pids-limit 24 bare sh -c '
        n=0; while [ $n -lt 1000 ]; do sh -c "true & exit" || exit 1; n=$((n + 1)); done; echo "no fork failed"' &&
        [ "$(docker wait budget)" = 0 ] && wrote budget 'no fork failed'
}
one_hog() {
    start hog --memory 64m --memory-swap 64m hog && wrote hog '^hog .*| up as' || return 1
    wrote hog '^foster .*| hog: was killed by the OOM killer' && wrote_just hog '^web .*| up as' 1 && stops hog 0
}
hogs() { expect 137 run --rm --memory 64m --memory-swap 64m hogs && printed '^foster .*| hog: ' && printed '^web .*| stops'; }
small() {
    start small --memory 8m --memory-swap 8m ten && wrote small '| up as' 10 && stops small 0
}
few_files() { start files --ulimit nofile=64 ten && wrote files '| up as' 10 && stops files 0; }

check "--pids-limit 20, used up by a service: it goes on, and all stop" few_processes
check "--pids-limit 24, and a thousand orphans: no fork fails" orphans_within_a_limit
if [ "$(docker info -f "{{.MemoryLimit}}")" = true ]; then
    check "--memory: a service that takes too much is killed and restarted, and the others know nothing of it" one_hog
    check "--memory: one that takes too much again and again ends the container with 137" hogs
    check "--memory 8m is room enough for ten services" small
else
    skip "--memory" "the engine has no memory limits here"
fi
check "--ulimit nofile=64 is enough for ten services" few_files
