# shellcheck shell=bash
# What all scripts share: places, words for people, waiting, templates. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# MYMONIT_HOME gives a second stack its own data, ports and settings beside the first.
if [[ -n ${MYMONIT_HOME:-} ]]; then
    mkdir -p "$MYMONIT_HOME"
    STATE=$(cd "$MYMONIT_HOME" && pwd)
    ENV_FILE=$STATE/env
else
    STATE=$ROOT/.local
    ENV_FILE=$ROOT/.env
fi
LOGS=$STATE/logs
RUN=$STATE/run
MODE_FILE=$STATE/mode
SECRETS=$STATE/private/secrets
# shellcheck disable=SC2034  # the scripts that source this use them
readonly ROOT STATE ENV_FILE LOGS RUN SECRETS MODE_FILE

# Configuration formats quote such characters in ways of their own.
if [[ $ROOT$STATE == *[\"\'\\%\$\;\#\`\,]* ]]; then
    echo "MyMONIT: the path of this folder has a character that configuration files cannot hold; move it" >&2
    exit 1
fi

umask 077

say() { printf '%s\n' "$*" >&2; }
step() { printf '[%3d s] %s\n' "$SECONDS" "$*" >&2; }
die() {
    say "MyMONIT: $*"
    exit 1
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; fails after the deadline.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.3
    done
}

# One start or stop at a time. What outlives this script must not inherit the lock, descriptor 9; descriptor 8 is the
# terminal, for words to people from wherever an interruption strikes.
lock_stack() {
    mkdir -p "$RUN" "$LOGS"
    exec 8>&2 9>"$RUN/lock"
    flock -n 9 || die "another run.sh is at work on this stack; wait for it"
}

# fill TEMPLATE NAME=VALUE...: the template with ${NAME} replaced by the value, and nothing else touched.
fill() {
    local text pair
    text=$(<"$1")
    for pair in "${@:2}"; do text=${text//"\${${pair%%=*}}"/"${pair#*=}"}; done
    printf '%s\n' "$text"
}

# edge_configuration RUN_FOLDER TLS_FOLDER PORT IPV6_LISTEN UPSTREAM: nginx's configuration, for either way of running.
edge_configuration() {
    fill "$ROOT/containers/nginx/nginx.conf.template" NGINX_RUN="$1" NGINX_TLS="$2" NGINX_PORT="$3" \
        NGINX_LISTEN_IPV6="$4" NGINX_UPSTREAM="$5" RATE_LIMIT="$RATE_LIMIT" \
        NGINX_RATE="$((RATE_LIMIT > 0 ? RATE_LIMIT : 1))"
}

https_url() {
    if [[ $HTTPS_PORT == 443 ]]; then echo https://localhost; else echo "https://localhost:$HTTPS_PORT"; fi
}
