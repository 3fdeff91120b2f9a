/**
 * Publishes the broker has not acknowledged yet: ids and events in the order they were made, state in its own.
 *
 * Kept here rather than in the MQTT client, whose own queue reorders and gives up. When the connection is lost all
 * of them are sent again on the next one, as they were and before anything newer, so a subscriber may see a
 * copy but never a gap. A message that the connection does not survive, alone and again and again, is refused
 * in the end: otherwise it would hold up everything behind it for ever.
 */
import type { Clock } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Message } from '../domain/model.ts'
import { firstOf, RightOfWay } from './priority-queue.ts'
import { watchUnanswered } from './puback-timeout.ts'

/** What MQTT 5 can carry beyond a plain message. */
export interface OutgoingMessage extends Message {
  /** Of the command that this message answers. */
  readonly correlationData?: Uint8Array
}

/** Where publishes go while a connection stands. */
export interface Link {
  /** How many publishes may be unacknowledged at the same time, at least 1. */
  readonly window: number
  /** `done` is called on the broker's acknowledgement with its refusal, if any; never after the link is lost. */
  publish(message: OutgoingMessage, done: (refusal?: PublishRefused) => void): void
  /** The broker leaves a publish without its acknowledgement: loses the link. */
  giveUp(): void
}

interface Job {
  readonly message: OutgoingMessage
  readonly signal: AbortSignal
  /** The clock's elapsed milliseconds. */
  readonly madeAt: number
  sentAt: number
  suspicion: number
  /** Whether the caller has its answer; its place in the window may still be taken. */
  settled: boolean
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * How sure a loss makes us that a message caused it: three protocol errors, three minutes without an answer to it, or a
 * dozen closes without a word.
 */
const suspicion = { certain: 4, possible: 1, none: 0 }
const refusedAtSuspicion = 12
/** A connection that ends later than this after a message was sent did not end because of it. */
const aftermathMs = 5_000
/** Unspecified error: what a refusal is called when the broker gave no reason. */
const unspecified = 0x80

export interface Loss {
  readonly blame: keyof typeof suspicion
  readonly reasonCode: number | undefined
}

export class Outstanding {
  readonly #clock: Clock
  readonly #waiting = new RightOfWay<Job>()
  #inFlight = new Set<Job>()
  #link: Link | undefined
  /** Ends what is done for the present link alone. */
  #linkOver = new AbortController()
  /** How many of the oldest are sent one by one, because the last connection may have ended over one of them. */
  #suspects = 0
  readonly #watched = new WeakSet<AbortSignal>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  publish(message: OutgoingMessage, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      this.#watch(signal)
      const madeAt = this.#clock.elapsed()
      this.#waiting.add({ message, signal, madeAt, sentAt: 0, suspicion: 0, settled: false, resolve, reject })
      this.#pump()
    })
  }

  opened(link: Link): void {
    this.#link = link
    this.#linkOver = new AbortController()
    this.#pump()
    const oldest = () => firstOf(this.#inFlight)
    const giveUp = () => {
      const job = oldest()
      if (job) this.#suspect(job, 'certain', unspecified)
      link.giveUp()
    }
    void watchUnanswered({ oldest, giveUp }, this.#clock, this.#linkOver.signal)
  }

  lost({ blame, reasonCode }: Loss): void {
    this.#unlink()
    const unanswered = [...this.#inFlight].filter((job) => !job.settled)
    this.#inFlight = new Set()
    this.#waiting.putBack(unanswered)
    this.#suspects = blame === 'none' ? 0 : Math.max(this.#suspects, unanswered.length)

    const [alone] = unanswered
    if (alone === undefined || unanswered.length > 1) return
    if (this.#clock.elapsed() - alone.sentAt > aftermathMs) return
    this.#suspect(alone, blame, reasonCode ?? unspecified)
    if (alone.settled) this.#suspects = 0
  }

  /** Counts against a message that a connection has ended over it; once it is sure, the message is refused. */
  #suspect(job: Job, blame: keyof typeof suspicion, code: number): void {
    job.suspicion += suspicion[blame]
    if (job.suspicion < refusedAtSuspicion) return
    this.#waiting.delete(job)
    this.#settle(job, new PublishRefused('no connection to the broker survives this message', code))
  }

  /** Rejects everything; nothing is sent any more. */
  abandon(reason: unknown): void {
    this.#unlink()
    const jobs = [...this.#inFlight, ...this.#waiting]
    this.#inFlight = new Set()
    for (const job of jobs) {
      this.#waiting.delete(job)
      this.#settle(job, reason)
    }
  }

  #unlink(): void {
    this.#link = undefined
    this.#linkOver.abort()
  }

  /** One listener for each signal however many publishes share it: they are made by the thousand. */
  #watch(signal: AbortSignal): void {
    if (this.#watched.has(signal)) return
    this.#watched.add(signal)
    signal.addEventListener('abort', () => this.#aborted(signal), { once: true })
  }

  #aborted(signal: AbortSignal): void {
    for (const job of [...this.#waiting]) {
      if (job.signal !== signal) continue
      this.#waiting.delete(job)
      this.#settle(job, signal.reason)
    }
    // Those in flight keep their place in the window until the broker answers, for it still counts them.
    for (const job of this.#inFlight) if (job.signal === signal) this.#settle(job, signal.reason)
  }

  #settle(job: Job, reason: unknown): void {
    if (job.settled) return
    job.settled = true
    job.reject(reason)
  }

  #pump(): void {
    for (;;) {
      const link = this.#link
      if (link === undefined || this.#inFlight.size >= (this.#suspects > 0 ? 1 : link.window)) return
      const job = this.#waiting.take()
      if (job === undefined) return
      this.#send(job, link)
    }
  }

  #send(job: Job, link: Link): void {
    this.#inFlight.add(job)
    job.sentAt = this.#clock.elapsed()
    link.publish(aged(job), (refusal) => {
      // An answer from a connection that is gone: the message is on its way again.
      if (link !== this.#link) return
      this.#inFlight.delete(job)
      if (this.#suspects > 0) this.#suspects--
      if (refusal !== undefined) this.#settle(job, refusal)
      else if (!job.settled) {
        job.settled = true
        job.resolve()
      }
      this.#pump()
    })
  }
}

/** The message with the life it has left: the time spent waiting for the broker counts. */
function aged({ message, madeAt, sentAt }: Job): OutgoingMessage {
  if (message.expirySeconds === undefined) return message
  const waitedSeconds = Math.floor((sentAt - madeAt) / 1_000)
  if (waitedSeconds <= 0) return message
  return { ...message, expirySeconds: Math.max(1, message.expirySeconds - waitedSeconds) }
}
