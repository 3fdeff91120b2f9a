/**
 * The breaker between an account and its cloud: after "ask less", nothing is sent until the pause is over.
 *
 * The first request after a pause is the probe; the breaker closes when a whole tick went well, and until then
 * each further refusal doubles the pause. It is kept on disk, since a restart is no reason to ask sooner.
 */
import type { Clock } from '../clock.ts'
import { AccountThrottled, StoreFailed } from '../errors.ts'
import type { Cloud } from '../ports.ts'
import {
  afterThrottle,
  type Breaker,
  closedBreaker,
  closedUntil,
  lengthened,
  opensBreaker,
} from '../retry.ts'

export interface GuardNeeds {
  readonly cloud: Cloud
  readonly breaker: Breaker
  readonly clock: Clock
  /** Keeps the breaker on disk; one that cannot is expected to have said so. */
  readonly save: (breaker: Breaker) => Promise<void>
}

export interface Guard extends Cloud {
  /** When the account may be asked again, or `undefined` when it may be now. */
  readonly openUntil: number | undefined
  /** Runs a request to the cloud through the breaker. */
  through<T>(work: () => Promise<T>): Promise<T>
  /** Called after a tick that was not throttled. */
  close(): Promise<void>
}

/** A cloud that keeps quiet while its breaker is open. */
export function guard({ cloud, breaker: kept, clock, save }: GuardNeeds): Guard {
  let breaker = kept
  const openUntil = () => closedUntil(breaker, clock.now())

  /** The pause holds in this process even when the disk cannot keep it for the next one. */
  async function become(next: Breaker): Promise<void> {
    if (next === breaker) return
    breaker = next
    try {
      await save(next)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
    }
  }

  async function through<T>(work: () => Promise<T>): Promise<T> {
    const until = openUntil()
    if (until !== undefined) throw throttled('the cloud asked for a pause', { now: clock.now(), until })
    const asOfSending = breaker
    try {
      return await work()
    } catch (error) {
      if (!opensBreaker(error)) throw error
      // Refusals of requests sent before the pause began are that same refusal.
      if (breaker === asOfSending) {
        await become(afterThrottle(breaker, error, { now: clock.now(), chance: clock.random() }))
      } else await become(lengthened(breaker, error, clock.now()))
      const now = clock.now()
      throw throttled(error.message, { now, until: openUntil() ?? now }, error)
    }
  }

  return {
    get openUntil() {
      return openUntil()
    },
    through,
    discover: (signal) => through(() => cloud.discover(signal)),
    requestManifest: (module, signal) => through(() => cloud.requestManifest(module, signal)),
    async close() {
      if (breaker.failures > 0) await become(closedBreaker)
    },
  }
}

/** The refusal as our callers see it: with the pause that we will keep, not only the one the cloud named. */
function throttled(
  message: string,
  { now, until }: { readonly now: number; readonly until: number },
  cause?: AccountThrottled,
): AccountThrottled {
  return new AccountThrottled(message, {
    outcome: 'not-done',
    retryAfterMs: until - now,
    retryAt: until,
    ...(cause && { cause }),
    ...(cause?.status !== undefined && { status: cause.status }),
    ...(cause?.bodyCode !== undefined && { bodyCode: cause.bodyCode }),
    remedy: 'Nothing to do: asking goes on by itself. Do not restart the daemon to hurry it.',
  })
}
