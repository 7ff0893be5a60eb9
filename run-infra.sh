#!/usr/bin/env bash
# Starts the database and the broker alone, for work on the application: see ./run-infra.sh --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=containers/stack.sh
. containers/stack.sh

usage() {
    cat <<'USAGE'
./run-infra.sh [--docker | --native]
    Brings up the database and the broker of the same stack that ./run.sh starts, and prints the settings with which
    the application finds them:  eval "$(./run-infra.sh)"; .local/venv/bin/mymonit migrate
./run-infra.sh stop      stops everything and keeps the data
USAGE
}

# The administrators' accounts are among them: `mymonit migrate` needs them.
print_settings() {
    local name
    for name in "${SETTINGS[@]}"; do
        case $name in
            DB_* | RABBIT_* | ADAPTER_* | REST_* | HEALTH_* | GUARD_* | IDENTITY) export_line "$name" "${!name}" ;;
        esac
    done
    export_line DB_HOST 127.0.0.1
    export_line RABBIT_URL "amqps://localhost:$AMQPS_PORT"
    export_line RABBIT_CA "$CA"
    export_line RABBIT_MANAGEMENT_URL "http://127.0.0.1:$RABBIT_MANAGEMENT_PORT"
    export_line IDENTITY_KEY_FILE "$STATE/private/identity.pem"
}

main() {
    case ${1:-} in
        -h | --help | help) usage ;;
        stop) stop_stack ;;
        "" | --docker | --native)
            MODE=${1:+${1#--}}
            start_stack infra yes
            print_settings
            ;;
        *) die "unknown argument $1; see ./run-infra.sh --help" ;;
    esac
}

main "$@"
