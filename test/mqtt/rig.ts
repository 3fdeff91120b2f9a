/** What the tests of the way to the broker share: a hurried clock, a log to read, a broker that closes itself. */
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type IPublishPacket } from 'mqtt'
import { type Clock, systemClock } from '../../src/domain/clock.ts'
import type { Log } from '../../src/domain/ports.ts'
import {
  type Broker,
  type BrokerOptions,
  connectBroker,
  type OutgoingMessage,
} from '../../src/mqtt/client.ts'
import type { Packet } from './fake-broker.ts'

/** Real time, `speed` times as fast; chance is one half unless told. */
export function hurriedClock(speed: number, chance = 0.5): Clock {
  return {
    ...systemClock,
    now: () => systemClock.now(),
    elapsed: () => systemClock.elapsed() * speed,
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
    after: (ms, work) => systemClock.after(ms / speed, work),
    random: () => chance,
  }
}

/** Real time, but no sleep takes longer than a moment. */
export function impatientClock(): Clock {
  return {
    ...systemClock,
    sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 1), signal),
    after: (ms, work) => systemClock.after(Math.min(ms, 1), work),
  }
}

export interface Line {
  readonly level: keyof Log
  readonly message: string
  readonly fields: { readonly remedy?: unknown; readonly reason?: unknown }
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

/** A way to the broker at `url`, a hundred times hurried. */
export function wayTo(url: string, options: Partial<BrokerOptions> = {}): Rig {
  const { log, lines } = readableLog()
  const broker = connectBroker({
    url,
    clientId: `test-${systemClock.uuid()}`,
    will: { topic: stateTopic, payload: 'offline' },
    birth: 'online',
    clock: hurriedClock(100),
    log,
    ...options,
  })
  return {
    broker,
    lines,
    said: (message) => lines.filter((line) => line.message === message),
    [Symbol.asyncDispose]: () => broker.close({ deadlineMs: 20_000 }),
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
export async function until(what: string, condition: () => boolean, withinMs = 5_000): Promise<void> {
  const end = systemClock.elapsed() + withinMs
  while (!condition()) {
    if (systemClock.elapsed() > end) throw new Error(`waited in vain until ${what}`)
    await delay(2)
  }
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
