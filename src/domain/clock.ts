/**
 * Time, waiting and chance; the only file that reads them, so that a test can hold all three in its hand.
 *
 * `now` is the wall clock and may jump; `elapsed` never does and is for measuring and for noticing jumps.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { v7 } from 'uuid'

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number
  /** Milliseconds since some fixed moment; unaffected by the wall clock being set. */
  elapsed(): number
  /** Resolves after `ms`; rejects with the signal's reason when `signal` is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls back after `ms`, at most 24 days; returns what calls that off. For what happens with each request. */
  after(ms: number, work: () => void): () => void
  /** At least 0, less than 1. */
  random(): number
  randomBytes(count: number): Uint8Array
  /** A version 4 UUID, lower case. */
  uuid(): string
}

/** No clock that was ever set says less: a small computer without one starts in 1970. */
const firstPlausible = Date.parse('2020-01-01T00:00:00.000Z')

/**
 * This moment, in milliseconds since the epoch, to be read later: when the clock had not been set by then and is
 * by now, it is counted back from now.
 */
export function thisMoment(clock: Pick<Clock, 'now' | 'elapsed'>): () => number {
  const at = clock.now()
  const elapsed = clock.elapsed()
  return () => {
    const now = clock.now()
    return at >= firstPlausible || now < firstPlausible ? at : now - (clock.elapsed() - elapsed)
  }
}

/** setTimeout fires at once for anything longer than this (2^31 - 1 ms, about 24.8 days). */
const longestTimerMs = 2_147_483_647

const chanceAtOnce = 4_096

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted()
    try {
      for (let left = ms; left > 0; left -= longestTimerMs) {
        await delay(Math.min(left, longestTimerMs), undefined, signal ? { signal } : undefined)
      }
    } catch (error) {
      // node:timers rejects with an AbortError of its own; callers want the reason they gave.
      signal?.throwIfAborted()
      throw error
    }
  },
  after(ms, work) {
    const timer = setTimeout(work, Math.min(ms, longestTimerMs))
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
  randomBytes: pooled(),
  uuid: () => randomUUID(),
}

/** Chance in small pieces from large ones: one call of the kernel serves some hundred ids. */
function pooled(): Clock['randomBytes'] {
  let pool = randomBytes(0)
  return (count) => {
    if (pool.length < count) pool = randomBytes(Math.max(count, chanceAtOnce))
    const piece = Uint8Array.from(pool.subarray(0, count))
    pool = pool.subarray(count)
    return piece
  }
}

/** A version 7 UUID: sorts by the time of its making, and its chance part tells two of one millisecond apart. */
export function timeOrderedId(clock: Clock): string {
  return v7({ msecs: clock.now(), random: clock.randomBytes(16) })
}

/**
 * A signal that aborts after `ms` or when `parent` does, whichever is first.
 *
 * `done` must be called when the guarded work is over, or the timer and the listener live on.
 */
export function deadline(clock: Clock, ms: number, parent?: AbortSignal) {
  const controller = new AbortController()
  const follow = () => controller.abort(parent?.reason)
  if (parent?.aborted) follow()
  parent?.addEventListener('abort', follow, { once: true })
  const callOff = clock.after(ms, () => controller.abort(new DeadlineReached(`not done within ${ms} ms`)))
  return {
    signal: controller.signal,
    done() {
      callOff()
      parent?.removeEventListener('abort', follow)
    },
  }
}

/** The work's end, or the signal's reason if that comes first; the work itself goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** The reason of a signal whose time ran out. */
export class DeadlineReached extends Error {
  override readonly name = 'DeadlineReached'
}

/** ISO 8601 in UTC with milliseconds and `Z`, as every published time is written. */
export function iso(ms: number): string {
  return new Date(ms).toISOString()
}
