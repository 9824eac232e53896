# docker run -it, in a terminal of script(1): one service has it, as a job of a shell has.

# Begins a session in the background, with a terminal of 24 lines. What is typed goes to descriptor 9, what is shown to a file.
session() {
    name=$1
    shift
    rm -f "$work/typed" "$work/screen" "$work/tty"
    docker rm -f "$name" >/dev/null 2>&1
    mkfifo "$work/typed" || return 1
    {
        echo "tty > $work/tty"
        echo "stty rows 24 cols 80"
        printf 'exec docker run --pull never --network none -it --name %s' "$name"
        for word in "$@"; do printf " '%s'" "$word"; done
    } > "$work/session"
    script -qefc "sh $work/session" /dev/null <"$work/typed" >"$work/screen" 2>&1 &
    session=$!
    exec 9>"$work/typed"
}
# Without returns and colours.
plain() { tr -d '\r' | sed 's/\x1b\[[0-9;]*m//g'; }
type_in() { printf "$1" >&9; }
shown() {
    tries=0
    until [ "$(plain < "$work/screen" | grep -c "$1")" -ge "${2:-1}" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "    never shown: $1"; cat "$work/screen"; return 1; }
        sleep 0.1
    done
}
# The session ends by itself, with this code.
session_ends() {
    tries=0
    while kill -0 $session 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 150 ] || { echo "    the session does not end"; cat "$work/screen"; kill $session; break; }
        sleep 0.1
    done
    exec 9>&-
    wait $session
    code=$?
    [ $code = "$1" ] || { echo "    docker run ended with $code, not $1"; cat "$work/screen"; return 1; }
}

all_three() {
    session three "$@" sh -c 'test -t 0 && test -t 1 && test -t 2 && echo "all three"; read -r line; echo "got $line"; exit 7' &&
        shown '^all three$' && type_in 'hello\r' && shown '^got hello$' && session_ends 7
}
interrupted() {
    session interrupted "$@" sh -c 'trap "echo interrupted; exit 5" INT; echo ready; while :; do sleep 0.1; done' &&
        shown '^ready$' && type_in '\003' && shown 'interrupted$' && session_ends 5
}
# Only the main service is interrupted: the others are stopped after it, in order.
interrupted_beside_services() {
    interrupted pair && docker logs interrupted | plain | grep -o 'interrupted$\|[a-z]* *| stops$' > "$work/order" || return 1
    [ "$(tr -d ' \n' < "$work/order")" = 'interruptedweb|stopsdb|stops' ] || { cat "$work/order"; return 1; }
}
unprepared() { session unprepared "$@" sh -c 'echo ready; exec sleep 1000' && shown '^ready$' && type_in '\003' && session_ends 130; }
resized() {
    session resized "$@" sh -c 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done' && shown '^ready$' &&
        stty -F "$(cat "$work/tty")" rows 33 cols 99 && shown '^33 99$' && type_in '\003' && session_ends 130
}
# A shell with jobs of its own.
in_the_foreground() { until_true sh -c "ps -e -o stat=,args= | grep -q '^S+ *$1\$'"; }
job_control() {
    session jobs "$@" sh -i && shown '[#$] ' && type_in 'sleep 4321\r' && in_the_foreground 'sleep 4321' &&
        type_in '\032' && shown 'Stopped' && type_in 'echo at $((40 + 2))\r' && shown '^at 42' && type_in 'fg\r' &&
        in_the_foreground 'sleep 4321' &&
        type_in '\003' && type_in 'exit 9\r' && session_ends 9 && [ "$(grep -c "can't access tty" "$work/screen")" = 0 ]
}
# Ctrl-Z at a main service that is no shell: foster takes the terminal, and says how it goes on.
stopped() {
    session stopped bare sh -c 'echo ready; read -r line; echo "got $line"; exit 3' && shown '^ready$' &&
        type_in '\032' && shown 'main: stopped by SIGTSTP' &&
        docker exec stopped foster signal CONT main >/dev/null && type_in 'on\r' && shown '^got on$' && session_ends 3
}
without_a_main_service() { session services pair && shown '| up as 0$' 2 && type_in '\003' && shown '| stops$' 2 && session_ends 0; }
detached() {
    start detached -it pair sh -c 'trap "exit 6" TERM; echo ready; while :; do sleep 0.1; done' &&
        wrote detached ready && wrote detached 'up as' 2 && stops detached 6
}

if ! command -v script >/dev/null 2>&1; then
    skip "docker run -it" "script is not installed"
else
    check "-it: the main service has the terminal and reads what is typed; its code is docker run's" all_three pair
    check "Ctrl-C reaches the main service, and the others are stopped after it" interrupted_beside_services
    check "Ctrl-C at a program that does not mind it gives 130" unprepared bare
    check "the size of the window reaches it" resized pair
    check "a shell beside services has jobs: Ctrl-Z, fg, Ctrl-C" job_control pair
    check "Ctrl-Z at what is no shell: foster says so, and SIGCONT lets it go on" stopped
    check "services alone: Ctrl-C stops them in order, with 0" without_a_main_service
    for init in foster tini dumb-init catatonit; do
        case $init in
            foster) set -- --entrypoint /usr/bin/foster inits init -- ;;
            *) set -- --entrypoint "/$init" inits -- ;;
        esac
        check "init as $init, -it: it reads what is typed, and its code is docker run's" all_three "$@"
        check "init as $init, -it: Ctrl-C gives 130" unprepared "$@"
        check "init as $init, -it: the size of the window reaches it" resized "$@"
        check "init as $init, -it: a shell has jobs" job_control "$@"
    done
    check "detached, -it makes no difference" detached
fi
