# shellcheck shell=bash
# The settings file: read, completed with secrets and free ports, handed on. Sourced, never run.

# The settings of the file are the only ones: what a shell happens to export (as after eval "$(./run.sh env)") is not.
load_settings() {
    local line name value
    SETTINGS=()
    while IFS= read -r line || [[ -n $line ]]; do
        [[ ${line%$'\r'} =~ ^[[:space:]]*([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
        name=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
        if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then value=${BASH_REMATCH[1]}; fi
        printf -v "$name" %s "$value"
        if is_secret "$name"; then export -n "${name?}"; else export "${name?}"; fi
        SETTINGS+=("$name")
    done <"$ENV_FILE"
}

has_setting() { grep -q "^[[:space:]]*$1=" "$ENV_FILE"; }
add_setting() { has_setting "$1" || printf '%s=%s\n' "$1" "$2" >>"$ENV_FILE"; }
add_secret() { has_setting "$1" || add_setting "$1" "$(openssl rand -hex 24)"; }
is_secret() { [[ $1 == *_PASSWORD || $1 == *_KEY || $1 == *_SECRET ]]; }

# add_port NAME CANDIDATE...: the first free candidate, otherwise the next free port above the last one.
add_port() {
    local port last=${*: -1}
    if has_setting "$1"; then return; fi
    for port in "${@:2}" $(seq $((last + 1)) $((last + 200))); do
        if ! grep -q "_PORT=$port$" "$ENV_FILE" && is_free_port "$port"; then
            add_setting "$1" "$port"
            return
        fi
    done
    die "no free port near $last for $1; name one in $ENV_FILE"
}

# Free, and allowed for this user.
is_free_port() {
    "$(python_command)" - "$1" 2>/dev/null <<'PYTHON'
import errno, socket, sys

for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, int(sys.argv[1])))
    except OSError as error:
        if family == socket.AF_INET or error.errno == errno.EADDRINUSE:  # a machine may be without IPv6
            sys.exit(1)
PYTHON
}

# ensure_settings DEMO_DATA: every setting that is missing is added; one that is there is never changed.
ensure_settings() {
    if [[ ! -e $ENV_FILE ]]; then
        printf '# The settings and secrets of this MyMONIT. run.sh adds what is missing and never changes a value.\n' \
            >"$ENV_FILE"
    fi
    chmod 600 "$ENV_FILE"
    # A file that was edited may lack its last line's end.
    [[ -z $(tail -c1 "$ENV_FILE") ]] || echo >>"$ENV_FILE"
    add_setting DEMO_DATA "${1:-yes}"
    add_accounts
    add_ports
    add_setting RATE_LIMIT 200
    load_settings
    [[ $RATE_LIMIT =~ ^[0-9]+$ ]] || die "RATE_LIMIT in $ENV_FILE must be a number of requests per second; 0 is off"
    write_secrets
    echo "$MODE" >"$MODE_FILE"
}

add_accounts() {
    add_setting COMPOSE_PROJECT_NAME "mymonit-$(openssl rand -hex 3)"
    add_setting DB_DATABASE mymonit
    add_setting DB_USER mymonit
    add_secret DB_PASSWORD
    add_setting DB_ADMIN_USER mymonit_admin
    add_secret DB_ADMIN_PASSWORD
    add_setting RABBIT_VHOST /
    add_setting RABBIT_USER mymonit
    add_secret RABBIT_PASSWORD
    add_setting RABBIT_ADMIN_USER mymonit_admin
    add_secret RABBIT_ADMIN_PASSWORD
    add_setting ADAPTER_USER demo-adapter
    add_secret ADAPTER_PASSWORD
    add_setting IDENTITY local
    add_secret SIGN_IN_KEY
    add_secret ELASTIC_PASSWORD
    add_secret KIBANA_PASSWORD
    add_secret KIBANA_ENCRYPTION_KEY
    add_secret LOGSTASH_PASSWORD
}

add_ports() {
    add_port HTTPS_PORT 443 8443
    add_port AMQPS_PORT 5671 5681
    add_port DB_PORT 3306
    add_port RABBIT_MANAGEMENT_PORT 15672
    add_port RABBIT_PROMETHEUS_PORT 15692
    add_port RABBIT_DIST_PORT 25672
    add_port EPMD_PORT 4370
    add_port REST_PORT 8000
    add_port HEALTH_PORT 8001
    add_port GUARD_PORT 8003
    add_port KIBANA_PORT 5601
}

# Secrets reach the processes as files (NAME_FILE), so that no environment and no `docker inspect` shows them.
# Readable for the users of the containers, who get them mounted; for others the folder above is closed.
write_secrets() {
    local name
    mkdir -p "$SECRETS"
    chmod 700 "$STATE/private"
    for name in "${SETTINGS[@]}"; do
        is_secret "$name" || continue
        printf '%s' "${!name}" >"$SECRETS/$name"
    done
    # Docker Compose wants the file of every secret, also of those that are not set.
    for name in FIREBASE_API_KEY OIDC_CLIENT_SECRET; do
        if [[ -z ${!name:-} ]]; then : >"$SECRETS/$name"; fi
    done
    printf 'default_user = %s\ndefault_pass = %s\n' "$RABBIT_ADMIN_USER" "$RABBIT_ADMIN_PASSWORD" \
        >"$SECRETS/broker.conf"
    chmod 644 "$SECRETS"/*
}
