/** A desk at a broker that passes on what the test sends. */
import type { Incoming, OutgoingMessage } from '../../src/mqtt/client.ts'
import type { MessageListener, Wish } from '../../src/mqtt/subscriptions.ts'
import { openDesk } from '../../src/topics/command-subscriber.ts'
import type { Order, Result } from '../../src/topics/commands.ts'
import { topicsBelow } from '../../src/topics/topics.ts'
import { fakeClock, settle } from './fake-clock.ts'
import { readableLog } from './samples.ts'

interface Desk {
  /** Does what is ordered; without it, everything is done at once. */
  readonly obey?: (order: Order) => Promise<Result>
  readonly refuses?: (topic: string) => Error | undefined
  /** The broker acknowledges no answer before this resolves. */
  readonly acknowledging?: Promise<void>
}

/** What a rescan of nothing comes to. */
export const rescanned = { accounts: 0, modules: 0, found: 0, renamed: 0, gone: 0 }

/** A desk with a log that can be read, and all it has sent. */
export function aDesk({ obey = async () => ({ data: rescanned }), refuses, acknowledging }: Desk = {}) {
  const listeners = new Map<string, { readonly listener: MessageListener; readonly wish: Wish | undefined }>()
  const sent: OutgoingMessage[] = []
  const obeyed: Order[] = []
  const failures: unknown[] = []
  const log = readableLog()
  const clock = fakeClock()
  const abort = new AbortController()
  openDesk(
    {
      topics: topicsBelow('b'),
      broker: {
        subscribe(filter, listener, wish) {
          listeners.set(filter, { listener, wish })
          return () => listeners.delete(filter)
        },
        async publish(message) {
          const refusal = refuses?.(message.topic)
          if (refusal) throw refusal
          sent.push(message)
          await acknowledging
        },
      },
      obey(order) {
        obeyed.push(order)
        return obey(order)
      },
      clock,
      log,
      fail: (error) => failures.push(error),
    },
    abort.signal,
  )
  const bytes = (text: string) => new TextEncoder().encode(text)
  /** Returns what the broker's acknowledgement waits for. */
  function arrive(topic: string, payload = '', more: Partial<Incoming> = {}): unknown {
    const filter = topic.startsWith('b/bridge/') ? 'b/bridge/request/#' : 'b/sync/+/+/+/set/+'
    const message = { topic, payload: bytes(payload), retain: false, properties: {}, ...more }
    return listeners.get(filter)?.listener(message)
  }
  return {
    ...{ listeners, sent, obeyed, failures, clock, log, abort },
    arrive,
    /** Sends and lets everything happen that follows at once. */
    async send(...message: Parameters<typeof arrive>) {
      arrive(...message)
      await settle()
    },
    answers: () => sent.map(({ topic, payload }) => [topic, JSON.parse(payload) as unknown]),
  }
}

export const health = 'b/bridge/request/health'
