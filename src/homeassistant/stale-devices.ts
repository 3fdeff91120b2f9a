/**
 * Finds devices that an earlier installation left in Home Assistant, and logs how to remove each.
 *
 * An installation that lost its data directory comes back with another id and new devices; the old ones stay, and read
 * the same topics. They are not ours to remove: the other installation may still run. A device is stale when its
 * installation published no `bridge/info` below our base topic for ten minutes, in which a running one would have
 * published or repaired it; or, with a base topic of its own, when its `bridge/state` there is `offline`. Where
 * nothing can be heard, as where the broker does not let us read its topics, nothing is logged.
 */
import { z } from 'zod'
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import type { Incoming } from '../mqtt/connection.ts'
import type { MessageListener, SubscribeOptions } from '../mqtt/subscriptions.ts'
import { offline } from '../topics/retained.ts'
import type { Topics } from '../topics/topics.ts'
import { discoveryFilter, installIdIn, isOurs, objectIdOf, originName } from './documents.ts'

export interface StaleDevicesNeeds {
  readonly topics: Topics
  readonly installId: string
  /** Below which Home Assistant looks for documents. */
  readonly prefix: string
  readonly subscribe: (filter: string, listener: MessageListener, wish?: SubscribeOptions) => () => void
  readonly clock: Clock
  readonly log: Log
}

/** How long a running installation may be silent: two runs of the default schedule. */
const silenceMs = 10 * 60_000
/** After this long the broker has sent all that it keeps. */
const copiesMs = 5_000
/** Longer documents and topics are none of this program's. */
const [longestBytes, longestTopic] = [64 * 1024, 1_000]
/** More devices than this are counted and not named; far more are not even counted: anybody may write there. */
const [mostNamed, mostKept] = [100, 1_000]

const shape = z.object({
  origin: z.object({ name: z.literal(originName) }),
  availability: z.array(z.object({ topic: z.string().max(longestTopic) })).min(1),
})
const info = z.object({ install_id: z.string().regex(/^[0-9a-f]{8}$/) })

/** Listens for ten minutes from the first connection, and logs the devices that are stale by then. */
export async function findStaleDevices(
  { topics, installId, prefix, subscribe, clock, log }: StaleDevicesNeeds,
  connected: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  /** The topic of each other installation's `bridge/state`, by device. */
  const states = new Map<string, string>()
  const running = new Set<string>()
  const ends = [
    subscribe(discoveryFilter(prefix), ({ topic, payload }) => {
      const device = objectIdOf(prefix, topic)
      if (device === undefined || installIdIn(device) === undefined || isOurs(installId, device)) return
      const document = read(shape, payload)
      const isFull = states.size >= mostKept && !states.has(device)
      if (document && !isFull) states.set(device, document.availability[0]?.topic ?? '')
      else if (!document) states.delete(device)
    }),
    subscribe(
      topics.bridgeInfo,
      ({ payload, retain }) => {
        const id = retain ? undefined : read(info, payload)?.install_id
        if (id !== undefined && running.size < mostKept) running.add(id)
      },
      // As all who listen there: the first decides for the filter.
      { noLocal: true },
    ),
  ]
  try {
    await connected
    await clock.sleep(silenceMs, signal)
    const others = new Set([...states.values()].filter((topic) => topic !== topics.bridgeState))
    const stopped = await offlineOf(others)
    const isStale = ([device, state]: readonly [string, string]) =>
      state === topics.bridgeState ? !running.has(installIdIn(device) ?? '') : stopped.has(state)
    const stale = [...states].filter(isStale).map(([device]) => device)
    for (const device of stale.slice(0, mostNamed)) {
      const remedy = `Remove it with: mosquitto_pub -q 1 -r -n -t '${prefix}/device/${device}/config'`
      log.warn({ device, remedy }, 'Home Assistant device of an installation that is not running')
    }
    if (stale.length > mostNamed) {
      const rest = stale.length - mostNamed
      log.warn({ devices: rest }, 'more Home Assistant devices of installations that are not running')
    }
  } finally {
    for (const end of ends) end()
  }

  /** Which of these topics are `offline`. */
  async function offlineOf(stateTopics: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    const ends = [...stateTopics].filter(isPlain).map((state) =>
      subscribe(state, ({ payload }: Incoming) => {
        if (Buffer.from(payload).toString() === offline) found.add(state)
        else found.delete(state)
      }),
    )
    if (ends.length > 0) await clock.sleep(copiesMs, signal)
    for (const end of ends) end()
    return found
  }
}

/** A topic that can be subscribed to by itself. */
function isPlain(topic: string): boolean {
  return /^[^+#$\0][^+#\0]*$/.test(topic)
}

function read<T>(what: z.ZodType<T>, payload: Uint8Array): T | undefined {
  if (payload.length === 0 || payload.length > longestBytes) return undefined
  try {
    return what.safeParse(JSON.parse(new TextDecoder().decode(payload))).data
  } catch {
    return undefined
  }
}
