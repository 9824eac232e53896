# What docker stop and docker kill send.

service db
service web 'requires = ["db"]'
image quits 'STOPSIGNAL SIGQUIT'

another_stopsignal() { start quits quits && wrote quits '| up as' 2 && stops quits 0; }
stop_signal() {
    start signal --stop-signal "$1" --env FOSTER_SHUTDOWN_SIGNALS="${2:-}" pair && wrote signal '| up as' 2 &&
        stops signal 0 &&
        wrote signal '| stops' 2
}
stop_signals() { stop_signal SIGINT && stop_signal SIGPWR && stop_signal 37 && stop_signal SIGRTMIN+3; }
added_signal() { stop_signal SIGWINCH WINCH && stop_signal SIGUSR2 'USR2, WINCH'; }
late_ones_are_killed_in_time() {
    start deaf pair sh -c 'trap "" TERM; echo "up as main"; while :; do sleep 1; done' &&
        wrote deaf 'main.*up as' || return 1
    before=$(now)
    docker stop deaf >/dev/null
    took=$(($(now) - before))
    # Its own stop timeout of five seconds, not the ten after which Docker would kill everything.
    [ "$(exit_of deaf)" = 137 ] && [ $took -ge 480 ] && [ $took -lt 800 ] && wrote_just deaf '| stops' 2
}
# A5 of the acceptance scenarios.
cleaning='trap "echo cleans; sleep 3; echo clean; exit 0" TERM; echo "up as main"; while :; do sleep 0.1; done'
three_seconds_of_cleaning() {
    start cleaner bare sh -c "$cleaning" && wrote cleaner 'up as main' && stops cleaner 0 400 &&
        wrote cleaner '| clean$' && [ $took -ge 290 ]
}
# A6: the same without an init. A process without handlers that is PID 1 does not feel SIGTERM.
without_an_init() {
    start bald --entrypoint /bin/sleep bare 1000 || return 1
    before=$(now)
    docker stop --time 2 bald >/dev/null || return 1
    [ $(($(now) - before)) -ge 190 ] && [ "$(exit_of bald)" = 137 ]
}
# And the same command is stopped by one signal below foster.
sleep_is_stopped() { start haired bare sleep 1000 && until_true docker exec haired foster wait --ready && stops haired 143; }
status_by_signal() {
    start table pair && wrote table '| up as' 2 && docker kill --signal USR1 table >/dev/null &&
        wrote table '^foster .*web.*ready' && stops table 0
}
apply_by_signal() {
    mkdir -p "$work/mounted" && cat > "$work/mounted/one.toml" <<'TOML' || return 1
script = 'trap "exit 0" TERM; echo "one is up"; while :; do sleep 0.1; done'
TOML
    start applies --volume "$work/mounted:/etc/foster/services.d:ro" bare && wrote applies 'one is up' &&
        sed 's/one is up/two is up/' "$work/mounted/one.toml" > "$work/mounted/two.toml" &&
        docker kill --signal HUP applies >/dev/null && wrote applies 'two  *| two is up' &&
        wrote_just applies 'one is up' 1 &&
        stops applies 0
}
passed_on() {
    start passes bare sh -c 'trap "echo got WINCH" WINCH; trap "echo got USR2" USR2; echo up; while :; do sleep 0.1; done' &&
        wrote passes '| up' && docker kill --signal WINCH passes >/dev/null && wrote passes 'got WINCH' &&
        docker kill --signal USR2 passes >/dev/null && wrote passes 'got USR2' && stops passes 143
}
# Every start is followed by its stop, as soon as it is foster that is PID 1: what comes while that is still runc is lost
# for everybody.
early() {
    n=0
    while [ $n -lt 20 ]; do
        start early bare sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done' && until_true executes early || return 1
        before=$(now)
        docker stop early >/dev/null || return 1
        # Before the command could set its trap SIGTERM kills it.
        case $(exit_of early) in 0 | 143) ;; *) echo "    round $n: $(exit_of early)"; return 1 ;; esac
        [ $(($(now) - before)) -lt 200 ] || { echo "    round $n: $(($(now) - before)) hundredths"; return 1; }
        n=$((n + 1))
    done
}
twice() {
    start twice pair sh -c 'trap "" TERM; echo "up as main"; while :; do sleep 1; done' &&
        wrote twice 'main.*up as' || return 1
    before=$(now)
    docker kill --signal TERM twice >/dev/null && docker kill --signal TERM twice >/dev/null &&
        docker wait twice >/dev/null
    [ $(($(now) - before)) -lt 200 ] && [ "$(exit_of twice)" = 137 ]
}

check "STOPSIGNAL SIGQUIT" another_stopsignal
check "--stop-signal INT, PWR, 37 and RTMIN+3 stop as TERM does" stop_signals
check "FOSTER_SHUTDOWN_SIGNALS adds what a base image has for STOPSIGNAL" added_signal
check "a main service that ignores SIGTERM is killed within the budget" late_ones_are_killed_in_time
check "a command that cleans up for three seconds gets them, and the container ends with 0" three_seconds_of_cleaning
check "control: without an init, docker stop of sleep has to kill" without_an_init
check "below foster, docker stop of sleep takes no time" sleep_is_stopped
check "docker stop right after docker run, twenty times: no signal is lost" early
check "a second SIGTERM ends all at once" twice
check "docker kill --signal USR1 writes the table of services" status_by_signal
check "docker kill --signal HUP applies what a mounted directory has now" apply_by_signal
check "docker kill --signal WINCH and USR2 reach the main service" passed_on
