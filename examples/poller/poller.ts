/**
 * A poller: takes request IDs from MQTT, fetches each manifest once, prints a line for it.
 *
 * Start as many as you like, each with a POLLER_ID of its own that stays the same; kill any of them at any time.
 * The broker hands out the work (shared subscription), keeps the share of one that is away (session), and sends
 * again what was not acknowledged; the claim keeps two from doing the same; the list of pending ids repairs
 * what was lost with a worker that never came back. docs/pollers.md has the reasons.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkItem } from 'blink-manifestd/schemas'
import { connect, type IPublishPacket } from 'mqtt'
import { openClaims } from './claims.ts'

const {
  MQTT_URL = 'mqtt://127.0.0.1:1883',
  MQTT_USERNAME,
  MQTT_PASSWORD,
  BASE_TOPIC = 'blink-manifestd',
  POLLER_ID = 'a',
  POLLER_GROUP = 'manifests',
  CLAIMS = './claims.db',
  ACCESS_TOKEN = '',
  REST_URL = '',
  POLL_SECONDS = '2.5',
  RECONCILE_SECONDS = '60',
} = process.env

if (!URL.canParse(REST_URL)) {
  console.error('REST_URL is missing, for instance https://rest-e008.immedia-semi.com')
  process.exit(64)
}

const pollMs = Number(POLL_SECONDS) * 1000
const reconcileMs = Number(RECONCILE_SECONDS) * 1000
/** Life of a request ID, and a margin: longer, and a dead worker keeps swallowing its share. */
const sessionSeconds = 660
/** A worker that was killed blocks its work no longer than this. */
const leaseMs = 30_000

const claims = openClaims(CLAIMS, POLLER_ID)
const pending = new Map<string, readonly WorkItem[]>()

const client = connect(MQTT_URL, {
  protocolVersion: 5,
  clientId: `blink-poller-${POLLER_ID}`,
  clean: false,
  ...(MQTT_USERNAME && { username: MQTT_USERNAME }),
  ...(MQTT_PASSWORD && { password: MQTT_PASSWORD }),
  // One job at a time: the rest stays with the broker, for others.
  properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: 1 },
})

// mqtt.js acknowledges when the callback is called: after the work, so that a kill in between loses nothing.
client.handleMessage = (packet, acknowledge) => {
  take(packet as IPublishPacket)
    .catch((error: unknown) => console.error(String(error)))
    .finally(() => acknowledge())
}
client.on('error', (error) => console.error(error.message))
client.on('connect', () => {
  client.subscribe(`$share/${POLLER_GROUP}/${BASE_TOPIC}/sync/+/+/+/manifest/requested`, { qos: 1 })
  // QoS 0, so that a new list does not wait behind the job in hand.
  client.subscribe(`${BASE_TOPIC}/sync/+/+/+/manifest/pending`, { qos: 0 })
})

async function take({ topic, payload }: IPublishPacket): Promise<void> {
  const value: unknown = JSON.parse(payload.toString() || '[]')
  if (topic.endsWith('/pending')) pending.set(topic, value as readonly WorkItem[])
  else await work(value as WorkItem)
}

async function work(item: WorkItem): Promise<void> {
  const name = [item.account_id, item.network_id, item.sync_module_id, item.request_id_str].join('/')
  if (!isAlive(item) || !claims.claim(name, leaseMs)) return
  console.log(JSON.stringify({ worker: POLLER_ID, claimed: item.request_id_str }))
  try {
    while (isAlive(item)) {
      const manifest = await fetchManifest(item)
      if (manifest) {
        const { manifest_id, clips = [] } = manifest
        console.log(
          JSON.stringify({
            worker: POLLER_ID,
            request_id: item.request_id_str,
            manifest_id,
            clips: clips.length,
          }),
        )
        claims.finish(name)
        return
      }
      claims.claim(name, leaseMs)
      await sleep(pollMs)
    }
  } catch (error) {
    // Acknowledged all the same; it is still in the list of pending ids, and one of us tries again.
    claims.release(name)
    console.error(`${name}: ${String(error)}`)
  }
}

/** The manifest, or `undefined` as long as the module is at it. */
async function fetchManifest({ poll_path }: WorkItem) {
  const answer = await fetch(trusted(poll_path), {
    headers: { authorization: `Bearer ${ACCESS_TOKEN}` },
    signal: AbortSignal.timeout(20_000),
  })
  const body = (await answer.json()) as { code?: number; manifest_id?: string; clips?: unknown[] }
  if (answer.ok) return body
  if (answer.status === 409 && body.code === 2113) return undefined
  throw new Error(`status ${answer.status}, code ${body.code}`)
}

/** Whoever can write to the broker can put a host of theirs into `poll_url`, and would be sent our token. */
function trusted(path: string): URL {
  const url = new URL(REST_URL)
  // Set as a path, it stays one, even where it begins like a host.
  url.pathname = url.pathname.replace(/\/$/, '') + path
  return url
}

function isAlive({ expires_at }: WorkItem): boolean {
  return Date.parse(expires_at) > Date.now()
}

// What nobody claimed for a while was lost with a worker whose session has ended, or failed.
while (!client.disconnecting) {
  await sleep(reconcileMs)
  const old = (item: WorkItem) => Date.parse(item.requested_at) < Date.now() - reconcileMs / 2
  for (const item of [...pending.values()].flat().filter(old)) await work(item)
}
