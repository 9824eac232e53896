# HEALTHCHECK with foster healthcheck, as a user who is not root.

# Ready when there is a file, healthy as long as there is another.
cat > "$services/web.toml" <<'TOML'
script = 'trap "exit 0" TERM; echo "web is up"; while :; do sleep 0.1; done'
ready.file = "/tmp/ready"
ready.timeout = "60s"

[health]
exec = ["test", "-e", "/tmp/healthy"]
interval = "100ms"
failures = 2
on-failure = "none"
TOML
service db
image health 'USER 10001:10001' \
    'HEALTHCHECK --interval=1s --timeout=5s --start-period=60s --retries=1 CMD ["/usr/bin/foster", "healthcheck"]'

health_said() { docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}' "$1"; }
all_four() {
    start health health && wrote health 'web is up' && docker exec health touch /tmp/healthy || return 1
    until_true sh -c "docker inspect -f '{{json .State.Health.Log}}' health | grep -q 'unhealthy: web'" &&
        health_is health starting || return 1
    health_said health | grep -q '^1 unhealthy: web: starting' || { health_said health; return 1; }
    docker exec health touch /tmp/ready && health_is health healthy &&
        docker exec health rm /tmp/healthy && health_is health unhealthy || return 1
    health_said health | grep -q '^1 unhealthy: web: ' || { health_said health; return 1; }
    docker exec health touch /tmp/healthy && health_is health healthy && stops health 0
}
# By another user than the supervisor's, and of one service.
by_anybody() {
    start health health && wrote health 'web is up' && docker exec health touch /tmp/healthy /tmp/ready &&
        expect 0 docker exec health foster wait --ready --timeout 5s &&
        expect 0 docker exec --user 4711:4711 health foster healthcheck &&
        expect 0 docker exec --user 4711 health foster healthcheck web && docker exec health rm /tmp/healthy || return 1
    until_true sh -c '! docker exec health foster healthcheck web' &&
        expect 0 docker exec --user 4711 health foster healthcheck db &&
        expect 1 docker exec --user 4711 health foster healthcheck && stops health 0
}
# The engine's own probes leave nothing behind.
probes_leave_nothing() {
    start health health && wrote health 'web is up' && docker exec health touch /tmp/healthy /tmp/ready &&
        health_is health healthy &&
        no_zombies health && [ "$(docker exec health ps -o args= | grep -c '[h]ealthcheck')" = 0 ] && stops health 0
}

check "HEALTHCHECK: starting, healthy, unhealthy, healthy again, with the reason" all_four
check "foster healthcheck by any uid, of all services or of one" by_anybody
check "HEALTHCHECK leaves no process behind" probes_leave_nothing
