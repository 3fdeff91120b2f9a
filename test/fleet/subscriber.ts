/**
 * Everything that the instances publish, as a subscriber of the broker receives it.
 */
import { connectAsync } from 'mqtt'

export interface Item {
  readonly at: number
  readonly account: number
  readonly module: number
  readonly id: number
  readonly eventId: string
  readonly tickId: string
  readonly trigger: string
  readonly requestedAt: number
}

/** A module that was requested in vain. */
export interface Failed {
  readonly module: number
  readonly tickId: string
  readonly trigger: string
  readonly outcome: string
}

export interface TickDone {
  readonly tickId: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** A pause of an account, as it was published. */
export interface Pause {
  readonly account: number
  readonly at: number
  readonly until: number
}

export interface Heard extends AsyncDisposable {
  readonly items: readonly Item[]
  readonly failed: readonly Failed[]
  readonly ticksDone: readonly TickDone[]
  readonly pauses: readonly Pause[]
  /** The newest payload of each retained topic. */
  readonly latest: ReadonlyMap<string, string>
  /** Topics with a payload that held what nobody may see. */
  readonly leaks: ReadonlySet<string>
  readonly count: number
}

interface Payload {
  readonly event_type: string
  readonly event_id: string
  readonly account_id: number
  readonly sync_module_id: number
  readonly request_id: number
  readonly requested_at: string
  readonly tick_id: string
  readonly trigger: string
  readonly outcome: string
}

interface AccountState {
  readonly state: string
  readonly retry_at: string | null
}

export async function hear(url: string, secret: RegExp, filters: readonly string[]): Promise<Heard> {
  const items: Item[] = []
  const failed: Failed[] = []
  const ticksDone: TickDone[] = []
  const pauses: Pause[] = []
  const latest = new Map<string, string>()
  const leaks = new Set<string>()
  let count = 0
  const client = await connectAsync(url, { protocolVersion: 5, clientId: 'fleet-test', reconnectPeriod: 100 })
  client.on('error', () => undefined)
  client.on('message', (topic, bytes, { retain }) => {
    const text = bytes.toString('utf8')
    count++
    if (secret.test(text)) leaks.add(topic)
    if (retain) latest.set(topic, text)
    const account = /\/account\/(\d+)\/state$/.exec(topic)?.[1]
    if (account !== undefined && text !== '') {
      const { state, retry_at: until } = JSON.parse(text) as AccountState
      if (state === 'throttled' && until !== null)
        pauses.push({ account: Number(account), at: Date.now(), until: Date.parse(until) })
    }
    if (topic.endsWith('/manifest/requested')) {
      const item = JSON.parse(text) as Payload
      items.push({
        ...{ at: Date.now(), account: item.account_id, module: item.sync_module_id, id: item.request_id },
        ...{ eventId: item.event_id, tickId: item.tick_id, trigger: item.trigger },
        requestedAt: Date.parse(item.requested_at),
      })
    }
    if (topic.endsWith('/event')) {
      const event = JSON.parse(text) as Payload
      if (event.event_type === 'tick_done') ticksDone.push({ tickId: event.tick_id, payload: { ...event } })
      if (event.event_type === 'manifest_request_failed') {
        const { sync_module_id: module, tick_id: tickId, trigger, outcome } = event
        failed.push({ module, tickId, trigger, outcome })
      }
    }
  })
  await client.subscribeAsync([...filters], { qos: 1, rap: true })
  return {
    items,
    failed,
    ticksDone,
    pauses,
    latest,
    leaks,
    get count() {
      return count
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync(true)
    },
  }
}
