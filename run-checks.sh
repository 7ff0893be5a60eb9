#!/usr/bin/env bash
# Tests and static checks, each alone or all together: see ./run-checks.sh --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
GIVEN_HOME=${MYMONIT_HOME:-}
export MYMONIT_HOME=${GIVEN_HOME:-$PWD/.local/checks}
# shellcheck source=containers/stack.sh
. containers/stack.sh

readonly APP=$ROOT/containers/app
readonly REPORTS=$APP/reports OUTCOMES=$APP/reports/outcomes.txt
# Without a name, two rows of parts run beside each other: one mostly waits for its servers, which nobody else uses.
readonly FIRST=(integration contract) BESIDE=(unit adapters faults-min mypy pylint bandit) LAST=(system coverage)
# Generated requests for each operation of the REST API, where `contract` is asked for by name.
readonly CONTRACT_EXAMPLES=1000
# Generated bodies for each of the parser's seven properties, where `properties` is asked for by name.
readonly PROPERTY_EXAMPLES=${PROPERTY_EXAMPLES:-15000}
#: Per cent of the branches of my_monit that unit and integration tests must take.
readonly LEAST_COVERAGE=90

usage() {
    cat <<'USAGE'
./run-checks.sh [PART...]     without a part: all but those that say "only by name"

    unit          the application, without servers
    integration   the application on a real database and a real broker
    system        a whole running stack, seen from outside: only URLs, queues and the documentation
    adapters      the adapters, on a real broker
    faults-min    a small set of the faults below: broker, database and listener killed, a commit's answer lost
    coverage      of the last unit and integration tests; at least 90% of the branches
    mypy, pylint, bandit
    contract      generated requests hold the REST API against its description: 100 for each operation. By name 1,000, and
                  the table of rights with many more pairs, and whether a refusal's time betrays its reason
    bench         only by name: the speed of the ingest lane, see docs/performance.md; BENCH_OPTIONS="--quick" and others
    properties    only by name: the parser and more than 100,000 generated bodies: each comes out to the last bit, or with
                  its reason. PROPERTY_EXAMPLES=15000 is how many for each of seven properties

    firebase      only by name: IDENTITY=firebase with Firebase's own emulator, which npm installs into .local/emulator
    pages         only by name: the sign-in page in headless Chromium, for each identity provider; the pictures are in
                  containers/app/reports/pages

    faults [F2 F6 ...]   servers and listener killed, cut off, filled and frozen under load; nothing may be lost, doubled
                         or falsified. Without a name all of F1 to F22: hours. FAULTS_SEEDS="1 2 3" are the seeds;
                         FAULTS_SERVERS=containers takes MySQL and RabbitMQ of docker-compose.yml, each in a container
    faults million       a million rows while everything is killed; faults backup: an old backup, and everything sent
                         again

What the parts need is made first: Python packages from the hashed lock, and a stack of their own under .local/checks
that is stopped again at the end. With MYMONIT_URL set, as by eval "$(./run.sh env)", `system` tests that stack instead.
Reports are left in containers/app/reports. PYTEST_ADDOPTS reaches pytest, as in PYTEST_ADDOPTS="-k quarantine".
USAGE
}

# Every run begins with empty servers on ports that are free now.
prepare() {
    if [[ -z $GIVEN_HOME && -e $MODE_FILE ]]; then
        ./run.sh stop 2>/dev/null || true
        rm -rf "$STATE"
    fi
    mkdir -p "$REPORTS" "$LOGS"
    ensure_packages native
    ensure_venv checks
}

in_app() { (cd "$APP" && "$VENV/bin/$1" "${@:2}"); }

# Only what a part needs is started, and only once.
needs_infra() {
    [[ -z ${INFRA:-} ]] || return 0
    INFRA=$(./run-infra.sh --native)
    STOP=yes
}

needs_stack() {
    [[ -z ${STACK:-} ]] || return 0
    ./run.sh up --native >"$REPORTS/run.txt"
    STOP=yes
    STACK=$(./run.sh env)
}

# From the lock, which names no registry: npm asks the one that it is set up for. Nothing that comes along is run.
needs_emulator() {
    local source=$APP/tests/emulator folder=$ROOT/.local/emulator
    ensure_packages "$1"
    export FIREBASE_TOOLS=$folder/node_modules
    if cmp -s "$source/package-lock.json" "$folder/installed.json"; then return; fi
    step "firebase: installing the emulator"
    mkdir -p "$folder"
    cp "$source"/package*.json "$folder"
    (cd "$folder" && umask 022 && npm ci --ignore-scripts --omit=optional --no-audit --no-fund) \
        >"$LOGS/emulator.log" 2>&1 || die "npm could not install Firebase's emulator; see $LOGS/emulator.log"
    cp "$source/package-lock.json" "$folder/installed.json"
}

tests() {
    local rung=$1
    in_app coverage run --data-file="$REPORTS/.coverage.$rung" -m pytest "tests/$rung" "${@:2}" \
        --junitxml="$REPORTS/$rung.xml"
}

check_unit() { tests unit; }

check_integration() (
    eval "$INFRA"
    tests integration --ignore=tests/integration/test_contract_fuzzing.py
)

check_contract() (
    local tests=(tests/integration/test_contract_fuzzing.py)
    eval "$INFRA"
    if [[ $BY_NAME == yes ]]; then
        export CONTRACT_EXAMPLES
        tests+=(tests/integration/test_authorisation.py)
    fi
    in_app pytest "${tests[@]}" --junitxml="$REPORTS/contract.xml"
)

check_properties() (
    export PROPERTY_EXAMPLES
    in_app pytest tests/unit/test_parsing_properties.py --junitxml="$REPORTS/properties.xml"
)

check_system() (
    export PATH=$VENV/bin:$PATH
    if [[ -n ${STACK:-} ]]; then eval "$STACK"; elif [[ -z $GIVEN_HOME ]]; then unset MYMONIT_HOME; fi
    in_app pytest tests/system --junitxml="$REPORTS/system.xml"
)

check_adapters() (
    cd "$ROOT/adapters"
    "$VENV/bin/pytest" tests --junitxml="$REPORTS/adapters.xml"
)

check_firebase() { CI=true in_app pytest tests/emulator --junitxml="$REPORTS/firebase.xml"; }

check_pages() (
    eval "$STACK"
    rm -rf "$REPORTS/pages"
    CI=true in_app pytest tests/pages --junitxml="$REPORTS/pages.xml"
)

check_bench() (
    eval "$INFRA"
    # shellcheck disable=SC2086  # several options
    in_app python bench/ingest.py ${BENCH_OPTIONS:-} | tee "$REPORTS/bench.txt"
)

check_faults-min() { faults minimal; }
check_faults() { faults "${FAULT_NAMES[*]:-all}"; }

# Servers of its own, so that it may kill them. Of pytest's own lines only those about failures are shown.
faults() {
    (cd "$APP" && FAULTS=$1 "$VENV/bin/pytest" tests/faults -q --tb=short --junitxml="$REPORTS/faults.xml") |
        tee "$REPORTS/faults.txt"
}

check_coverage() {
    in_app coverage combine --keep --data-file="$REPORTS/.coverage" "$REPORTS"
    in_app coverage html --data-file="$REPORTS/.coverage" -d "$REPORTS/coverage" --quiet
    in_app coverage report --data-file="$REPORTS/.coverage" --skip-covered --fail-under="$LEAST_COVERAGE" |
        tee "$REPORTS/coverage.txt"
}

check_mypy() {
    in_app mypy | tee "$REPORTS/mypy.txt"
    (cd "$ROOT/adapters" && "$VENV/bin/mypy") | tee -a "$REPORTS/mypy.txt"
}

check_pylint() {
    in_app pylint -j 2 my_monit | tee "$REPORTS/pylint.txt"
    (cd "$ROOT/adapters" && "$VENV/bin/pylint" --rcfile pyproject.toml mymonit_adapters) | tee -a "$REPORTS/pylint.txt"
}

check_bandit() {
    in_app bandit -q -c pyproject.toml -r my_monit ../../adapters/mymonit_adapters | tee "$REPORTS/bandit.txt"
}

versions() {
    if [[ -n ${MYMONIT_URL:-} ]]; then echo "system: the stack at $MYMONIT_URL, with its own servers. Installed here:"; else
        echo "Seen here:"
    fi
    "$VENV/bin/python" --version
    mariadbd --version 2>/dev/null || mysqld --version 2>/dev/null || echo "no database server"
    echo "RabbitMQ $(dpkg-query -W -f '${Version}' rabbitmq-server 2>/dev/null || echo unknown)"
    nginx -v 2>&1 || echo "no nginx"
}

# A part's failure does not keep the others from being told.
run_part() {
    local part=$1 started=$SECONDS
    printf '\n== %s\n' "$part"
    case $part in
        integration | bench | contract) needs_infra ;;
        firebase) needs_emulator firebase ;;
        pages)
            needs_emulator pages
            needs_stack
            ;;
        system) [[ -n ${MYMONIT_URL:-} ]] || needs_stack ;;
    esac
    set +e # the part itself stops at its first failure, which `if` would keep it from doing
    (set -e && "check_$part")
    local status=$? outcome=passed
    set -e
    if ((status != 0)); then outcome=FAILED; fi
    echo "$outcome  $part  $((SECONDS - started)) s" >>"$OUTCOMES"
}

run_parts() { local part; for part in "$@"; do run_part "$part"; done; }

run_all() {
    set -m # a group of its own, so that it can be ended as a whole
    run_parts "${BESIDE[@]}" >"$REPORTS/beside.txt" 2>&1 &
    ROW=$!
    set +m
    echo "beside what follows, and shown after it: ${BESIDE[*]}"
    run_parts "${FIRST[@]}"
    wait "$ROW" || true
    ROW=
    cat "$REPORTS/beside.txt"
    run_parts "${LAST[@]}"
}

end() {
    if [[ -n ${ROW:-} ]]; then
        kill -INT -- "-$ROW" 2>/dev/null || true
        wait "$ROW" || true
    fi
    if [[ ${STOP:-} == yes ]]; then ./run.sh stop || true; fi
}

main() {
    local part parts=("$@")
    case ${1:-} in -h | --help | help) usage && return ;; esac
    FAULT_NAMES=() BY_NAME=yes
    if (($# == 0)); then BY_NAME=no; fi
    if [[ ${1:-} == faults ]]; then parts=(faults) FAULT_NAMES=("${@:2}"); fi
    for part in "${parts[@]}"; do
        declare -F "check_$part" >/dev/null || die "there is no part $part; see ./run-checks.sh --help"
    done
    trap end EXIT
    prepare
    : >"$OUTCOMES"
    if [[ $BY_NAME == yes ]]; then run_parts "${parts[@]}"; else run_all; fi
    printf '\n'
    versions
    printf '\n'
    cat "$OUTCOMES"
    ! grep -q ^FAILED "$OUTCOMES"
}

main "$@"
