# shellcheck shell=bash
# A certificate authority of this machine's own, and the servers' certificate from it. Sourced, never run.

readonly CERTIFICATES=$STATE/certificates
readonly CA=$CERTIFICATES/ca.crt
readonly CA_KEY=$STATE/private/ca.key
# The servers' folder as a whole is what containers get mounted, so that they see renewed files.
readonly SERVER_TLS=$CERTIFICATES/server
readonly CA_DAYS=3650 SERVER_DAYS=397 RENEWAL_SECS=$((30 * 86400))

ensure_certificates() {
    mkdir -p "$SERVER_TLS" "$STATE/private"
    chmod 700 "$STATE/private" "$CERTIFICATES"
    if ca_is_good && server_is_good; then return; fi
    ca_is_good || make_ca
    make_server_certificate
}

ca_is_good() { [[ -e $CA_KEY ]] && openssl x509 -in "$CA" -noout -checkend "$RENEWAL_SECS" >/dev/null 2>&1; }

server_is_good() {
    local certificate=$SERVER_TLS/server.crt
    [[ -e $SERVER_TLS/server.key ]] &&
        openssl x509 -in "$certificate" -noout -checkend "$RENEWAL_SECS" >/dev/null 2>&1 &&
        openssl verify -CAfile "$CA" "$certificate" >/dev/null 2>&1 &&
        openssl x509 -in "$certificate" -noout -checkhost "$(hostname)" | grep -q 'does match'
}

make_ca() {
    step "certificates: a new local authority"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$CA_DAYS" -config /dev/stdin \
        -keyout "$CA_KEY" -out "$CA" 2>/dev/null <<CONFIG || die "openssl could not make the local authority"
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = MyMONIT local authority $(openssl rand -hex 4)
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
CONFIG
    chmod 644 "$CA"
}

make_server_certificate() {
    local new=$STATE/private/server
    step "certificates: a new one for the servers"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
        -keyout "$new.key" -out "$new.csr" 2>/dev/null || die "openssl could not make the servers' key"
    openssl x509 -req -in "$new.csr" -CA "$CA" -CAkey "$CA_KEY" -set_serial "0x$(openssl rand -hex 16)" \
        -days "$SERVER_DAYS" -extfile <(server_extensions) -out "$new.crt" 2>/dev/null ||
        die "openssl could not make the servers' certificate"
    rm "$new.csr"
    cp "$CA" "$SERVER_TLS/ca.crt"
    mv "$new.key" "$SERVER_TLS/server.key"
    mv "$new.crt" "$SERVER_TLS/server.crt"
}

# The names within a Compose network are there too: the same certificate serves both ways of running.
server_extensions() {
    local names="DNS:localhost,IP:127.0.0.1,IP:::1,DNS:rabbit,DNS:nginx,DNS:elasticsearch,DNS:kibana,DNS:logstash"
    cat <<EXTENSIONS
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $names,DNS:$(hostname)
EXTENSIONS
}

# A container's user is none of this machine's: it may read what it gets mounted. The closed folder above the key
# keeps everyone else out.
open_files_to_containers() {
    chmod 755 "$SERVER_TLS"
    chmod 644 "$SERVER_TLS"/* "$ROOT"/containers/{mysql,rabbitmq,elasticsearch,logstash,kibana}/*.*
}
