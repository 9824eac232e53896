# The images that the guides show, made from the pages themselves. Their packages come from a mirror.

guide() {
    tag=$1
    page "docs/$2" "$3" "$work/guide" && cp "$foster" "$work/guide/foster" || return 1
    build "$tag" "$work/guide" --network host < "$work/guide/Dockerfile" || { tail -n 40 "$work/build.log"; return 1; }
}
visit() { docker exec "$1" php -r 'echo file_get_contents("http://127.0.0.1:8080/");'; }
legacy_builds() { guide legacy howto-legacy.md 'A worked example'; }
legacy_starts() {
    printf 'sesame\n' > "$work/shop-password"
    start legacy --volume "$work/shop-password:/run/secrets/shop-password:ro" --health-interval 1s legacy || return 1
    expect 0 docker exec legacy foster wait --ready --timeout 20s || { docker logs legacy; return 1; }
    wrote legacy '^migrate *| to version 3' && wrote legacy '^billing *| .* begins' &&
        wrote legacy '^syslog *| billing-job: the first job' || return 1
    [ "$(visit legacy)" = 'schema 3, password of 6 letters' ] || { visit legacy; docker logs legacy 2>&1 | tail -n 20; return 1; }
    wrote legacy '^syslog *| shop: a visitor' && wrote legacy '^nginx *| .*"GET / HTTP/1.1" 200' || return 1
    [ "$(docker logs legacy 2>&1 | grep -c sesame)" = 0 ] || { echo "    the secret is told"; return 1; }
    health_is legacy healthy
}
# Its pid is in the file that it wrote; only the tree's own process notices its end.
legacy_daemon_dies() {
    docker exec legacy sh -c 'kill -9 "$(cat /run/billingd.pid)"' && wrote legacy '^billing *| .* begins' 2 &&
        no_zombies legacy &&
        expect 0 docker exec legacy foster wait --ready --timeout 20s
}
legacy_reloads() {
    before=$(docker exec legacy foster status --json | grep -o '"pid": *[0-9]*' | sort)
    docker exec legacy foster reload nginx php >/dev/null || return 1
    [ "$(docker exec legacy foster status --json | grep -o '"pid": *[0-9]*' | sort)" = "$before" ] &&
        [ "$(visit legacy)" = 'schema 3, password of 6 letters' ]
}
legacy_stops() {
    stops legacy 0 500 && wrote legacy '^billing *| .* ends' &&
        wrote_just legacy 'SIGKILL' 0 || { docker logs legacy 2>&1 | tail -n 20; return 1; }
}
# The second time there is nothing to migrate.
legacy_again() {
    docker start legacy >/dev/null && expect 0 docker exec legacy foster wait --ready --timeout 20s &&
        stops legacy 0 500 &&
        wrote_just legacy 'to version 1' 1
}


# What docs/howto-start.md does, step by step.
first_builds() { guide first howto-start.md 'Three services'; }
first_runs() {
    start first first && wrote first '^prepare | the page is prepared$' && wrote first '^clock   | the clock is up$' &&
        expect 0 docker exec first foster wait --ready --timeout 5s &&
        expect 0 docker exec first busybox wget -qO- http://127.0.0.1:8080/ && printed ':' || return 1
    expect 0 docker exec first foster graph && printed '^`- clock  ready$' && printed '^   `- prepare  done  (oneshot)$'
}
first_dies() {
    pid=$(docker exec first foster status | awk '$1 == "clock" { print $4 }')
    docker exec first sh -c "kill -9 $pid" &&
        wrote first '^foster  | clock: was killed by SIGKILL; restarting it now$' &&
        wrote first '^clock   | the clock is up$' 2 &&
        stops first 0
}
first_with_a_command() { expect 42 run --rm first sh -c 'cat /srv/www/index.html; exit 42' && printed '^main    | ..* ..*:'; }
first_with_a_mistake() {
    sed -i 's/^requires = \["clock"\]/requires = ["clok"]/' "$work/guide/services.d/web.toml" &&
        ! build first "$work/guide" --network host < "$work/guide/Dockerfile" &&
        grep -q 'help: did you mean `clock`?' "$work/build.log"
}

mirror() {
    printf 'FROM debian:bookworm-slim\nRUN apt-get update\n' | build mirror "$work/bin" --network host || { no_mirror=$(tail -n 1 "$work/build.log"); return 1; }
}

if ! debian_base; then
    skip "the images of the guides" "$no_debian"
elif ! mirror; then
    skip "the images of the guides" "no mirror answers the build: $no_mirror"
else
    check "five minutes: the image of the guide builds" first_builds
    check "it starts, and says so as the guide does" first_runs
    check "one dies, and is restarted; the container is stopped" first_dies
    check "with a command of its own" first_with_a_command
    check "a mistake fails its build" first_with_a_mistake
    check "the legacy application of the guide builds" legacy_builds
    check "it starts: migration, secret, nginx and PHP, syslog, a job of cron, a daemon that forks" legacy_starts
    check "the daemon that forked is restarted when it dies" legacy_daemon_dies
    check "nginx and PHP are reloaded without a new process" legacy_reloads
    check "docker stop ends all of it in time, with 0" legacy_stops
    check "docker start begins again, and nothing is migrated twice" legacy_again
fi
