# shellcheck shell=bash
# The virtual environment under .local/venv, from the hashed locks. Sourced, never run.

readonly VENV=$ROOT/.local/venv
readonly LOCK=$ROOT/containers/app/requirements.lock
readonly DEV_LOCK=$ROOT/containers/app/requirements-dev.lock
#: Made with DEV_LOCK as constraint: what both name has one version.
readonly ADAPTER_LOCK=$ROOT/adapters/requirements.lock

# The first Python on the PATH, or Debian's own, that is new enough.
python_command() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

can_make_venv() { "$(python_command)" -c 'import ensurepip, venv' 2>/dev/null; }

# requirements KIND: what the adapter alone needs, a run, or the checks; each includes the one before.
requirements() {
    case $1 in
        adapter) cat "$ADAPTER_LOCK" ;;
        run) cat "$LOCK" && locked "$DEV_LOCK" supervisor && locked "$ADAPTER_LOCK" defusedxml ;;
        checks) cat "$DEV_LOCK" && locked "$ADAPTER_LOCK" defusedxml ;;
    esac
}

# locked LOCK PACKAGE: the package's lines, hashes included.
locked() {
    awk -v start="$2==" '/^[^ #]/ { on = index($0, start) == 1 } on' "$1"
}

fingerprint() { requirements "$1" | sha256sum | cut -d ' ' -f 1; }
is_installed() { [[ $(cat "$VENV/.mymonit-$1" 2>/dev/null) == "$(fingerprint "$1")" ]]; }

# ensure_venv KIND: nothing happens when the locks have not changed. Several stacks share the environment: one installs
# while the others wait.
ensure_venv() {
    local kind log=$LOGS/install.log
    mkdir -p "$ROOT/.local"
    exec 7>"$ROOT/.local/venv.lock"
    flock 7
    venv_works || make_venv "$log"
    if ! is_installed "$1"; then
        step "python: installing the locked packages"
        requirements "$1" >"$VENV/.requirements"
        pip install --require-hashes --no-deps -r "$VENV/.requirements" >"$log" 2>&1 || installation_failed "$log"
        for kind in adapter run checks; do
            fingerprint "$kind" >"$VENV/.mymonit-$kind"
            if [[ $kind == "$1" ]]; then break; fi
        done
    fi
    if [[ $1 != adapter ]]; then ensure_editable "$ROOT/containers/app" "$log"; fi
    ensure_editable "$ROOT/adapters" "$log"
    exec 7>&-
}

pip() { (umask 022 && "$VENV/bin/python" -m pip --disable-pip-version-check -q "$@"); }

installation_failed() {
    tail -n 5 "$1" >&2
    die "the Python packages could not be installed; the whole story is in $1"
}

# An environment whose Python has gone, or which was moved with the checkout, is made anew.
venv_works() {
    [[ -x $VENV/bin/python ]] && head -n 2 "$VENV/bin/pip" 2>/dev/null | grep -qF "$VENV/" &&
        "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

make_venv() {
    step "python: a virtual environment in .local/venv"
    rm -rf "$VENV"
    (umask 022 && "$(python_command)" -m venv "$VENV") >"$1" 2>&1 || installation_failed "$1"
}

# ensure_editable FOLDER LOG: the package itself, in place; again only when its metadata have changed.
ensure_editable() {
    local stamp=$VENV/.mymonit-${1##*/} metadata
    metadata=$(sha256sum <"$1/pyproject.toml")
    if [[ $(cat "$stamp" 2>/dev/null) == "$metadata" ]]; then return; fi
    pip install --no-deps -e "$1" >>"$2" 2>&1 || installation_failed "$2"
    echo "$metadata" >"$stamp"
}
