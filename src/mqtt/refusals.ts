/**
 * What the broker refuses: remembered, so that nothing else suffers from it, and logged once an hour by kind.
 *
 * A refusal by reason code costs nothing. One by closing the connection, or by never answering, costs everybody a
 * connection, so its topic is suspended for an hour; all topics of its kind, when the broker has never taken one of
 * them, for then it is a right that is missing. A message larger than all that were taken of its kind counts as too
 * large, and so do others of its size. After the hour, or for a message of half the size, it is tried alone, and one
 * more loss is enough. Work items are never suspended for long: their publisher tries again until they expire.
 */

import type { Clock } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Message } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'

/** A publish or a subscription, as far as a refusal is concerned. */
export interface Subject {
  readonly topic: string
  /** Of the payload. */
  readonly bytes: number
  readonly retain: boolean
  readonly durable: boolean
}

/** `careful`: to be sent alone, because the broker has refused its like before. */
export type Verdict = 'free' | 'careful' | PublishRefused

interface Suspension {
  readonly until: number
  readonly bytes: number
  readonly error: PublishRefused
}

const hourMs = 60 * 60_000
/** Less than the pause of those who try again. */
const durableSuspendedMs = 25_000
const packetTooLarge = 0x95
const notAuthorized = 0x87
const unspecified = 0x80
/** No broker has a limit below that, so a smaller message was not too large. */
const smallestLimit = 1_000
/** Topics and kinds remembered: a response topic may be any. */
const mostKept = 1_000

export class Refusals {
  readonly #clock: Clock
  readonly #suspended = new Map<string, Suspension>()
  /** The largest payload that the broker has taken, by kind. */
  readonly #taken = new Map<string, number>()
  #tooLarge: Suspension | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  verdict(subject: Subject): Verdict {
    const { topic, bytes, retain, durable } = subject
    const now = this.#clock.elapsed()
    const large = this.#tooLarge
    if (retain && large && bytes >= large.bytes && now < large.until) return withBytes(large.error, bytes)
    if (this.#suspended.size === 0) return 'free'
    const own = this.#suspended.get(topic)
    const kind = this.#suspended.get(kindOf(topic))
    for (const suspension of durable ? [own] : [own, kind]) {
      const isMuchSmaller = suspension && bytes < suspension.bytes && bytes * 2 <= suspension.bytes
      if (suspension && now < suspension.until && !isMuchSmaller) return withBytes(suspension.error, bytes)
    }
    return own || kind ? 'careful' : 'free'
  }

  /** Whether the broker has refused its like before, so that one lost connection is proof enough. */
  isKnown({ topic }: Subject): boolean {
    return this.#suspended.has(topic) || this.#suspended.has(kindOf(topic))
  }

  taken({ topic, bytes }: Subject): void {
    const kind = kindOf(topic)
    const most = this.#taken.get(kind)
    if (most === undefined || bytes > most) remember(this.#taken, kind, bytes)
    if (this.#suspended.size > 0) {
      this.#suspended.delete(topic)
      this.#suspended.delete(kind)
    }
    if (this.#tooLarge && bytes >= this.#tooLarge.bytes) this.#tooLarge = undefined
  }

  /** The refusal of a message that the broker answered with a reason code. */
  byCode(subject: Subject, { message, reasonCode }: PublishRefused): PublishRefused {
    const { topic, bytes } = subject
    const remedy = remedyFor(reasonCode, kindOf(topic), bytes)
    const error = new PublishRefused(message, reasonCode, { by: 'code', bytes, remedy })
    if (reasonCode === packetTooLarge) this.#learnLimit(bytes, error)
    return error
  }

  /** The refusal of a message that no connection survives, or that is never acknowledged. */
  byLoss(subject: Subject, by: 'close' | 'silence', code: number | undefined): PublishRefused {
    const { topic, bytes, durable } = subject
    const kind = kindOf(topic)
    const most = this.#taken.get(kind)
    const mayBeLarge = bytes >= smallestLimit
    const isLarge = code === packetTooLarge || (mayBeLarge && most !== undefined && bytes > most)
    const right = `Let this user write ${most === undefined ? kind : topic} on the broker`
    const remedy = isLarge
      ? remedyFor(packetTooLarge, kind, bytes)
      : code === undefined
        ? `${right}${mayBeLarge ? `; if it may, let the broker take messages of ${bytes} bytes` : ''}.`
        : remedyFor(code, kind, bytes)
    const detail =
      by === 'close' ? 'the broker closes the connection over it' : 'the broker never acknowledges it'
    const reasonCode = code ?? (isLarge ? packetTooLarge : unspecified)
    const error = new PublishRefused(detail, reasonCode, { by, bytes, remedy })
    const until = this.#clock.elapsed() + (durable ? durableSuspendedMs : hourMs)
    remember(this.#suspended, most === undefined && !durable ? kind : topic, { until, bytes, error })
    if (isLarge) this.#learnLimit(bytes, error)
    return error
  }

  /** The hour is over: what was suspended may be tried again. */
  lift(): void {
    this.#tooLarge = undefined
    for (const [topic, suspension] of this.#suspended) this.#suspended.set(topic, { ...suspension, until: 0 })
  }

  #learnLimit(bytes: number, error: PublishRefused): void {
    if (this.#tooLarge && this.#tooLarge.bytes <= bytes) return
    this.#tooLarge = { until: this.#clock.elapsed() + hourMs, bytes, error }
  }
}

/**
 * A message of which less may be taken than of the one that was refused; `undefined` when it cannot be made smaller.
 *
 * Half of it where each try costs a connection.
 */
export function smallerThan(refused: Message, { reasonCode, by }: PublishRefused): Message | undefined {
  if (by === 'code' && reasonCode !== packetTooLarge) return undefined
  const wanted = by === 'code' ? refused.payload.length - 1 : refused.payload.length / 2
  let message = refused.smaller?.()
  while (message?.smaller && message.payload.length > wanted) message = message.smaller()
  return message
}

function withBytes(error: PublishRefused, bytes: number): PublishRefused {
  const { message, reasonCode, by, remedy } = error
  return new PublishRefused(message, reasonCode, { by, bytes, ...(remedy !== undefined && { remedy }) })
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > mostKept && oldest !== undefined) map.delete(oldest)
}

/** Logs a refused message; `message` says what it was, and is a constant. */
export type LogRefusal = (topic: string, error: PublishRefused, message: string) => void

export function refusalLogger(clock: Clock, log: Log): LogRefusal {
  const throttled = new ThrottledLog(clock, log)
  return (topic, error, message) => {
    const { reasonCode, message: detail, bytes } = error
    const kind = kindOf(topic)
    const fields = {
      topic: kind,
      ...(bytes !== undefined && { bytes }),
      reason_code: reasonCode,
      detail,
      remedy: error.remedy ?? remedyFor(reasonCode, kind, bytes),
    }
    throttled.log('warn', fields, message, { kind: `${message} ${kind} ${reasonCode}` })
  }
}

/** The topic with a wildcard for each id, as an access list would name all of its kind. */
function kindOf(topic: string): string {
  return topic.replace(/(?<=^|\/)(\d+|blink_manifestd_\w+)(?=\/|$)/g, '+')
}

function remedyFor(reasonCode: number, kind: string, bytes: number | undefined): string {
  switch (reasonCode) {
    case notAuthorized:
      return `Let this user write ${kind} on the broker.`
    case 0x97:
      return 'A limit of the broker is reached; its operator knows which.'
    case packetTooLarge: {
      const size = bytes === undefined ? 'larger ones' : `payloads of ${bytes} bytes`
      return `Let the broker take ${size} (message_size_limit, max_packet_size in Mosquitto).`
    }
    case 0x9a:
      return 'Let the broker keep retained messages (retain_available in Mosquitto): without them no state and no discovery is published.'
    default:
      return 'See the log of the broker.'
  }
}
