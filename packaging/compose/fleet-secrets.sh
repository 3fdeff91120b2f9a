#!/bin/sh
# Makes what the daemons of compose.fleet.yaml and their PostgreSQL share: docker compose -f compose.fleet.yaml run --rm make-secrets
#
# What is there already stays: another key would open none of the stored credentials.
set -eu
umask 077
secrets=${SECRETS:-/secrets}
daemon=1000:1000
# Of the image postgres:17-bookworm.
postgres=999:999

# Arguments: the file's name, its owner. The text comes from stdin; a file that is half written never has the name.
keep() {
  if [ -e "$secrets/$1" ]; then
    cat >/dev/null
    echo "secrets/$1 stays as it is."
    return
  fi
  cat >"$secrets/$1.new"
  chown "$2" "$secrets/$1.new"
  mv "$secrets/$1.new" "$secrets/$1"
  echo "secrets/$1 is new."
}

random() { head -c "$1" /dev/urandom | base64; }

random 32 | keep store-key "$daemon"
random 24 | tr '+/' '-_' | keep postgres "$postgres"
# Inside the network of compose.fleet.yaml, which only its containers reach.
printf 'postgres://blink_manifestd:%s@postgres:5432/blink_manifestd?sslmode=disable\n' "$(cat "$secrets/postgres")" |
  keep store-url "$daemon"
