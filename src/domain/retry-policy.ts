/**
 * How long to wait, when to give up, and the account's breaker. Pure: values in, values out.
 *
 * A request that may have reached the cloud is never repeated here, because every success creates another
 * request; only failures that certainly did nothing get a second try.
 */
import { AccountThrottled, CloudError, type DaemonError, ModuleBusy } from './errors.ts'

/** HTTP statuses by which the cloud wants a pause, whatever the body says. */
export const throttledStatuses: ReadonlySet<number> = new Set([403, 406, 429])

/** Pauses after a busy module's refusals, in milliseconds; nico579/blink2video waits the same. */
const busyPausesMs = [3_000, 8_000, 15_000, 25_000]

/** Nothing that has failed is requested again sooner than this. */
export const leastPauseMs = 2_000

/** Pauses after failures that did nothing, in milliseconds: enough for a router to come back. */
const unreachablePausesMs = [leastPauseMs, 6_000]

/**
 * Milliseconds to wait before trying again, or `undefined` to give up.
 *
 * @param tried how many tries have failed so far, at least 1
 * @param chance from 0 to 1; adds up to a quarter, so that two clients do not meet again. Never takes away: a
 *   pause the cloud named is kept in full.
 */
export function pauseBeforeRetry(error: DaemonError, tried: number, chance: number): number | undefined {
  if (!error.retryable) return undefined
  const pauses = error instanceof ModuleBusy ? busyPausesMs : unreachablePausesMs
  const pause = pauses[tried - 1]
  if (pause === undefined) return undefined
  const named = error instanceof CloudError ? error.retryAfterMs : undefined
  return Math.round(Math.max(pause, named ?? 0) * (1 + chance / 4))
}

/** An account's breaker as kept on disk. Closed when `openUntil` is undefined. */
export interface Breaker {
  /** Throttled answers in a row; each one doubles the next pause. */
  readonly failures: number
  readonly openUntil: number | undefined
}

export const closedBreaker: Breaker = { failures: 0, openUntil: undefined }

const minute = 60_000
const firstPauseMs = 5 * minute
const longestPauseMs = 6 * 60 * minute
/** An absurd Retry-After must neither stop an account for days nor be shorter than any pause makes sense. */
const longestNamedPauseMs = 24 * 60 * minute
/** "Disable any 3rd party automation and try again in 60 minutes": the text of body code 106. */
const loginLimit = 106
const loginLimitPauseMs = 60 * minute

/** The breaker after the cloud asked for less: twice the last pause, and at least what the cloud named. */
export function afterThrottle(
  breaker: Breaker,
  error: AccountThrottled,
  { now, chance }: { readonly now: number; readonly chance: number },
): Breaker {
  const doubled = Math.min(firstPauseMs * 2 ** Math.min(breaker.failures, 20), longestPauseMs)
  const named = Math.min(error.retryAfterMs ?? 0, longestNamedPauseMs)
  const least = error.bodyCode === loginLimit ? loginLimitPauseMs : 0
  const pause = Math.max(doubled * (1 + chance / 4), named, least)
  return { failures: breaker.failures + 1, openUntil: now + Math.round(pause) }
}

/** The breaker after one more refusal of the same moment: at least the pause it names, but no doubling. */
export function lengthened(breaker: Breaker, error: AccountThrottled, now: number): Breaker {
  const named = now + Math.min(error.retryAfterMs ?? 0, longestNamedPauseMs)
  return named > (breaker.openUntil ?? 0) ? { ...breaker, openUntil: named } : breaker
}

/** Of two breakers of one account the one that counts: with the longer pause, and then with the more failures. */
export function longerOf(one: Breaker, other: Breaker): Breaker {
  const longer = (other.openUntil ?? 0) - (one.openUntil ?? 0) || other.failures - one.failures
  return longer > 0 ? other : one
}

/** When the account may be requested again, or `undefined` when it may be now. */
export function closedUntil(breaker: Breaker, now: number): number | undefined {
  if (breaker.openUntil === undefined || breaker.openUntil <= now) return undefined
  // A wall clock that was set back must not turn a pause of minutes into one of years.
  return Math.min(breaker.openUntil, now + longestNamedPauseMs)
}

/** Whether an error is the kind that opens the breaker. */
export function opensBreaker(error: unknown): error is AccountThrottled {
  return error instanceof AccountThrottled
}
