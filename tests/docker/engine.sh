# A Docker Engine of our own, and the binary that is tried. Sets `work`, `foster`, and what docker(1) needs to find it.

daemon='' debian=''
work=$(mktemp -d "${TMPDIR:-/tmp}/foster-docker.XXXXXX") || exit 1
socket=unix://$work/docker.sock
# Where there is memory enough, images are made in it: they are many small files.
if [ "$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)" -ge 8 ]; then
    mount -t tmpfs -o size=4g,mode=700 foster-docker "$work" 2>/dev/null || true
fi

finish() {
    code=$?
    trap '' INT TERM
    # It makes a Debian, in the background and in a session of its own.
    if [ -n "$debian" ]; then
        kill -TERM -"$debian" 2>/dev/null
        wait "$debian" 2>/dev/null
    fi
    if [ -n "$daemon" ]; then
        containers=$(docker ps -aq 2>/dev/null)
        # shellcheck disable=SC2086
        [ -z "$containers" ] || docker rm -f $containers >/dev/null 2>&1
        kill "$daemon" 2>/dev/null
        wait "$daemon" 2>/dev/null
    fi
    # What a daemon that was killed would leave mounted.
    grep -o " $work/[^ ]*" /proc/self/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
    ! mountpoint -q "$work" || umount -l "$work"
    rm -rf "$work"
    exit $code
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

tests=containers
. tests/needs.sh
[ "$(id -u)" = 0 ] || skip_all "a Docker Engine of our own needs root"
need dockerd docker
find_foster

DOCKER_HOST=$socket
DOCKER_CONFIG=$work/config
DOCKER_BUILDKIT=0
export DOCKER_HOST DOCKER_CONFIG DOCKER_BUILDKIT
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
mkdir -p "$work/config" "$work/bin"

# What `docker run --init` puts before a command: foster, under the name that the engine knows.
cp "$foster" "$work/bin/docker-init"

start_engine() {
    driver=$1
    dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --host "$socket" \
        --config-file "$work/none.json" --storage-driver "$driver" --init-path "$work/bin/docker-init" \
        --iptables=false --ip6tables=false --bridge=none \
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
