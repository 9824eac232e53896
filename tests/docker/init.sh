# foster in the place of tini, dumb-init and catatonit: as what `docker run --init` puts before a command, and under their
# names in an image.

# An image of those that are here themselves, and need no library, for what is claimed to be the same.
peers=''
for peer in tini-static:tini catatonit:catatonit; do
    program=$(command -v "${peer%:*}") && cp "$program" "$root/${peer#*:}" && peers="$peers ${peer#*:}"
done
image peers 'ENTRYPOINT []'
rm -f "$root/tini" "$root/catatonit"

probes() { seq 1 "$2" | xargs -P 4 -I % docker exec "$1" sh -c 'sleep 0.01 & sleep 0.02 & exit'; }
# Starts an image with the options before `--`, and a command after it that is put behind an init by them.
begin() {
    docker rm -f init >/dev/null 2>&1
    run -d --name init "$@" >/dev/null
}
# What every init does. The arguments are those of docker run up to the command.
does_it() {
    expect 42 run --rm "$@" sh -c 'exit 42' && expect 137 run --rm "$@" sh -c 'kill -9 $$' || return 1
    begin "$@" sh -c 'trap "echo told; exit 5" TERM; echo up; while :; do sleep 0.1; done' && wrote init '^up$' &&
        probes init 20 &&
        until_true no_zombies init && stops init 5 && wrote init '^told$' || return 1
    # A command without handlers, which would not feel it as PID 1.
    begin "$@" sleep 1000 && until_true runs sleep && stops init 143
}
runs() { cat "/proc/$(pid_of init)/root/proc/"[0-9]*/comm 2>/dev/null | grep -qx "$1"; }
with_init() { does_it --init inits && hardened_init; }
hardened_init() {
    begin --init --read-only --user 65534:65534 --cap-drop ALL --security-opt no-new-privileges inits sleep 1000 &&
        until_true runs sleep &&
        executes init && stops init 143
}
engine_info() {
    docker info > "$work/out" 2>&1
    printed "^ *Init Binary: $work/bin/docker-init" && printed '^ *init version: foster' || return 1
    docker version --format '{{range .Server.Components}}{{.Name}} {{.Version}};{{end}}' > "$work/out"
    printed 'docker-init [0-9][0-9.]*[ (]'
}
early_with_init() {
    n=0
    while [ $n -lt 20 ]; do
        begin --init inits sleep 1000 && until_true executes init || return 1
        stops init 143 || { echo "    round $n"; return 1; }
        n=$((n + 1))
    done
}
below_another_init() {
    docker rm -f inner >/dev/null 2>&1
    start inner --init pair && wrote inner '| up as' 2 && stops inner 0 && wrote_just inner '| stops' 2
}
# The engine takes the file anew for every container.
below_tini() {
    rm "$work/bin/docker-init" && cp "$1" "$work/bin/docker-init" || return 1
    below_another_init
    code=$?
    rm "$work/bin/docker-init" && cp "$foster" "$work/bin/docker-init" && return $code
}
as_tini() {
    does_it --entrypoint /tini "$1" -- && does_it --entrypoint /tini "$1" -g -- &&
        does_it --entrypoint /tini --env TINI_KILL_PROCESS_GROUP= "$1" -v -- || return 1
    # -e makes a success of an end by SIGTERM.
    begin --entrypoint /tini "$1" -e 143 -- sleep 1000 && until_true runs sleep && stops init 0 &&
        expect 127 run --rm --entrypoint /tini "$1" -- nowhere && expect 0 run --rm --entrypoint /tini "$1" --version &&
        printed '^tini version '
}
as_dumb_init() {
    does_it --entrypoint /dumb-init inits && does_it --entrypoint /dumb-init inits --single-child -- || return 1
    begin --entrypoint /dumb-init inits --rewrite 15:3 sh -c 'trap "echo quit; exit 6" QUIT; echo up; while :; do sleep 0.1; done' && wrote init '^up$' && stops init 6 &&
        expect 2 run --rm --entrypoint /dumb-init inits nowhere && printed 'nowhere'
}
as_catatonit() {
    does_it --entrypoint /catatonit "$1" -- && does_it --entrypoint /catatonit "$1" -g -- || return 1
    # A pause container, and a guest in its namespace whose orphans it reaps.
    begin --entrypoint /catatonit "$1" -P && run --rm --pid container:init "$1" sh -c 'sleep 0.1 & sleep 0.2 & exit' &&
        until_true no_zombies init && stops init 0
}
as_foster_init() {
    does_it --entrypoint /usr/bin/foster inits init -- &&
        does_it --entrypoint /usr/bin/foster inits init --kill-group -- || return 1
    begin --entrypoint /usr/bin/foster inits init --exit-zero-on-stop -- sleep 1000 && until_true runs sleep &&
        stops init 0
}
podman() {
    env -u DOCKER_CONFIG -u DOCKER_HOST podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "$@"
}
podman_works() {
    command -v podman >/dev/null 2>&1 || { no_podman='podman is not installed'; return 1; }
    docker save -o "$work/inits.tar" inits && podman load --quiet --input "$work/inits.tar" >"$work/podman.log" 2>&1 &&
        podman_run --rm inits true >"$work/podman.log" 2>&1 || { no_podman="podman does not work here: $(tail -n 1 "$work/podman.log")"; return 1; }
}
# Its own limits are above what a machine may give.
podman_run() { podman run --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"; }
podman_init() {
    cp "$foster" "$work/bin/podman-init" &&
        expect 42 podman_run --rm --init --init-path "$work/bin/podman-init" inits sh -c 'exit 42' || return 1
    podman_run -d --name init --init --init-path "$work/bin/podman-init" inits sh -c 'trap "exit 5" TERM; touch /tmp/up; while :; do sleep 0.1; done' >/dev/null &&
        until_true podman exec init cat /tmp/up && podman exec init sh -c 'sleep 0.01 & exit' || return 1
    inside=$(podman inspect --format '{{.State.Pid}}' init)
    until_true sh -c "! cat /proc/$inside/root/proc/[0-9]*/status | grep -q '^State:.Z'" && podman stop init >/dev/null &&
        [ "$(podman inspect --format '{{.State.ExitCode}}' init)" = 5 ] && podman rm init >/dev/null
}

check "docker run --init, with foster as docker-init: codes, SIGTERM, the orphans of exec; without privileges too" with_init
check "docker info and docker version understand its version" engine_info
check "--init: docker stop right after docker run, twenty times: no signal is lost" early_with_init
check "foster run below --init, not as PID 1, stops cleanly" below_another_init
tini=$(command -v docker-init || command -v tini-static || true)
if [ -n "$tini" ]; then
    check "and below --init with Docker's own tini" below_tini "$tini"
else
    skip "below Docker's own tini" "docker-init is not installed"
fi
check "an image with /tini as ENTRYPOINT: a link to foster does the same" as_tini inits
check "an image with /dumb-init: the same" as_dumb_init
check "an image with /catatonit: the same" as_catatonit inits
for peer in $peers; do check "control: $peer itself does all that is claimed of its name" "as_$peer" peers; done
check "foster init" as_foster_init
if podman_works; then
    check "podman run --init --init-path" podman_init
else
    skip "podman --init-path" "$no_podman"
fi
