#!/bin/sh
# foster in real containers: sh tests/docker/run.sh [--only ROOM,…] [path of a static foster binary]
#
# Starts a Docker Engine of its own, with its own state below a temporary directory and no network, and ends it by its
# pid. Needs root, dockerd, docker and a static busybox (Debian: docker.io busybox-static). Pulls nothing: the images are
# made of the two binaries, and of a Debian that debootstrap makes where a mirror answers. Where it cannot work it says
# `skipped: …` and succeeds.
#
# A room is a file beside this one with the claims about one matter.
set -u
cd "$(dirname "$0")/../.." || exit 1

rooms='lifecycle signals hardened limits reaping init terminal health compose example guides'
foster=${FOSTER_BIN:-}
while [ $# -gt 0 ]; do
    case $1 in
        --only)
            rooms=$(echo "${2:-}" | tr ',' ' ')
            shift
            ;;
        -*)
            echo "usage: sh tests/docker/run.sh [--only ROOM,…] [BINARY]"
            exit 64
            ;;
        *) foster=$1 ;;
    esac
    shift
done
for room in $rooms; do
    [ -f "tests/docker/$room.sh" ] || { echo "there is no room $room"; exit 64; }
done

. tests/docker/engine.sh
. tests/docker/checks.sh
. tests/docker/images.sh

case " $rooms " in *" example "* | *" guides "*) begin_debian ;; esac
for room in $rooms; do
    . "tests/docker/$room.sh"
done

echo "$passed passed, $failed failed, $left_out skipped"
[ $failed = 0 ]
