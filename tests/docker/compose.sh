# Compose: what waits for `service_healthy` starts when the services in the other container are up.

compose() { $compose_command --project-directory "$work/compose" --file "$work/compose/compose.yml" --project-name foster "$@"; }

slow_service() {
    cat > "$services/db.toml" <<'TOML'
script = '''
trap 'exit 0' TERM
echo "db is up"
rm -f /shared/ready; sleep 1.5; touch /shared/ready
while :; do sleep 0.1; done
'''
ready.file = "/shared/ready"
TOML
}
slow_service
image store 'HEALTHCHECK --interval=1s --timeout=5s --start-period=60s CMD ["/usr/bin/foster", "healthcheck"]'
mkdir -p "$work/compose/shared"
cat > "$work/compose/compose.yml" <<'YAML'
version: "2.4"
services:
  db:
    image: store
    network_mode: none
    volumes: ["./shared:/shared"]
    stop_grace_period: 10s
  app:
    image: bare
    network_mode: none
    volumes: ["./shared:/shared:ro"]
    command: ["sh", "-c", "test -e /shared/ready && echo 'db was ready'; trap 'exit 5' TERM; while :; do sleep 0.1; done"]
    stop_signal: SIGQUIT
    depends_on:
      db:
        condition: service_healthy
YAML

service_healthy() {
    compose up -d && app=$(compose ps -q app) && db=$(compose ps -q db) && wrote "$app" '| db was ready' &&
        wrote "$db" 'db is up'
}
compose_restart() { compose restart db && wrote "$db" 'db is up' 2; }
compose_stop() {
    before=$(now)
    compose stop || return 1
    took=$(($(now) - before))
    [ $took -lt 400 ] && [ "$(exit_of "$app")" = 5 ] && [ "$(exit_of "$db")" = 0 ] || {
        echo "    it took $took hundredths of a second; $(exit_of "$app") and $(exit_of "$db")"
        return 1
    }
    compose down
}

if docker compose version >/dev/null 2>&1; then
    compose_command='docker compose'
elif command -v docker-compose >/dev/null 2>&1; then
    compose_command=docker-compose
else
    compose_command=''
fi
if [ -n "$compose_command" ]; then
    check "compose: depends_on service_healthy waits until the services are ready" service_healthy
    check "compose restart" compose_restart
    check "compose stop: within the budget, with the services' codes" compose_stop
else
    skip "compose" "neither docker compose nor docker-compose is installed"
fi
