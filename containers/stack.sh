# shellcheck shell=bash
# What can be done with a stack, whichever way it runs: as containers, or as processes. Sourced by the run scripts.

# shellcheck source=containers/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=containers/settings.sh
. "$ROOT/containers/settings.sh"
# shellcheck source=containers/certificates.sh
. "$ROOT/containers/certificates.sh"
# shellcheck source=containers/venv.sh
. "$ROOT/containers/venv.sh"
# shellcheck source=containers/packages.sh
. "$ROOT/containers/packages.sh"
# shellcheck source=containers/compose.sh
. "$ROOT/containers/compose.sh"
# shellcheck source=containers/native.sh
. "$ROOT/containers/native.sh"

MODE=""
STARTED_HERE=no

# start_stack up|infra DEMO_DATA: in the mode asked for, else as last time, else with Docker where an engine answers.
start_stack() {
    local last
    last=$(cat "$MODE_FILE" 2>/dev/null || true)
    MODE=${MODE:-$last}
    if [[ -z $MODE ]]; then if engine_answers; then MODE=docker; else MODE=native; fi; fi
    [[ -z $last || -e $ENV_FILE ]] || die "$ENV_FILE is gone, but the data that its secrets open are still there" \
        "(in $STATE, or in Docker's volumes): put it back, or remove the data too"
    lock_stack
    trap interrupted INT TERM
    if [[ -n $last && $last != "$MODE" ]]; then stop_other "$last"; fi
    "${MODE}_$1" "$2"
    trap - INT TERM
}

# Both ways of running share their ports; each keeps its own data.
stop_other() {
    load_settings
    if "${1}_runs"; then
        step "stopping what runs the other way (--$1)"
        "${1}_stop"
    fi
}

# What this very run started is stopped again; a stack that was there before stays.
interrupted() {
    trap - INT TERM
    exec >&8 2>&8
    say ""
    say "MyMONIT: interrupted"
    if [[ $STARTED_HERE == yes ]]; then "${MODE}_stop" || true; fi
    exit 130
}

# The stack that was started last, with its settings.
open_stack() {
    MODE=$(cat "$MODE_FILE" 2>/dev/null) || die "nothing was started here yet; ./run.sh does"
    [[ -e $ENV_FILE ]] || die "$ENV_FILE is gone; put it back"
    load_settings
}

stop_stack() {
    [[ -e $MODE_FILE ]] || {
        say "MyMONIT: nothing was started here yet"
        return
    }
    open_stack
    lock_stack
    "${MODE}_stop"
    step "stopped; the data are kept"
}

stack_status() {
    open_stack
    if "${MODE}_status"; then echo "MyMONIT is well: $(https_url)"; else
        echo "MyMONIT is not well; ./run.sh starts what is missing"
        return 1
    fi
}

# in_stack mymonit|token ARGUMENT...: the application's command
in_stack() {
    if [[ $1 == mymonit ]]; then shift; fi
    open_stack
    "${MODE}_mymonit" "$@"
}

export_line() { printf 'export %s=%q\n' "$1" "$2"; }
