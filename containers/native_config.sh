# shellcheck shell=bash
# The configuration of the processes: written anew at every start, from the templates and the settings. Sourced.

write_configuration() {
    [[ ${#STATE} -le $SOCKET_PATH_MAX ]] && SOCKETS=$RUN || SOCKETS=$(short_folder)
    database_configuration >"$RUN/my.cnf"
    database_accounts >"$RUN/accounts.sql"
    mkdir -p "$RUN/broker"
    broker_configuration >"$RUN/broker/80-places.conf"
    cp -f "$SECRETS/broker.conf" "$RUN/broker/90-administrator.conf"
    echo '[rabbitmq_management,rabbitmq_prometheus].' >"$RUN/enabled_plugins"
    edge_configuration "$RUN/nginx" "$SERVER_TLS" "$HTTPS_PORT" "$(listen_ipv6)" "127.0.0.1:$REST_PORT" \
        >"$RUN/nginx.conf"
    supervisor_configuration >"$RUN/supervisord.conf"
}

# A socket's path has room for about a hundred characters.
short_folder() {
    local folder
    folder=/tmp/mymonit-$EUID-$(sha256sum <<<"$STATE" | cut -c 1-16)
    mkdir -p "$folder"
    [[ -O $folder && ! -L $folder ]] || die "$folder belongs to someone else"
    chmod 700 "$folder"
    echo "$folder"
}

database_configuration() {
    cat <<CONFIG
!include $ROOT/containers/mysql/mymonit.cnf
[mysqld]
datadir = $DATABASE
tmpdir = $DATABASE.tmp
socket = $SOCKETS/database.sock
pid_file = $RUN/database.pid
bind_address = 127.0.0.1
port = $DB_PORT
init_file = $RUN/accounts.sql
skip_log_bin
CONFIG
    if ((EUID == 0)); then echo "user = root"; fi
}

# Run by the database at every start, one statement a line: the settings say what the administrator's password is.
database_accounts() {
    local host
    for host in localhost 127.0.0.1; do
        echo "CREATE USER IF NOT EXISTS $(sql "$DB_ADMIN_USER")@'$host';"
        echo "ALTER USER $(sql "$DB_ADMIN_USER")@'$host' IDENTIFIED BY $(sql "$DB_ADMIN_PASSWORD");"
        echo "GRANT ALL ON *.* TO $(sql "$DB_ADMIN_USER")@'$host' WITH GRANT OPTION;"
    done
}

sql() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}

broker_configuration() {
    cat <<CONFIG
listeners.ssl.default = $AMQPS_PORT
ssl_options.cacertfile = $SERVER_TLS/ca.crt
ssl_options.certfile = $SERVER_TLS/server.crt
ssl_options.keyfile = $SERVER_TLS/server.key
management.tcp.ip = 127.0.0.1
management.tcp.port = $RABBIT_MANAGEMENT_PORT
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $RABBIT_PROMETHEUS_PORT
CONFIG
}

# Independent of the machine's name, of other brokers, and of what /etc/rabbitmq says. Erlang's name server is a process
# of ours, not one that the broker leaves behind. The last line lets the script become the broker instead of waiting
# beside it.
broker_environment() {
    cat <<ENVIRONMENT
HOME=$BROKER
RABBITMQ_CONF_ENV_FILE=/dev/null
RABBITMQ_NODENAME=mymonit@localhost
RABBITMQ_MNESIA_BASE=$BROKER/mnesia
RABBITMQ_LOG_BASE=$LOGS
RABBITMQ_LOGS=-
RABBITMQ_PID_FILE=$RUN/broker.pid
RABBITMQ_CONFIG_FILE=$ROOT/containers/rabbitmq/rabbitmq.conf
RABBITMQ_CONFIG_FILES=$RUN/broker
RABBITMQ_ADVANCED_CONFIG_FILE=$RUN/broker/none
RABBITMQ_GENERATED_CONFIG_DIR=$RUN/broker/generated
RABBITMQ_ENABLED_PLUGINS_FILE=$RUN/enabled_plugins
RABBITMQ_DIST_PORT=$RABBIT_DIST_PORT
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}
ERL_FLAGS=-start_epmd false
ERL_EPMD_ADDRESS=127.0.0.1
ERL_EPMD_PORT=$EPMD_PORT
ERL_CRASH_DUMP=$LOGS/erl_crash.dump
RUNNING_UNDER_SYSTEMD=true
ENVIRONMENT
}

listen_ipv6() {
    if [[ -e /proc/net/if_inet6 ]]; then echo "listen [::]:$HTTPS_PORT ssl;"; fi
}

# application_environment service|guard|administrator: the settings, secrets as files; an administrator's are kept from
# the services, but for the guard, which is the broker's administrator.
application_environment() {
    local name
    for name in "${SETTINGS[@]}"; do
        case $1:$name in
            guard:RABBIT_ADMIN_*) ;;
            service:*_ADMIN_* | service:ADAPTER_* | guard:*_ADMIN_* | guard:ADAPTER_*) continue ;;
        esac
        if is_secret "$name"; then echo "${name}_FILE=$SECRETS/$name"; else echo "$name=${!name}"; fi
    done
    cat <<ENVIRONMENT
DB_HOST=127.0.0.1
RABBIT_URL=amqps://localhost:$AMQPS_PORT
RABBIT_CA=$CA
RABBIT_MANAGEMENT_URL=http://127.0.0.1:$RABBIT_MANAGEMENT_PORT
REST_HOST=127.0.0.1
HEALTH_HOST=127.0.0.1
GUARD_HOST=127.0.0.1
IDENTITY_KEY_FILE=$STATE/private/identity.pem
ENVIRONMENT
}

# Changed files change a section of the supervisor's configuration, and so restart exactly the processes they concern.
stamp() { cat "$@" | sha256sum | cut -c 1-16; }
application_stamp() {
    find "$ROOT/containers/app/my_monit" -name '*.py' -print0 | sort -z | xargs -0 sha256sum | stamp - "$LOCK"
}

supervisor_configuration() {
    local user="" code
    if ((EUID == 0)); then user="user = root"; fi
    code=$(application_stamp)
    fill "$ROOT/containers/supervisor/supervisord.conf.template" LOGS="$LOGS" RUN="$RUN" ROOT="$ROOT" \
        SOCKETS="$SOCKETS" SUPERVISOR_USER="$user"
    program epmd 10 TERM 10 "" "epmd -address 127.0.0.1 -port $EPMD_PORT" </dev/null
    program database 20 TERM 120 "$(stamp "$RUN/my.cnf" "$RUN/accounts.sql" "$ROOT/containers/mysql/mymonit.cnf")" \
        "mariadbd \"--defaults-file=$RUN/my.cnf\"" </dev/null
    program broker 30 TERM 60 "$(stamp "$ROOT/containers/rabbitmq/rabbitmq.conf" "$RUN"/broker/*.conf)" \
        "$BROKER_SCRIPTS/rabbitmq-server" < <(broker_environment)
    program listener 40 TERM 60 "$code" "\"$VENV/bin/mymonit\" listen" < <(application_environment service)
    program guard 45 TERM 60 "$code" "\"$VENV/bin/mymonit\" guard" < <(application_environment guard)
    program rest 50 TERM 60 "$code" "\"$VENV/bin/mymonit\" rest" < <(application_environment service)
    program nginx 60 QUIT 10 "$(stamp "$RUN/nginx.conf")" "nginx -e stderr -c \"$RUN/nginx.conf\"" </dev/null
}

# program NAME PRIORITY STOP_SIGNAL STOP_SECS STAMP COMMAND: a section; its environment comes on the standard input.
program() {
    cat <<SECTION
[program:$1]
command = setpriv --pdeathsig TERM $6
environment =
    MYMONIT_STAMP="$5",
$(sed -e 's/%/%%/g' -e 's/^\([A-Za-z0-9_]*\)=\(.*\)$/    \1="\2",/')
priority = $2
autostart = false
autorestart = true
startsecs = 1
startretries = 60
stopsignal = $3
stopwaitsecs = $4
killasgroup = true
redirect_stderr = true
stdout_logfile = $LOGS/$1.log
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 5

SECTION
}
