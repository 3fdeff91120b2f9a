/**
 * Finds devices that an earlier installation left in Home Assistant, and logs how to remove each.
 *
 * An installation that lost its data directory comes back with another id and new devices; the old ones stay, and read
 * the same topics. They are not ours to remove: the other installation may be alive. One counts as gone when it
 * published its `bridge/info` below our base topic at no time in ten minutes, in which a live one would have published
 * or repaired it, or when it has a base topic of its own and its `bridge/state` there says `offline`. Of one that is
 * not heard at all, as where the broker does not let us read its topics, nothing is known and nothing said.
 */
import { z } from 'zod'
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import type { Incoming } from '../mqtt/connection.ts'
import type { MessageListener, Wish } from '../mqtt/subscriptions.ts'
import type { Topics } from '../topics/topics.ts'
import { discoveryFilter, installIdIn, isOurs, objectIdOf, originName } from './documents.ts'

export interface GhostNeeds {
  readonly topics: Topics
  readonly installId: string
  /** Below which Home Assistant looks for documents. */
  readonly prefix: string
  readonly subscribe: (filter: string, listener: MessageListener, wish?: Wish) => () => void
  readonly clock: Clock
  readonly log: Log
}

/** How long a live installation may keep silent: two runs of the default schedule. */
const silenceMs = 10 * 60_000
/** What the broker keeps has come by then. */
const copiesMs = 5_000
/** Longer ones are no document of this program's. */
const longestBytes = 64 * 1024
/** More devices than this are counted and not named. */
const mostNamed = 100

const shape = z.object({
  origin: z.object({ name: z.literal(originName) }),
  availability: z.array(z.object({ topic: z.string() })).min(1),
})
const info = z.object({ install_id: z.string() })

/** Listens for ten minutes from the first connection, and logs what is a ghost by then. */
export async function findGhosts(
  { topics, installId, prefix, subscribe, clock, log }: GhostNeeds,
  connected: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  /** The topic of each other installation's `bridge/state`, by device. */
  const states = new Map<string, string>()
  const alive = new Set<string>()
  const ends = [
    subscribe(discoveryFilter(prefix), ({ topic, payload }) => {
      const device = objectIdOf(prefix, topic)
      if (device === undefined || installIdIn(device) === undefined || isOurs(installId, device)) return
      const document = read(shape, payload)
      if (document) states.set(device, document.availability[0]?.topic ?? '')
      else states.delete(device)
    }),
    subscribe(
      topics.bridgeInfo,
      ({ payload, retain }) => {
        const id = retain ? undefined : read(info, payload)?.install_id
        if (id !== undefined) alive.add(id)
      },
      // As all who listen there: the first decides for the filter.
      { noLocal: true },
    ),
  ]
  try {
    await connected
    await clock.sleep(silenceMs, signal)
    const others = new Set([...states.values()].filter((topic) => topic !== topics.bridgeState))
    const offline = await heardOffline(others)
    const isGhost = ([device, state]: readonly [string, string]) =>
      state === topics.bridgeState ? !alive.has(installIdIn(device) ?? '') : offline.has(state)
    const ghosts = [...states].filter(isGhost).map(([device]) => device)
    for (const device of ghosts.slice(0, mostNamed)) {
      const remedy = `Remove it with: mosquitto_pub -q 1 -r -n -t '${prefix}/device/${device}/config'`
      log.warn({ device, remedy }, 'Home Assistant device of an installation that is not running')
    }
    if (ghosts.length > mostNamed) {
      const rest = ghosts.length - mostNamed
      log.warn({ devices: rest }, 'more Home Assistant devices of installations that are not running')
    }
  } finally {
    for (const end of ends) end()
  }

  /** Which of these topics say `offline`. */
  async function heardOffline(stateTopics: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const offline = new Set<string>()
    const ends = [...stateTopics].filter(isPlain).map((state) =>
      subscribe(state, ({ payload }: Incoming) => {
        if (Buffer.from(payload).toString() === 'offline') offline.add(state)
        else offline.delete(state)
      }),
    )
    if (ends.length > 0) await clock.sleep(copiesMs, signal)
    for (const end of ends) end()
    return offline
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
