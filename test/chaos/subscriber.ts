/**
 * A poller with a persistent session, connected to the broker itself: what a user of the product would get.
 *
 * A broker that has forgotten its sessions gets a new subscription; `deaf` tells of the times without one.
 */
import { connectAsync } from 'mqtt'

export interface Subscriber extends AsyncDisposable {
  /** How often each payload has come. */
  readonly received: ReadonlyMap<string, number>
  /** From when until when the broker kept nothing for it, in milliseconds since 1970. */
  readonly deaf: readonly { readonly from: number; readonly until: number }[]
}

export async function subscribe(url: string, filter: string): Promise<Subscriber> {
  const received = new Map<string, number>()
  const deaf: { from: number; until: number }[] = []
  let lostAt = 0
  let gap: { from: number; until: number } | undefined
  const client = await connectAsync(url, {
    protocolVersion: 5,
    clientId: 'chaos-poller',
    clean: false,
    properties: { sessionExpiryInterval: 86_400 },
    reconnectPeriod: 100,
    resubscribe: false,
    connectTimeout: 2_000,
  })
  client.on('message', (_topic, payload) => {
    const text = payload.toString('utf8')
    received.set(text, (received.get(text) ?? 0) + 1)
  })
  client.on('close', () => {
    if (lostAt === 0) lostAt = Date.now()
  })
  client.on('error', () => undefined)
  client.on('connect', ({ sessionPresent }) => {
    // A session may be there and the subscription not: the broker fell before it had taken it.
    if (!sessionPresent && !gap) {
      gap = { from: lostAt, until: Number.POSITIVE_INFINITY }
      deaf.push(gap)
    }
    lostAt = 0
    if (gap) void resubscribe(gap)
  })
  await client.subscribeAsync(filter, { qos: 1 })

  const resubscribe = async (over: { from: number; until: number }) => {
    try {
      await client.subscribeAsync(filter, { qos: 1 })
      over.until = Date.now()
      if (gap === over) gap = undefined
    } catch {
      // The next connection tries again.
    }
  }
  return {
    received,
    deaf,
    async [Symbol.asyncDispose]() {
      await client.endAsync(true)
    },
  }
}
