#!/usr/bin/env bash
# Gives Kibana and Logstash their accounts in Elasticsearch; running it again changes nothing but their passwords.
set -euo pipefail

secret() { cat "/run/secrets/$1"; }

# send METHOD PATH: the body comes on the standard input, the password by a file: neither is in an argument list.
send() {
    curl -fsS --cacert /run/tls/ca.crt -K <(printf 'user = "elastic:%s"\n' "$(secret ELASTIC_PASSWORD)") \
        -X "$1" -H 'Content-Type: application/json' --data-binary @- "https://elasticsearch:9200/_security/$2"
    echo
}

send POST user/kibana_system/_password <<BODY
{"password": "$(secret KIBANA_PASSWORD)"}
BODY
# Log lines are added, never changed.
send PUT role/mymonit_logs <<'BODY'
{"cluster": ["monitor"], "indices": [{"names": ["logs-mymonit*"], "privileges": ["auto_configure", "create_doc"]}]}
BODY
send PUT user/mymonit_logstash <<BODY
{"password": "$(secret LOGSTASH_PASSWORD)", "roles": ["mymonit_logs"]}
BODY
