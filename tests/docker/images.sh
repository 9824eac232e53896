# The images. Those FROM scratch hold foster, a busybox and services; the others stand on a Debian.

root=$work/image
services=$root/etc/foster/services.d
mkdir -p "$root/bin" "$root/usr/bin" "$services" "$root/tmp"
chmod 1777 "$root/tmp"
cp "$foster" "$root/usr/bin/foster"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in sh sleep ps cat echo kill true id rm mkdir mv touch setsid test stty tty dd seq; do ln -s busybox "$root/bin/$applet"; done

# Services that write a line, run until they are asked to stop, and end with 0; SIGINT spares a line of the shell about its sleep.
service() {
    cat > "$services/$1.toml" <<TOML
script = '''
trap 'echo "stops"; exit 0' INT
echo "up as \$(id -u)"
while :; do sleep 1; done
'''
stop.signal = "SIGINT"
${2:-}
TOML
}

# docker build of a directory, by a Dockerfile that is read from stdin; what it said is in build.log.
build() {
    name=$1 context=$2
    shift 2
    cat > "$work/Dockerfile"
    docker build -q "$@" -t "$name" -f "$work/Dockerfile" "$context" >"$work/build.log" 2>&1
}
# An image of the services that are there now, and these further lines; then they are gone.
image() {
    name=$1
    shift
    {
        echo 'FROM scratch'
        echo 'COPY . /'
        echo 'ENV PATH=/usr/bin:/bin'
        echo 'ENTRYPOINT ["/usr/bin/foster", "run", "--"]'
        for line in "$@"; do echo "$line"; done
    } | build "$name" "$root" --network none || {
        cat "$work/build.log"
        skip_all "docker build does not work here"
    }
    rm -rf "$services" && mkdir "$services"
}

# N services, the first ten each above the one before.
tree() {
    n=0
    while [ $n -lt "$1" ]; do
        requires=''
        [ $n = 0 ] || [ $n -gt 9 ] || requires="requires = [\"s$((n - 1))\"]"
        service s$n "$requires"
        n=$((n + 1))
    done
}

# bare: nothing to run. pair: two services. ten: ten.
image bare
service db
service web 'requires = ["db"]'
image pair
tree 10
image ten
# inits: links to foster under the names of other inits, and no entry point.
for name in tini dumb-init catatonit; do ln -s /usr/bin/foster "$root/$name"; done
image inits 'ENTRYPOINT []'
rm "$root/tini" "$root/dumb-init" "$root/catatonit"

# 125: not the container's code, but the engine could not start it.
run --rm --entrypoint /bin/true bare >"$work/out" 2>&1
[ $? != 125 ] || {
    cat "$work/out"
    skip_all "the engine cannot start containers here"
}

# --- Debian ---

# `debian:bookworm-slim`, made in the background while the first rooms are at work, in a session that `finish` can end.
begin_debian() {
    command -v debootstrap >/dev/null 2>&1 || return
    setsid debootstrap --variant=minbase bookworm "$work/debian" >"$work/debootstrap.log" 2>&1 </dev/null &
    debian=$!
}
# Waits for it; the second time it is there. `no_debian` says why not.
debian_base() {
    [ -z "${debian_made:-}" ] || return 0
    [ -n "$debian" ] || begin_debian
    [ -n "$debian" ] || { no_debian='debootstrap is not installed'; return 1; }
    wait "$debian"
    code=$?
    debian=''
    [ $code = 0 ] || { no_debian="debootstrap: $(tail -n 1 "$work/debootstrap.log")"; return 1; }
    rm -f "$work"/debian/var/cache/apt/archives/*.deb
    tar -C "$work/debian" -c . | docker import - debian:bookworm-slim >"$work/import.log" 2>&1 || {
        no_debian="docker import: $(tail -n 1 "$work/import.log")"
        return 1
    }
    rm -rf "$work/debian"
    debian_made=yes
}

# --- Pages ---

# Writes what the section of a page shows below a directory: its Dockerfile, its services to services.d, and every other
# file that says its name in its first line.
page() {
    rm -rf "$3" && mkdir -p "$3/services.d"
    awk -v heading="$2" -v directory="$3" '
        /^## / { inside = $0 == "## " heading }
        /^```/ {
            block = !block
            first = block
            kind = substr($0, 4)
            file = kind == "dockerfile" && inside ? directory "/Dockerfile" : ""
            next
        }
        block && inside && first && sub(/^# file: /, "") {
            file = directory "/" (kind == "toml" && $0 != "foster.toml" ? "services.d/" : "") $0
            path = file
            sub(/\/[^\/]*$/, "", path)
            system("mkdir -p " path)
            first = 0
            next
        }
        block { first = 0 }
        block && file != "" { print > file }
    ' "$1"
    [ -s "$3/Dockerfile" ] || { echo "    $1 shows no Dockerfile under $2"; return 1; }
}
