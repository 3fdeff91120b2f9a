/** The command subscriber with a broker that passes on what the test sends. */
import type { Command, CommandResult } from '../../src/domain/commands.ts'
import type { Incoming, OutgoingMessage } from '../../src/mqtt/client.ts'
import type { MessageListener, SubscribeOptions } from '../../src/mqtt/subscriptions.ts'
import { subscribeCommands } from '../../src/topics/command-subscriber.ts'
import { topicsBelow } from '../../src/topics/topics.ts'
import { fakeClock, settle } from './fake-clock.ts'
import { readableLog } from './samples.ts'

interface CommandFixture {
  /** Carries out a command; without it, every command is done at once. */
  readonly handle?: (command: Command) => Promise<CommandResult>
  readonly refuses?: (topic: string) => Error | undefined
  /** The broker acknowledges no response before this resolves. */
  readonly acknowledging?: Promise<void>
}

/** The counts of a rescan that finds nothing. */
export const counts = { accounts: 0, modules: 0, found: 0, renamed: 0, gone: 0 }
export const rescanned = { verb: 'rescan', ...counts } as const

/** A subscriber with a log that can be read, and all it has sent. */
export function commandFixture({
  handle = async () => ({ data: rescanned }),
  refuses,
  acknowledging,
}: CommandFixture = {}) {
  const listeners = new Map<
    string,
    { readonly listener: MessageListener; readonly wish: SubscribeOptions | undefined }
  >()
  const sent: OutgoingMessage[] = []
  const handled: Command[] = []
  const failures: unknown[] = []
  const log = readableLog()
  const clock = fakeClock()
  const abort = new AbortController()
  subscribeCommands(
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
      handle(command) {
        handled.push(command)
        return handle(command)
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
    ...{ listeners, sent, handled, failures, clock, log, abort },
    arrive,
    /** Sends and lets everything happen that follows at once. */
    async send(...message: Parameters<typeof arrive>) {
      arrive(...message)
      await settle()
    },
    responses: () => sent.map(({ topic, payload }) => [topic, JSON.parse(payload) as unknown]),
  }
}

export const health = 'b/bridge/request/health'
