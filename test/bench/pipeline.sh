#!/bin/sh
# What one writes without the daemon: asks every sync module of the home screen in turn and publishes each request ID.
# Remembers nothing, tries nothing again, and needs a token that is valid. Ends with the processor time it took.
# `mosquitto_pub -l` would do as well, but waits 0.2 s before it ends; -s does not.
set -eu
api=$REST_URL/api
accounts=v1/accounts/$ACCOUNT
curl -s -H "Authorization: Bearer $TOKEN" "$api/v3/accounts/$ACCOUNT/homescreen" |
  jq -r '.sync_modules[] | "\(.network_id) \(.id)"' |
  while read -r network module; do
    path=/api/$accounts/networks/$network/sync_modules/$module/local_storage/manifest/request
    read -r event_id </proc/sys/kernel/random/uuid
    curl -s -X POST -H "Authorization: Bearer $TOKEN" "$REST_URL$path" |
      jq -cj --arg event "$event_id" --arg path "$path" --arg rest "$REST_URL" \
        --argjson account "$ACCOUNT" --argjson network "$network" --argjson id "$module" '{
          schema: 1, event_type: "manifest_requested", event_id: $event, ts: (now | todate),
          account_id: $account, network_id: $network, sync_module_id: $id,
          request_id: .id, request_id_str: (.id | tostring), trigger: "schedule", attempt: 1,
          poll_path: "\($path)/\(.id)", poll_url: "\($rest)\($path)/\(.id)",
          requested_at: (now | todate), expires_at: (now + 600 | todate)
        }' |
      mosquitto_pub -h 127.0.0.1 -p "$BROKER_PORT" -V 5 -q 1 -s \
        -D publish content-type application/json -D publish message-expiry-interval 600 \
        -t "pipeline/sync/$ACCOUNT/$network/$module/manifest/requested"
  done
times
