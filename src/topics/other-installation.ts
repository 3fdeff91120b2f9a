/**
 * Notices another installation that publishes below our base topic: the two would overwrite each other's state.
 *
 * The install id in `bridge/info` names it. One that is heard live runs. A copy that the broker had kept may belong to
 * a daemon long gone, so it counts only when `bridge/state` was kept as `online` beside it. Our own never counts.
 */
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'
import type { Incoming } from '../mqtt/connection.ts'
import type { MessageListener } from '../mqtt/subscriptions.ts'
import type { Topics } from './topics.ts'

export interface WatchNeeds {
  readonly topics: Topics
  readonly installId: string
  readonly subscribe: (filter: string, listener: MessageListener) => () => void
  /** Called with the id of another installation each time that it is heard live. */
  readonly heard?: (installId: string) => void
  readonly clock: Clock
  readonly log: Log
}

/** Longer ones are no document of this program's. */
const longestInfoBytes = 64 * 1024

/** Watches until what it returns is called. */
export function watchForOthers({ topics, installId, subscribe, heard, clock, log }: WatchNeeds): () => void {
  const throttled = new ThrottledLog(clock, log)
  let keptOnline = false
  let keptOther: string | undefined

  const report = (other: string) => {
    const fields = {
      reason: 'both write the same topics',
      base_topic: topics.base,
      install_id: installId,
      other_install_id: other,
      remedy: 'Stop one of the two, or give each its own mqtt.baseTopic.',
    }
    throttled.log('error', fields, 'another installation publishes below this base topic')
  }
  const reportKept = () => {
    if (keptOnline && keptOther !== undefined) report(keptOther)
  }
  const ends = [
    subscribe(topics.bridgeState, ({ payload, retain }) => {
      // What is heard live may be our own.
      if (!retain) return
      keptOnline = textOf(payload) === 'online'
      reportKept()
    }),
    subscribe(topics.bridgeInfo, (message) => {
      const id = installIdIn(message)
      const other = id === installId ? undefined : id
      if (message.retain) {
        keptOther = other
        reportKept()
      } else if (other !== undefined) {
        heard?.(other)
        report(other)
      }
    }),
  ]
  return () => {
    for (const end of ends) end()
  }
}

/** Anybody may publish anything there. */
function installIdIn({ payload }: Incoming): string | undefined {
  if (payload.length > longestInfoBytes) return undefined
  try {
    const info: unknown = JSON.parse(textOf(payload))
    const id: unknown =
      typeof info === 'object' && info !== null ? Reflect.get(info, 'install_id') : undefined
    return typeof id === 'string' && /^[0-9a-f]{8}$/.test(id) ? id : undefined
  } catch {
    return undefined
  }
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload).toString('utf8')
}
