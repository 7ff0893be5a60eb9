# shellcheck shell=bash
# The supervisor of the processes: it, and what it is told. Sourced by native.sh.

ctl() { "$VENV/bin/supervisorctl" -c "$RUN/supervisord.conf" "$@"; }

supervisor_pid() {
    local pid
    pid=$(cat "$RUN/supervisord.pid" 2>/dev/null) &&
        grep -qsF "$RUN/supervisord.conf" "/proc/$pid/cmdline" && echo "$pid"
}

# A running supervisor stops what its new configuration changes; start_program then starts it again.
ensure_supervisor() {
    if native_runs; then
        ctl update >>"$LOGS/control.log" 2>&1 ||
            die "the supervisor does not take its configuration; see $LOGS/control.log"
        return
    fi
    await_free_ports
    touch "$RUN/files.read"
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
        RABBIT_DIST_PORT EPMD_PORT REST_PORT HEALTH_PORT GUARD_PORT; do
        wait_until "$PORT_SECS" is_free_port "${!name}" ||
            die "port ${!name} is taken, or not allowed for this user: end what holds it, or take $name out of" \
                "$ENV_FILE to get another"
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
