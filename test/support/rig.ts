/** What the tests of the way to the broker share: a hurried clock, a log to read, a broker that closes itself. */
import { connect, type IPublishPacket } from 'mqtt'
import { type Clock, systemClock } from '../../src/domain/clock.ts'
import type { Log } from '../../src/domain/ports.ts'
import {
  type Broker,
  type BrokerOptions,
  connectBroker,
  type OutgoingMessage,
} from '../../src/mqtt/client.ts'
import type { ServerOptions } from '../../src/mqtt/server-options.ts'
import type { Packet } from './fake-broker.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { longestWaitMs, until as seen } from './until.ts'

/**
 * Real time, but that pauses are short: a hundredth, or a moment when they are `none`, as then all that comes later is.
 *
 * What is measured is in real time, so that a busy machine makes nothing late.
 */
export function shortPauses(none?: 'none'): Clock {
  const shortened = (ms: number) => (none ? Math.min(ms, 1) : ms / 100)
  return {
    ...systemClock,
    sleep: (ms, signal) => systemClock.sleep(shortened(ms), signal),
    after: (ms, work) => systemClock.after(none ? shortened(ms) : ms, work),
    random: () => 0.5,
  }
}

/** Real time, but that no pause ever ends by itself. */
export function endlessPauses(): Clock {
  return {
    ...systemClock,
    sleep: (_, signal) => systemClock.sleep(longestWaitMs, signal),
    random: () => 0.99,
  }
}

/**
 * A clock in the test's hand whose chance is one half. Time passes with `pass`, which gives the sockets their turns;
 * the limit on closing is in real time, for nobody passes time then.
 */
export function heldClock(): FakeClock {
  return { ...fakeClock(systemClock.now(), 0.5), after: systemClock.after }
}

/** Lets time pass in steps until a condition holds; sockets get their turns between two steps. */
export async function pass(
  clock: FakeClock,
  stepMs: number,
  [what, condition]: readonly [string, () => boolean],
): Promise<void> {
  const giveUpAt = systemClock.elapsed() + longestWaitMs
  while (!condition()) {
    if (systemClock.elapsed() > giveUpAt) throw new Error(`waited in vain until ${what}`)
    await clock.advance(stepMs)
    await systemClock.sleep(1)
  }
}

export interface Line {
  readonly level: keyof Log
  readonly message: string
  readonly fields: {
    readonly remedy?: unknown
    readonly reason?: unknown
    readonly count?: unknown
    readonly camera?: unknown
  }
}

/** A log that keeps its lines. */
export function readableLog(): { readonly log: Log; readonly lines: readonly Line[] } {
  const lines: Line[] = []
  const at = (level: keyof Log) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } })
  }
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

export interface Rig extends AsyncDisposable {
  readonly broker: Broker
  readonly lines: readonly Line[]
  /** Lines with this message, in full. */
  said(message: string): readonly Line[]
}

export const never = new AbortController().signal
export const stateTopic = 'house/bridge/state'

interface WayOptions extends Partial<BrokerOptions>, Partial<ServerOptions> {}

/** A way to the broker at `url` with short pauses between its tries. */
export function wayTo(url: string, { ca, cert, key, ...options }: WayOptions = {}): Rig {
  const { log, lines } = readableLog()
  const broker = connectBroker({
    server: { url, ca, cert, key },
    clientId: `test-${systemClock.uuid()}`,
    will: { topic: stateTopic, payload: 'offline' },
    birth: 'online',
    clock: shortPauses(),
    log,
    ...options,
  })
  return {
    broker,
    lines,
    said: (message) => lines.filter((line) => line.message === message),
    [Symbol.asyncDispose]: () => broker.close({ deadlineMs: 200 }),
  }
}

export function message(text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { topic: 'house/item', payload: text, retain: false, ...more }
}

/** The payloads of all but the bridge's own state. */
export function texts(packets: readonly Packet[]): readonly string[] {
  return packets.filter(({ topic }) => topic !== stateTopic).map(({ payload }) => String(payload))
}

/** Waits for a condition; fails with `what` when it does not come true in time. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  await seen(`that ${what}`, condition, { lookEveryMs: 2 })
}

export interface Received {
  readonly topic: string
  readonly text: string
  readonly retain: boolean
  readonly properties: NonNullable<IPublishPacket['properties']>
}

export interface Listener extends AsyncDisposable {
  readonly received: readonly Received[]
  /** The texts of one topic. */
  texts(topic: string): readonly string[]
}

export interface ListenOptions {
  readonly version?: 4 | 5
  readonly username?: string
  readonly password?: string
}

/** Another client, subscribed to everything, whose session lives on while its broker is away. */
export async function listenTo(url: string, options: ListenOptions = {}): Promise<Listener> {
  const { version = 5, ...login } = options
  const received: Received[] = []
  const client = connect(url, {
    ...login,
    clientId: `listener-${systemClock.uuid()}`,
    protocolVersion: version,
    clean: false,
    reconnectPeriod: 20,
    ...(version === 5 && { properties: { sessionExpiryInterval: 600 } }),
  })
  client.on('error', () => undefined)
  client.on('message', (topic, payload, { retain, properties }) => {
    received.push({ topic, text: payload.toString(), retain, properties: properties ?? {} })
  })
  await client.subscribeAsync('#', { qos: 1 })
  return {
    received,
    texts: (wanted) => received.filter(({ topic }) => topic === wanted).map(({ text }) => text),
    async [Symbol.asyncDispose]() {
      client.end(true)
      await until('the listener has gone', () => !client.connected)
    },
  }
}
