#!/usr/bin/env bash
# Starts, stops and asks a MyMONIT: see ./run.sh --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=containers/stack.sh
. containers/stack.sh

usage() {
    cat <<'USAGE'
./run.sh [up] [--docker | --native] [--empty]
    Brings up the whole stack and waits until it is healthy; changes nothing that is fine already.
    With Docker Compose where an engine answers, otherwise with processes from the system's packages; the way that
    was taken last is taken again.
    --docker, --native   takes this way; each keeps its own data
    --empty              leaves the demonstration data out
./run.sh stop            stops everything and keeps the data
./run.sh status          shows every part; exit status 0 when all is well
./run.sh token USER [--hours N]
                         prints a token for that user id, and nothing else
./run.sh env             prints settings for a shell:  eval "$(./run.sh env)"
./run.sh mymonit ...     runs the application's command with the stack's settings, for example:
                             ./run.sh mymonit quarantine list

Settings and secrets are in .env, made at the first start: change a value there and run ./run.sh again.
MYMONIT_HOME=FOLDER ./run.sh ... acts on a second stack, with all it has in that folder (settings in FOLDER/env).
USAGE
}

up() {
    local demo=yes
    for option in "$@"; do
        case $option in
            --docker) MODE=docker ;;
            --native) MODE=native ;;
            --empty) demo=no ;;
            *) die "unknown option $option; see ./run.sh --help" ;;
        esac
    done
    start_stack up "$demo"
    next_steps
}

next_steps() {
    cat <<SUMMARY

MyMONIT is up:       $(https_url)
Sign-in page:        $(https_url)/static/index.html
Broker:              amqps://localhost:$AMQPS_PORT
Certificates' CA:    $CA
SUMMARY
    if [[ $IDENTITY != local ]]; then
        sign_in
    elif [[ $DEMO_DATA == yes ]]; then
        demonstration
    else
        first_admin
    fi
}

# Tokens are not ours to make here.
sign_in() {
    cat <<'SUMMARY'

Next, unless there is an admin already, type (the uid is the subject that the identity provider gives the person):
    ./run.sh mymonit user add --role ADMIN
and sign in on the page.
SUMMARY
}

demonstration() {
    cat <<'SUMMARY'
Demonstration users: A001 (admin), S001 and S002 (scientists), U001 (auditor)

Next, type:
    eval "$(./run.sh env)"
    printf '12.5\n13.1\n12.9\n' | mymonit-adapter text - --experiment device-vibrations --measure hertz
    curl -s --cacert "$MYMONIT_CA" -H "Authorization: Bearer $(./run.sh token S001)" "$MYMONIT_URL/measures/1?limit=3"
SUMMARY
}

first_admin() {
    cat <<'SUMMARY'

Next, type (with your own values):
    ./run.sh mymonit user add --role ADMIN
    eval "$(./run.sh env)"
    curl -s --cacert "$MYMONIT_CA" -H "Authorization: Bearer $(./run.sh token YOUR_USER_ID)" "$MYMONIT_URL/users/"
SUMMARY
}

print_env() {
    export_line MYMONIT_URL "$(https_url)"
    export_line MYMONIT_CA "$CA"
    export_line RABBIT_URL "amqps://localhost:$AMQPS_PORT"
    export_line RABBIT_CA "$CA"
    # Whatever the shell had before: the adapter is to find this broker.
    export_line RABBIT_VHOST "$RABBIT_VHOST"
    export_line RABBIT_EXCHANGE "${RABBIT_EXCHANGE:-mymonit}"
    export_line RABBIT_ROUTING "${RABBIT_ROUTING:-measures}"
    if [[ $DEMO_DATA == yes ]]; then
        export_line RABBIT_USER "$ADAPTER_USER"
        export_line RABBIT_PASSWORD "$ADAPTER_PASSWORD"
    fi
    # shellcheck disable=SC2016  # the shell that reads this extends its own PATH
    printf 'export PATH=%q:"$PATH"\n' "$VENV/bin"
}

main() {
    case ${1:-up} in
        -h | --help | help) usage ;;
        up) up "${@:2}" ;;
        -*) up "$@" ;;
        stop) stop_stack ;;
        status) stack_status ;;
        token)
            [[ -n ${2:-} ]] || die "whose token? ./run.sh token USER [--hours N]"
            in_stack mymonit "$@"
            ;;
        mymonit) in_stack "$@" ;;
        env)
            open_stack
            print_env
            ;;
        *) die "unknown command $1; see ./run.sh --help" ;;
    esac
}

main "$@"
