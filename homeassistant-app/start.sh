#!/bin/sh
# Hands what Home Assistant mounts over to the program's own user, and starts the program as that user.
set -eu

user=1000
for directory in /data /media/blink-manifestd; do
  mkdir -p "$directory"
  # Once, and not through links, which may lead anywhere. A share of the network may refuse it.
  [ "$(stat -c %u "$directory")" = "$user" ] || chown -hR "$user:$user" "$directory" ||
    echo "start.sh: $directory could not be handed over to user $user" >&2
done
# Written anew by the Supervisor before each start, for root alone.
[ ! -e /data/options.json ] || chown -h "$user:$user" /data/options.json

exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
  tini -- node --max-semi-space-size=8 --heap-growing-percent=10 /app/dist/main.js "$@"
