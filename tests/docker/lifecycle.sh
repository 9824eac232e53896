# What a container of services does from its start to its end: run, stop, kill, restart, pause, logs.

tree 1
image one
tree 100
image hundred
service web
cat > "$services/crash.toml" <<'TOML'
script = 'echo "no disk" >&2; exit 3'
requires = ["web"]
restart.limit = 2
TOML
image crashes

the_code_of_the_command() {
    expect 42 run --rm bare sh -c 'exit 42' && expect 0 run --rm bare true && expect 127 run --rm bare nowhere
}
a_killed_command() { expect 137 run --rm bare sh -c 'kill -9 $$'; }
nothing_to_run() { expect 78 run --rm bare && printed 'nothing to run'; }
the_command_beside_services() {
    expect 7 run --rm pair sh -c 'echo "it runs"; exit 7' && printed '^db  *| up as 0' && printed '^main  *| it runs'
}
stdin_of_the_command() { echo 'from outside' | expect 0 run --rm -i pair cat && printed '^main  *| from outside'; }
a_failed_service() {
    expect 3 run --rm crashes && printed '^foster  *| crash: ' && printed '^crash  *| no disk' && printed '^web .*| stops'
}
a_failed_service_and_a_restart_policy() {
    start policy --restart on-failure:2 crashes || return 1
    until_true sh -c '[ "$(docker inspect -f "{{.State.Status}} {{.RestartCount}}" policy)" = "exited 2" ]' &&
        [ "$(exit_of policy)" = 3 ] && wrote_just policy '^web .*| up as' 3
}
stop_of() { start "stop$1" "$2" && wrote "stop$1" '| up as' "$1" && stops "stop$1" 0 "$3" && wrote "stop$1" '| stops' "$1"; }
# The last to start is the first to stop.
ten_in_order() { [ "$(docker logs stop10 2>&1 | grep '| stops' | cut -c1-2 | tr '\n' ' ')" = 's9 s8 s7 s6 s5 s4 s3 s2 s1 s0 ' ]; }
prefixes() {
    docker logs stop10 >"$work/out" 2>&1
    [ "$(grep -c '^s[0-9]  *| ' "$work/out")" = "$(grep -c '' "$work/out")" ] || { cat "$work/out"; return 1; }
}
streams() {
    start streams bare sh -c 'echo "to stdout"; echo "to stderr" >&2; exit 0' && docker wait streams >/dev/null
    [ "$(docker logs streams 2>/dev/null)" = 'main   | to stdout' ] &&
        [ "$(docker logs streams 2>&1 >/dev/null)" = 'main   | to stderr' ] ||
        { docker logs streams; return 1; }
}
restarts() {
    start again pair && wrote again '| up as' 2 && docker restart again >/dev/null && wrote again '| up as' 4 &&
        docker restart again >/dev/null && wrote again '| up as' 6 && stops again 0
}
killed_and_started() {
    start killed pair && wrote killed '| up as' 2 && docker kill killed >/dev/null && docker wait killed >/dev/null &&
        [ "$(exit_of killed)" = 137 ] && docker start killed >/dev/null && wrote killed '| up as' 4 &&
        docker exec killed foster status >/dev/null && stops killed 0
}
paused() {
    start paused pair && wrote paused '| up as' 2 && docker pause paused >/dev/null && sleep 2 &&
        docker unpause paused >/dev/null && expect 0 docker exec paused foster status --json || return 1
    [ "$(grep -o '"restarts": *[0-9]*' "$work/out" | tr -d ' ' | sort | uniq -c | tr -s ' ')" = ' 2 "restarts":0' ] || { cat "$work/out"; return 1; }
    stops paused 0
}
verbs() {
    start verbs pair && wrote verbs '| up as' 2 && expect 0 docker exec verbs foster wait --ready --timeout 5s &&
        expect 0 docker exec verbs foster restart db && wrote verbs '| up as' 4 &&
        expect 0 docker exec verbs foster stop web &&
        expect 0 docker exec verbs foster explain web && expect 0 docker exec verbs foster logs -n 5 db &&
        printed 'up as' || return 1
    # From inside, with a code of its own.
    docker exec verbs foster shutdown --code 9 >/dev/null 2>&1
    [ "$(docker wait verbs)" = 9 ]
}

check "run IMAGE CMD ends with the code of CMD, or 127" the_code_of_the_command
check "a command killed by SIGKILL gives 137" a_killed_command
check "nothing to run is an error that says so, 78" nothing_to_run
check "CMD is the main service beside the image's services" the_command_beside_services
check "run -i: CMD reads the container's stdin" stdin_of_the_command
check "a service that has failed for good ends the container with its code" a_failed_service
check "--restart on-failure:2 starts such a container twice more" a_failed_service_and_a_restart_policy
check "docker stop of one service takes less than a second and gives 0" stop_of 1 one 100
check "docker stop of ten services takes less than two seconds and gives 0" stop_of 10 ten 200
check "the ten stop in reverse order" ten_in_order
check "docker logs has a name before every line" prefixes
check "docker stop of a hundred services takes less than three seconds and gives 0" stop_of 100 hundred 300
check "docker logs keeps stdout and stderr apart" streams
check "docker restart, twice" restarts
check "docker kill gives 137, and docker start begins again" killed_and_started
check "docker pause and unpause: nothing is restarted" paused
check "docker exec foster: wait, restart, stop, explain, logs, shutdown --code" verbs
