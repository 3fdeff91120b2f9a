#!/bin/sh
# Gives a user of the broker a new random password: docker compose run --rm add-user NAME
#
# secrets/NAME has the password, readable by the daemon's user; secrets/mosquitto-passwords has a hash of it, for the
# broker's. The broker reads it when it starts: docker compose restart mosquitto
set -eu
umask 077
secrets=${SECRETS:-/secrets}
passwords=$secrets/mosquitto-passwords
daemon=1000:1000
broker=1883:1883

name=${1-}
case $name in
'' | mosquitto-passwords | [!A-Za-z0-9]* | *[!A-Za-z0-9_-]*)
  echo "add-user: give one name of letters, digits, - and _" >&2
  exit 64
  ;;
esac

password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
touch "$passwords"
# mosquitto_passwd warns about files of others.
chown 0:0 "$passwords"
mosquitto_passwd -b "$passwords" "$name" "$password"
chown "$broker" "$passwords"
printf '%s\n' "$password" >"$secrets/$name"
chown "$daemon" "$secrets/$name"
echo "The password of $name is in secrets/$name."
