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
# shellcheck source=containers/supervisor.sh
. "$ROOT/containers/supervisor.sh"

native_up() {
    native_infra "$1"
    step "schema, accounts, topology"
    native_mymonit migrate >&2 || die "the migration failed (see above); the servers' logs are in $LOGS"
    if [[ $DEMO_DATA == yes ]]; then
        native_mymonit demo-data >&2 || die "the demonstration data could not be added"
    fi
    start_program rest
    start_program listener
    start_program guard
    await rest "$APPLICATION_SECS" is_ready "http://127.0.0.1:$REST_PORT"
    await listener "$APPLICATION_SECS" is_ready "http://127.0.0.1:$HEALTH_PORT"
    await guard "$APPLICATION_SECS" is_ready "http://127.0.0.1:$GUARD_PORT"
    start_program nginx
    await nginx "$APPLICATION_SECS" is_ready "$(https_url)"
}

# native_infra DEMO_DATA: the database and the broker alone.
native_infra() {
    ensure_packages native
    ensure_venv run
    ensure_settings "$1"
    mkdir -p "$RUN/nginx" "$LOGS" "$BROKER"
    ensure_certificates
    chmod 600 "$SERVER_TLS/server.key"
    write_configuration
    nginx -e stderr -t -q -c "$RUN/nginx.conf" >/dev/null || die "nginx refuses its configuration (see above)"
    ensure_database_folder
    ensure_supervisor
    start_servers
}

# Each server has temporary files of its own: one that starts removes those that it takes for its last run's, and in a
# shared folder they are the queries of another stack.
ensure_database_folder() {
    mkdir -p "$DATABASE.tmp"
    if [[ -d $DATABASE ]]; then return; fi
    step "database: a new data folder"
    rm -rf "$DATABASE.new"
    mkdir -p "$DATABASE.new"
    # From its parent, since this program takes no path with a space.
    (cd "$STATE/data" && TMPDIR=$DATABASE.tmp mariadb-install-db --no-defaults --datadir=./database.new --skip-test-db \
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
    reread_certificates
}

is_ready() { curl -fsS --max-time 5 --cacert "$CA" "$1/health/ready"; }
database_is_ready() { : <"/dev/tcp/127.0.0.1/$DB_PORT"; }
broker_is_ready() {
    printf 'user = "%s:%s"\n' "$RABBIT_ADMIN_USER" "$RABBIT_ADMIN_PASSWORD" |
        curl -fsS --max-time 5 -K - \
            "http://127.0.0.1:$RABBIT_MANAGEMENT_PORT/api/health/checks/port-listener/$AMQPS_PORT"
}

# After a renewal nginx reads its files again, and the broker forgets what it remembers of them. No connection is
# dropped. A file's time says what the servers have read.
reread_certificates() {
    if [[ ! $SERVER_TLS/server.crt -nt $RUN/files.read ]]; then return; fi
    if [[ $(ctl status nginx || true) == *RUNNING* ]]; then ctl signal HUP nginx >>"$LOGS/control.log" 2>&1; fi
    local environment
    mapfile -t environment < <(broker_environment)
    env "${environment[@]}" "$BROKER_SCRIPTS/rabbitmqctl" eval 'ssl:clear_pem_cache().' >>"$LOGS/control.log" 2>&1 ||
        die "the broker did not take the renewed certificate; see $LOGS/control.log"
    touch "$RUN/files.read"
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
    is_ready "http://127.0.0.1:$HEALTH_PORT" >/dev/null 2>&1 &&
        is_ready "http://127.0.0.1:$GUARD_PORT" >/dev/null 2>&1 && is_ready "$(https_url)" >/dev/null 2>&1
}
