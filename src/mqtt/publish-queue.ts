/**
 * Publishes and subscriptions that the broker has not acknowledged yet: ids and events in the order they were made,
 * state in its own.
 *
 * Kept here rather than in the MQTT client, whose own queue reorders and gives up. When the connection is lost all
 * of them are sent again on the next one, before anything newer of their like, so a subscriber may see a copy but
 * never a gap. A broker may close the connection over one of them without naming it. So what was in flight at a loss
 * is sent alone on the next connection, after the broker has answered a ping; what was in flight on three lost
 * connections is refused, and `Refusals` remembers it.
 */

import type { Clock } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Message } from '../domain/model.ts'
import { firstOf, PriorityQueue } from './priority-queue.ts'
import { Refusals, type Subject } from './refusals.ts'
import type { SubscribeOptions } from './subscriptions.ts'

/** What MQTT 5 can carry beyond a plain message. */
export interface OutgoingMessage extends Message {
  /** Of the command that this message answers. */
  readonly correlationData?: Uint8Array
  /** Whether this answers a command: it goes out behind work items. */
  readonly answer?: boolean
}

/** Calls back with the broker's answer, and its refusal, if any; never after the link is lost. */
type Done = (refusal?: PublishRefused) => void

/** Where publishes go while a connection stands. */
export interface Link {
  /** How many publishes may be unacknowledged at the same time, at least 1. */
  readonly window: number
  publish(message: OutgoingMessage, done: Done): void
  subscribe(filter: string, wish: SubscribeOptions, done: Done): void
  /** Asks the broker for a sign of life. */
  ping(done: () => void): void
  /** The broker leaves a publish without its acknowledgement: loses the link. */
  giveUp(): void
}

interface Job {
  readonly subject: Subject
  readonly urgent: boolean
  readonly send: (link: Link, done: Done) => void
  readonly signal: AbortSignal | undefined
  sentAt: number
  /** Lost connections on which it was in flight. */
  losses: number
  /** Whether the caller has its answer; its place in the window may still be taken. */
  settled: boolean
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

const refusedAtLosses = 3
/** A connection that ends later than this after a message was sent did not end because of it. */
const aftermathMs = 5_000
const hourMs = 60 * 60_000

export interface Loss {
  /** `certain`: the broker named a fault of ours. `possible`: it hung up. `none`: the network, or a broker that goes. */
  readonly blame: 'certain' | 'possible' | 'none'
  readonly reasonCode: number | undefined
  /** Whether the broker answered anything on that connection: one that does not is ill, whatever it was sent. */
  readonly answered: boolean
}

export interface PublishQueueNeeds {
  readonly clock: Clock
  /** Called an hour after a refusal: what was refused may be published again. */
  readonly retry?: () => void
}

export class PublishQueue {
  readonly #clock: Clock
  readonly #retry: () => void
  readonly #refusals: Refusals
  readonly #waiting = new PriorityQueue<Job>()
  readonly #subscribing = new Map<string, Job>()
  #inFlight = new Set<Job>()
  #link: Link | undefined
  /** Ends what is done for the present link alone. */
  #linkOver = new AbortController()
  /** Whether the broker has answered on this link before anything suspected was sent. */
  #alive: 'unknown' | 'pinged' | 'yes' = 'unknown'
  /** A suspected one that is in flight by itself. */
  #alone: Job | undefined
  #lastSentAt = 0
  #timer: (() => void) | undefined
  #retryTimer: (() => void) | undefined
  readonly #watched = new WeakSet<AbortSignal>()

  constructor({ clock, retry = () => undefined }: PublishQueueNeeds) {
    this.#clock = clock
    this.#retry = retry
    this.#refusals = new Refusals(clock)
  }

  publish(message: OutgoingMessage, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      this.#watch(signal)
      const { topic, retain, durable = false } = message
      const madeAt = this.#clock.elapsed()
      const job: Job = {
        subject: { topic, bytes: Buffer.byteLength(message.payload), retain, durable },
        urgent: !retain && !message.answer,
        send: (link, done) => link.publish(aged(message, job.sentAt - madeAt), done),
        ...{ signal, sentAt: 0, losses: 0, settled: false, resolve, reject },
      }
      this.#waiting.add(job)
      this.#pump()
    })
  }

  /** Subscribes on the present link; `refused` is called when the broker will not have it. */
  subscribe(filter: string, wish: SubscribeOptions, refused: (error: PublishRefused) => void): void {
    const before = this.#subscribing.get(filter)
    if (before && !before.settled) return
    const job: Job = {
      // Not the topic of that name, to which it may be allowed to publish.
      subject: { topic: `subscribe ${filter}`, bytes: 0, retain: false, durable: false },
      urgent: false,
      send: (link, done) => link.subscribe(filter, wish, done),
      ...{ signal: undefined, sentAt: 0, losses: before?.losses ?? 0, settled: false },
      resolve: () => undefined,
      reject: (reason) => {
        if (reason instanceof PublishRefused) refused(reason)
      },
    }
    this.#subscribing.set(filter, job)
    this.#waiting.putBack([job])
    this.#pump()
  }

  unsubscribe(filter: string): void {
    const job = this.#subscribing.get(filter)
    this.#subscribing.delete(filter)
    if (!job) return
    this.#waiting.delete(job)
    job.settled = true
  }

  opened(link: Link): void {
    this.#link = link
    this.#linkOver = new AbortController()
    this.#alive = 'unknown'
    this.#pump()
    const oldest = () => firstOf(this.#inFlight)
    const giveUp = () => {
      const job = oldest()
      if (job) this.#suspect(job, 'silence', undefined)
      link.giveUp()
    }
    void watchPubackTimeout({ oldest, giveUp }, this.#clock, this.#linkOver.signal)
  }

  /** Returns whether the link may have been lost over something that was sent. */
  lost({ blame, reasonCode, answered }: Loss): boolean {
    this.#unlink()
    const lost = [...this.#inFlight]
    this.#inFlight = new Set()
    this.#waiting.putBack(lost.filter(({ settled }) => !settled))
    if (blame === 'none') return false
    const now = this.#clock.elapsed()
    const recent = lost.filter(({ sentAt }) => now - sentAt <= aftermathMs)
    const [only] = recent
    if (only === undefined) return false
    if (recent.length > 1 || !(answered || blame === 'certain')) {
      for (const job of recent) job.losses = Math.max(job.losses, 1)
    } else this.#suspect(only, 'close', reasonCode)
    return true
  }

  /** Counts a lost connection against a message; once it is sure, the message is refused. */
  #suspect(job: Job, by: 'close' | 'silence', code: number | undefined): void {
    job.losses++
    if (job.settled || (job.losses < refusedAtLosses && !this.#refusals.isKnown(job.subject))) return
    job.losses = 0
    this.#waiting.delete(job)
    this.#refuse(job, this.#refusals.byLoss(job.subject, by, code))
  }

  #refuse(job: Job, refusal: PublishRefused): void {
    this.#retryTimer ??= this.#clock.after(hourMs, () => {
      this.#retryTimer = undefined
      this.#refusals.lift()
      this.#retry()
    })
    this.#settle(job, refusal)
  }

  /** Rejects everything; nothing is sent any more. */
  abandon(reason: unknown): void {
    this.#unlink()
    this.#retryTimer?.()
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
    this.#alone = undefined
    this.#timer?.()
    this.#timer = undefined
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
      if (link === undefined || this.#inFlight.size >= link.window) return
      const job = this.#waiting.take()
      if (job === undefined) return
      const verdict = this.#refusals.verdict(job.subject)
      if (verdict instanceof PublishRefused) {
        this.#settle(job, verdict)
        continue
      }
      const careful = job.losses > 0 || verdict === 'careful'
      if (!this.#mayGo(careful, link)) {
        this.#waiting.hold(job)
        return
      }
      if (careful) this.#alone = job
      this.#send(job, link)
    }
  }

  /** Whether the next one may be sent now; if not, this is asked again when it may have changed. */
  #mayGo(careful: boolean, link: Link): boolean {
    if (!careful && !this.#alone) return true
    if (this.#inFlight.size > 0) {
      const leftMs = this.#lastSentAt + aftermathMs - this.#clock.elapsed()
      if (leftMs >= 0) {
        this.#timer ??= this.#clock.after(leftMs + 1, () => {
          this.#timer = undefined
          this.#pump()
        })
        return false
      }
      // Whatever is in flight for so long, no connection will be closed over it.
      this.#alone = undefined
    }
    if (!careful || this.#alive === 'yes') return true
    if (this.#alive === 'unknown') {
      this.#alive = 'pinged'
      link.ping(() => {
        if (link !== this.#link) return
        this.#alive = 'yes'
        this.#pump()
      })
    }
    return false
  }

  #send(job: Job, link: Link): void {
    this.#inFlight.add(job)
    job.sentAt = this.#clock.elapsed()
    this.#lastSentAt = job.sentAt
    job.send(link, (refusal) => {
      // An answer from a connection that is gone: the message is on its way again.
      if (link !== this.#link) return
      this.#inFlight.delete(job)
      if (this.#alone === job) this.#alone = undefined
      job.losses = 0
      if (refusal === undefined) this.#refusals.taken(job.subject)
      if (!job.settled) {
        if (refusal) this.#refuse(job, this.#refusals.byCode(job.subject, refusal))
        else {
          job.settled = true
          job.resolve()
        }
      }
      this.#pump()
    })
  }
}

/** The message with the life it has left: the time spent waiting for the broker counts. */
function aged(message: OutgoingMessage, waitedMs: number): OutgoingMessage {
  const waitedSeconds = Math.floor(waitedMs / 1_000)
  if (message.expirySeconds === undefined || waitedSeconds <= 0) return message
  return { ...message, expirySeconds: Math.max(1, message.expirySeconds - waitedSeconds) }
}

/** A publish under way; always the same object for the same publish. */
export interface InFlight {
  /** The clock's elapsed milliseconds. */
  readonly sentAt: number
}

const longestMs = 60_000
const lookMs = 20_000
/** By the clock alone, a program that stood still for a minute would blame the broker for it. */
const leastLooks = 4

/**
 * Calls `giveUp`, once, when the oldest publish has had no answer for a minute; until `signal` is aborted.
 *
 * A broker that leaves a publish without its PUBACK may answer keepalive all the same.
 */
export async function watchPubackTimeout(
  { oldest, giveUp }: { readonly oldest: () => InFlight | undefined; readonly giveUp: () => void },
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let seen: InFlight | undefined
  let looks = 0
  while (!signal.aborted) {
    const now = oldest()
    looks = now !== undefined && now === seen ? looks + 1 : 1
    seen = now
    if (now && looks >= leastLooks && clock.elapsed() - now.sentAt >= longestMs) return giveUp()
    await clock.sleep(lookMs, signal).catch(() => undefined)
  }
}
