# shellcheck shell=bash
# MyMONIT as processes: the servers from the system's packages and the application, under a supervisor. Sourced.

readonly DATABASE=$STATE/data/database BROKER=$STATE/data/broker
readonly BROKER_SCRIPTS=/usr/lib/rabbitmq/bin
# Deadlines in seconds: generous for a slow disk, short enough for a person who waits.
readonly DATABASE_SECS=120 BROKER_SECS=120 APPLICATION_SECS=60 STOP_SECS=240 PORT_SECS=30
readonly SOCKET_PATH_MAX=80

# Servers live where only root's PATH looks.
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=containers/native_config.sh
. "$ROOT/containers/native_config.sh"

native_up() {
    native_infra "$1"
    step "schema, accounts, topology"
    native_mymonit migrate >&2 || die "the migration failed (see above); the servers' logs are in $LOGS"
    if [[ $DEMO_DATA == yes ]]; then
        native_mymonit demo-data >&2 || die "the demonstration data could not be added"
    fi
    start_program rest
    start_program listener
    await rest "$APPLICATION_SECS" is_ready "http://127.0.0.1:$REST_PORT"
    await listener "$APPLICATION_SECS" is_ready "http://127.0.0.1:$HEALTH_PORT"
    start_program nginx
    await nginx "$APPLICATION_SECS" is_ready "$(https_url)"
}

# native_infra DEMO_DATA: the database and the broker alone.
native_infra() {
    ensure_packages native
    ensure_venv run
    ensure_settings "$1"
    mkdir -p "$RUN/nginx" "$LOGS" "$BROKER"
    CERTIFICATES_RENEWED=no
    if renew_certificates; then CERTIFICATES_RENEWED=yes; fi
    chmod 600 "$SERVER_TLS/server.key"
    write_configuration
    nginx -e stderr -t -q -c "$RUN/nginx.conf" >/dev/null || die "nginx refuses its configuration (see above)"
    ensure_database_folder
    ensure_supervisor
    start_servers
}

ensure_database_folder() {
    if [[ -d $DATABASE ]]; then return; fi
    step "database: a new data folder"
    rm -rf "$DATABASE.new"
    mkdir -p "$DATABASE.new"
    # From its parent, since this program takes no path with a space.
    (cd "$STATE/data" && mariadb-install-db --no-defaults --datadir=./database.new --skip-test-db \
        --auth-root-authentication-method=socket --user="$(id -un)") >"$LOGS/database-init.log" 2>&1 ||
        die "the database's folder could not be made; see $LOGS/database-init.log"
    mv "$DATABASE.new" "$DATABASE"
}

start_servers() {
    start_program epmd
    start_program database
    start_program broker
    await database "$DATABASE_SECS" database_is_ready
    await broker "$BROKER_SECS" broker_is_ready
    if [[ $CERTIFICATES_RENEWED == yes ]]; then reread_certificates; fi
}

ctl() { "$VENV/bin/supervisorctl" -c "$RUN/supervisord.conf" "$@"; }

supervisor_pid() {
    local pid
    pid=$(cat "$RUN/supervisord.pid" 2>/dev/null) && grep -qsF "$RUN/supervisord.conf" "/proc/$pid/cmdline" && echo "$pid"
}

# A running supervisor stops what its new configuration changes; start_program then starts it again.
ensure_supervisor() {
    if native_runs; then
        ctl update >>"$LOGS/control.log" 2>&1 || die "the supervisor does not take its configuration; see $LOGS/control.log"
        return
    fi
    await_free_ports
    ulimit -Sn 65536 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"
    clean_environment "$VENV/bin/supervisord" -c "$RUN/supervisord.conf" 8>&- 9>&- ||
        die "the supervisor did not start; see $LOGS/supervisor.log"
    wait_until 10 ctl pid || die "the supervisor does not answer; see $LOGS/supervisor.log"
    # shellcheck disable=SC2034  # an interruption asks for it
    STARTED_HERE=yes
}

# What a shell happens to export must not change how the processes run; only the way out through a proxy is kept.
clean_environment() {
    local name keep=("PATH=$PATH" "HOME=$HOME" LANG=C.UTF-8)
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE REQUESTS_CA_BUNDLE; do
        if [[ -n ${!name:-} ]]; then keep+=("$name=${!name}"); fi
    done
    env -i "${keep[@]}" "$@"
}

# Processes of a supervisor that was killed end a moment after it.
await_free_ports() {
    local name
    for name in HTTPS_PORT AMQPS_PORT DB_PORT RABBIT_MANAGEMENT_PORT RABBIT_PROMETHEUS_PORT \
        RABBIT_DIST_PORT EPMD_PORT REST_PORT HEALTH_PORT; do
        wait_until "$PORT_SECS" is_free_port "${!name}" ||
            die "port ${!name} is taken, or not allowed for $(id -un): end what holds it, or take $name out of $ENV_FILE"
    done
}

# start_program NAME: nothing happens to one that runs; one that waits for its next try does not wait any longer.
start_program() {
    case $(ctl status "$1" || true) in
        *RUNNING* | *STARTING*) return ;;
        *BACKOFF*) ctl stop "$1" >>"$LOGS/control.log" 2>&1 ;;
    esac
    step "$1: starting"
    ctl start "$1" >>"$LOGS/control.log" 2>&1 || show_failure "$1" "it ended at once"
}

# await NAME SECONDS CHECK...: until the check succeeds; a process that has died meanwhile, though the supervisor has
# started another, will not succeed.
await() {
    local pid
    pid=$(ctl pid "$1")
    wait_until "$2" is_ready_or_dead "$1" "$pid" "${@:3}" || show_failure "$1" "it is not ready after $2 s"
    "${@:3}" >/dev/null 2>&1 || show_failure "$1" "it ended again"
    step "$1: ready"
}

is_ready_or_dead() { "${@:3}" || [[ $(ctl pid "$1") != "$2" ]]; }

show_failure() {
    tail -n 15 "$LOGS/$1.log" >&2 || true
    die "$1: $2. The lines above are the end of $LOGS/$1.log"
}

is_ready() { curl -fsS --max-time 5 --cacert "$CA" "$1/health/ready"; }
database_is_ready() { : <"/dev/tcp/127.0.0.1/$DB_PORT"; }
broker_is_ready() {
    printf 'user = "%s:%s"\n' "$RABBIT_ADMIN_USER" "$RABBIT_ADMIN_PASSWORD" |
        curl -fsS --max-time 5 -K - "http://127.0.0.1:$RABBIT_MANAGEMENT_PORT/api/health/checks/port-listener/$AMQPS_PORT"
}

# nginx reads its files again; the broker forgets what it remembers of them. No connection is dropped.
reread_certificates() {
    if [[ $(ctl status nginx || true) == *RUNNING* ]]; then ctl signal HUP nginx >>"$LOGS/control.log" 2>&1; fi
    local environment
    mapfile -t environment < <(broker_environment)
    env "${environment[@]}" "$BROKER_SCRIPTS/rabbitmqctl" eval 'ssl:clear_pem_cache().' >>"$LOGS/control.log" 2>&1 ||
        die "the broker did not take the renewed certificate; see $LOGS/control.log"
}

# native_mymonit ARGUMENT...: the application's command with the stack's settings, the administrator's among them.
native_mymonit() {
    local environment
    mapfile -t environment < <(application_environment administrator)
    clean_environment env "${environment[@]}" "$VENV/bin/mymonit" "$@"
}

native_runs() { supervisor_pid >/dev/null; }

native_stop() {
    local pid
    pid=$(supervisor_pid) || {
        say "MyMONIT is not running."
        return
    }
    ctl shutdown >>"$LOGS/control.log" 2>&1 || kill -TERM "$pid"
    wait_until "$STOP_SECS" is_gone "$pid" || die "process $pid does not end; see $LOGS/supervisor.log"
}

# A process that has ended but that nobody has collected has no command line.
is_gone() { ! grep -qs . "/proc/$1/cmdline"; }

native_status() {
    native_runs || {
        echo "MyMONIT is not running."
        return 1
    }
    ctl status || true
    is_ready "http://127.0.0.1:$HEALTH_PORT" >/dev/null 2>&1 && is_ready "$(https_url)" >/dev/null 2>&1
}
