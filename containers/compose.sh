# shellcheck shell=bash
# MyMONIT as containers, by Docker Compose. Sourced.

# Seconds: the first start pulls or builds images before this; then the servers make their data folders.
readonly CONTAINER_SECS=180

engine_answers() { timeout 10 docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; }

docker_up() {
    docker_prepare "$1"
    step "containers: building the application's image"
    compose --progress plain build app >"$LOGS/build.log" 2>&1 || build_failed
    step "containers: starting"
    compose up -d --remove-orphans >"$LOGS/compose.log" 2>&1 || containers_failed
    await_container listener
    await_container guard
    await_container nginx
    if [[ $DEMO_DATA == yes ]]; then
        step "demonstration data"
        docker_mymonit demo-data >&2 || die "the demonstration data could not be added"
    fi
    docker_reread_files
}

# docker_infra DEMO_DATA: the database and the broker alone, within reach of this machine.
docker_infra() {
    docker_prepare "$1"
    step "containers: starting"
    compose -f "$ROOT/containers/infra.yml" up -d mysql rabbit >"$LOGS/compose.log" 2>&1 || containers_failed
    await_container mysql
    await_container rabbit
    docker_reread_files
}

docker_prepare() {
    engine_answers || die "no Docker engine with Compose answers: start it, or take ./run.sh --native"
    ensure_packages docker
    ensure_venv adapter
    ensure_settings "$1"
    ensure_certificates
    open_files_to_containers
    write_container_settings
    write_edge_configuration
    # The administrator of this database is root, which its image makes.
    # shellcheck disable=SC2034  # run-infra.sh prints it
    DB_ADMIN_USER=root
    # shellcheck disable=SC2034  # an interruption asks for it
    if ! docker_runs; then STARTED_HERE=yes; fi
}

# What the application reads from its environment, but for secrets and for what is different within containers.
write_container_settings() {
    local name
    for name in "${SETTINGS[@]}"; do
        case $name in
            LOGSTASH_PORT) ;;
            *_PORT | *_ADMIN_* | ADAPTER_* | COMPOSE_* | GOOGLE_APPLICATION_CREDENTIALS | OIDC_CA) continue ;;
        esac
        if ! is_secret "$name"; then echo "$name=${!name}"; fi
    done >"$STATE/settings"
}

compose() {
    MYMONIT_STATE=$STATE docker compose --project-directory "$ROOT" --env-file "$ENV_FILE" \
        -f "$ROOT/docker-compose.yml" "$@"
}

build_failed() {
    tail -n 15 "$LOGS/build.log" >&2
    die "the image was not built; the whole story is in $LOGS/build.log"
}

containers_failed() {
    tail -n 15 "$LOGS/compose.log" >&2
    die "not every container started; docker compose logs tells more"
}

await_container() {
    wait_until "$CONTAINER_SECS" container_is_healthy "$1" || {
        compose logs --no-color --tail 15 "$1" >&2
        die "$1: it is not healthy; docker compose logs $1 tells more"
    }
    step "$1: healthy"
}

container_is_healthy() {
    [[ $(docker inspect -f '{{.State.Health.Status}}' "$(compose ps -q "$1")" 2>/dev/null) == healthy ]]
}

# Written in place, since a container keeps the file that it got mounted.
write_edge_configuration() {
    local configuration
    configuration=$(edge_configuration /tmp /run/tls 8443 "" app:8000)
    if [[ $configuration == "$(cat "$STATE/nginx.conf" 2>/dev/null)" ]]; then return; fi
    printf '%s\n' "$configuration" >"$STATE/nginx.conf"
    chmod 644 "$STATE/nginx.conf"
}

# Where files have changed, nginx reads them again, and the broker forgets what it remembers of them. No connection is
# dropped. A file's time says what the servers have read.
docker_reread_files() {
    if [[ ! $SERVER_TLS/server.crt -nt $RUN/files.read && ! $STATE/nginx.conf -nt $RUN/files.read ]]; then return; fi
    if [[ -n $(compose ps -q --status running nginx) ]]; then
        compose exec -T nginx nginx -e stderr -s reload >>"$LOGS/compose.log" 2>&1
    fi
    compose exec -T -u rabbitmq rabbit rabbitmqctl eval 'ssl:clear_pem_cache().' >>"$LOGS/compose.log" 2>&1
    touch "$RUN/files.read"
}

# docker_mymonit ARGUMENT...: the application's command beside the REST service, or with the administrator's accounts
# where it needs them.
docker_mymonit() {
    local terminal=()
    [[ -t 0 && -t 1 ]] || terminal=(-T)
    case ${1:-} in
        migrate | demo-data | adapter) compose --progress quiet run --rm --no-deps "${terminal[@]}" migrate "$@" ;;
        *) compose exec "${terminal[@]}" app mymonit "$@" ;;
    esac
}

docker_runs() { engine_answers && [[ -n $(compose ps -q --status running) ]]; }

docker_stop() {
    if ! docker_runs; then
        say "MyMONIT is not running."
        return
    fi
    compose --profile '*' stop >"$LOGS/compose.log" 2>&1 || die "the containers did not stop; see $LOGS/compose.log"
}

docker_status() {
    compose ps --all --format 'table {{.Service}}\t{{.Status}}'
    container_is_healthy listener && container_is_healthy guard && is_ready "$(https_url)" >/dev/null 2>&1
}
