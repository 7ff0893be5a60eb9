# shellcheck shell=bash
# What the system must have: found, installed by apt when root may do so, or named for a person. Sourced.

# ensure_packages native|docker|firebase|pages
ensure_packages() {
    local packages
    mapfile -t packages < <(missing_packages "$1")
    if ((${#packages[@]} == 0)); then return; fi
    if ((EUID != 0)) || [[ ! -e /etc/debian_version ]]; then
        say "MyMONIT needs packages that are not installed. On Debian 12 and later, or Ubuntu 24.04 and later:"
        say "    sudo apt-get install --no-install-recommends ${packages[*]}"
        say "The packages' own services are not needed and may be disabled."
        exit 1
    fi
    step "packages: installing ${packages[*]}"
    install_packages "${packages[@]}"
}

missing_packages() {
    if ! python_command >/dev/null; then echo python3; fi
    if [[ ! -x $VENV/bin/python ]] && ! can_make_venv; then echo python3-venv; fi
    has_command openssl || echo openssl
    has_command curl || echo curl
    if [[ $1 == firebase || $1 == pages ]]; then
        has_command node || echo nodejs
        has_command npm || echo npm
    fi
    if [[ $1 == pages ]]; then
        has_command chromium || echo chromium
        has_command chromedriver || echo chromium-driver
    fi
    if [[ $1 != native ]]; then return; fi
    has_command mariadbd && has_command mariadb-install-db && has_command my_print_defaults ||
        printf '%s\n' mariadb-server-core mariadb-client-core
    [[ -x $BROKER_SCRIPTS/rabbitmq-server ]] || echo rabbitmq-server
    has_command nginx || echo nginx
}

# Servers live where only root's PATH looks.
has_command() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

# Nothing that is installed is removed for it, and no service that comes along is started or left enabled.
install_packages() (
    local log=$LOGS/packages.log services=() units=(rabbitmq-server nginx) policy=/usr/sbin/policy-rc.d
    umask 022
    has_command epmd || units+=(epmd.socket epmd)
    for unit in "${units[@]}"; do service_is_there "$unit" || services+=("$unit"); done
    if [[ ! -e $policy ]]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -q && apt-get install -y -q --no-install-recommends --no-remove \
        -o DPkg::Lock::Timeout=60 "$@"; } >"$log" 2>&1 </dev/null; then
        grep -E '^E:' "$log" >&2
        die "apt-get could not install $*; the whole story is in $log"
    fi
    for unit in "${services[@]}"; do disable_service "$unit"; done
)

service_is_there() { [[ -e /lib/systemd/system/${1%.socket}.service || -e /etc/init.d/$1 ]]; }

disable_service() {
    if has_command systemctl; then
        systemctl disable "$1" >/dev/null 2>&1 || true
    else  # a container: systemd may come later
        find /etc/systemd/system -path '*.wants/*' \( -name "$1" -o -name "$1.service" \) -delete 2>/dev/null || true
    fi
    if [[ -e /etc/init.d/$1 ]]; then update-rc.d "$1" disable >/dev/null 2>&1 || true; fi
}
