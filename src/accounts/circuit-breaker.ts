/**
 * What stands between an account and its cloud: after "ask less", nothing is sent until the pause is over.
 *
 * The first request after a pause is the probe, and no other goes out before the cloud has answered it with
 * anything better. The breaker closes when a whole tick went well; until then each further refusal doubles the
 * pause. It is kept on disk, since a restart is no reason to ask sooner. A pause is a length: setting the wall
 * clock neither shortens nor lengthens it, and a computer that slept waits for the rest of it.
 */
import type { Clock } from '../domain/clock.ts'
import { AccountThrottled, CloudRefused, ModuleBusy, StoreFailed } from '../domain/errors.ts'
import type { Cloud } from '../domain/ports.ts'
import {
  afterThrottle,
  type Breaker,
  closedBreaker,
  closedUntil,
  lengthened,
  longerOf,
  opensBreaker,
} from '../domain/retry-policy.ts'
import type { Budget } from './request-budget.ts'

export interface GuardNeeds {
  readonly breaker: Breaker
  readonly budget: Pick<Budget, 'limit' | 'spend' | 'usedUpUntil'>
  readonly clock: Clock
  /** Keeps the breaker on disk; one that cannot is expected to have said so. */
  readonly save: (breaker: Breaker) => Promise<void>
}

/** Why an account is not asked, and until when. */
export interface Pause {
  readonly until: number
  readonly says: string
  readonly remedy: string
}

export interface Guard {
  /** As it is now. */
  readonly breaker: Breaker
  /** Aborted when nothing is sent any more, for another login of the account has taken its place. */
  readonly retired: AbortSignal
  /** `undefined` when the account may be asked now. */
  readonly pause: Pause | undefined
  /** Runs work that asks the cloud; after a pause one at a time, until one was answered well. */
  through<T>(work: () => Promise<T>): Promise<T>
  /**
   * Called right before each single request, which may have waited for its turn while a pause began. Returns who
   * is to be told the error it ended in: the next in turn must not be sent before that is known.
   *
   * @throws AccountThrottled with `retryAt` when nothing may be sent
   */
  admit(): (error: unknown) => void
  /** Called after a tick that was not throttled. */
  close(): Promise<void>
  /** Lets nothing through any more, from this moment on. */
  retire(): void
  /** Goes on with the pause of another login of the account, where that is the longer one. */
  adopt(breaker: Breaker): Promise<void>
}

/** A wall clock that is corrected by less than this was not set. */
const toleranceMs = 2_000

const patience = 'Nothing to do: asking goes on by itself. Do not restart the daemon to hurry it.'

const succeeded = { says: 'another login of this account has taken its place', remedy: 'Nothing to do.' }

/** A guard that goes on with the breaker that was kept. */
export function guard(needs: GuardNeeds): Guard {
  return new AccountGuard(needs)
}

/** A cloud that keeps quiet while its guard says so. */
export function guarded(cloud: Cloud, { through }: Pick<Guard, 'through'>): Cloud {
  return {
    discover: (signal) => through(() => cloud.discover(signal)),
    requestManifest: (module, signal) => through(() => cloud.requestManifest(module, signal)),
  }
}

class AccountGuard implements Guard {
  readonly #needs: GuardNeeds
  #breaker: Breaker
  /** On the clock that is never set. */
  #opensAtElapsed = 0
  /** Whether the cloud has answered well since the last pause. */
  #proven = false
  #probe: Promise<void> | undefined
  #saving: Promise<void> = Promise.resolve()
  readonly #retirement = new AbortController()
  #retiredAt: number | undefined

  constructor(needs: GuardNeeds) {
    this.#needs = needs
    this.#breaker = needs.breaker
    this.#measure(closedUntil(needs.breaker, needs.clock.now()))
  }

  get breaker(): Breaker {
    return this.#breaker
  }

  get retired(): AbortSignal {
    return this.#retirement.signal
  }

  get pause(): Pause | undefined {
    if (this.#retiredAt !== undefined) return { until: this.#retiredAt, ...succeeded }
    const until = this.#openUntil()
    if (until !== undefined) return { until, says: 'the cloud asked for a pause', remedy: patience }
    const { limit, usedUpUntil } = this.#needs.budget
    if (usedUpUntil === undefined) return undefined
    return {
      until: usedUpUntil,
      says: `the daily budget of ${limit} requests is used up`,
      remedy:
        'Asking goes on at midnight UTC. Something asks far more than planned: see the log at level debug. ' +
        'If so much is wanted, raise `blink.dailyBudget`.',
    }
  }

  readonly through = async <T>(work: () => Promise<T>): Promise<T> => {
    while (this.#probe) await this.#probe
    this.#refuseWhilePaused()
    const attempt = this.#attempt(work)
    if (this.#breaker.failures === 0 || this.#proven) return attempt
    const end = (well: boolean) => {
      this.#proven ||= well
      this.#probe = undefined
    }
    this.#probe = attempt.then(
      () => end(true),
      // Busy, offline or refused is an answer too, and not the one that opens a breaker.
      (error: unknown) => end(error instanceof ModuleBusy || error instanceof CloudRefused),
    )
    return attempt
  }

  admit(): (error: unknown) => void {
    this.#refuseWhilePaused()
    this.#needs.budget.spend()
    const { failures } = this.#breaker
    return (error) => {
      if (opensBreaker(error)) this.#open(error, failures)
    }
  }

  async close(): Promise<void> {
    if (this.#breaker.failures === 0) return
    this.#become(closedBreaker)
    await this.#saving
  }

  retire(): void {
    this.#retiredAt ??= this.#needs.clock.now()
    this.#retirement.abort(new Error(succeeded.says))
  }

  async adopt(breaker: Breaker): Promise<void> {
    this.#become(longerOf(this.#breaker, breaker))
    await this.#saving
  }

  #refuseWhilePaused(): void {
    const { pause } = this
    if (!pause) return
    throw throttled(pause.says, { ...pause, now: this.#needs.clock.now() })
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#needs
    const { failures } = this.#breaker
    try {
      return await work()
    } catch (error) {
      // With `retryAt` it is our own word and not the cloud's.
      if (!opensBreaker(error) || error.retryAt !== undefined) throw error
      this.#open(error, failures)
      await this.#saving
      const until = this.#openUntil() ?? clock.now()
      throw throttled(error.message, { until, now: clock.now(), remedy: patience }, error)
    }
  }

  /** @param failures those when the request was sent */
  #open(error: AccountThrottled, failures: number): void {
    const { clock } = this.#needs
    const at = { now: clock.now(), chance: clock.random() }
    // Refusals of requests sent before the pause began are that same refusal.
    const isSame = this.#breaker.failures > failures
    this.#become(isSame ? lengthened(this.#breaker, error, at.now) : afterThrottle(this.#breaker, error, at))
  }

  #become(next: Breaker): void {
    if (next === this.#breaker) return
    this.#breaker = next
    this.#proven = false
    this.#measure(closedUntil(next, this.#needs.clock.now()))
    this.#keep()
  }

  /** The pause holds in this process even when the disk cannot keep it for the next one. */
  #keep(): void {
    const breaker = this.#breaker
    this.#saving = this.#saving
      .then(() => this.#needs.save(breaker))
      .catch((error: unknown) => {
        if (!(error instanceof StoreFailed)) throw error
      })
  }

  #measure(until: number | undefined): void {
    const { clock } = this.#needs
    if (until !== undefined) this.#opensAtElapsed = clock.elapsed() + until - clock.now()
  }

  /** When the account may be asked again by the wall clock as it is now. */
  #openUntil(): number | undefined {
    const { openUntil } = this.#breaker
    const { clock } = this.#needs
    const left = this.#opensAtElapsed - clock.elapsed()
    if (openUntil === undefined || left <= 0) return undefined
    const until = Math.round(clock.now() + left)
    if (Math.abs(until - openUntil) <= toleranceMs) return openUntil
    // The wall clock was set, and the pause must outlive a restart in its new terms.
    this.#breaker = { ...this.#breaker, openUntil: until }
    this.#keep()
    return until
  }
}

/** The refusal as our callers see it: with the pause that we will keep, not only the one the cloud named. */
function throttled(
  message: string,
  { now, until, remedy }: { readonly now: number; readonly until: number; readonly remedy: string },
  cause?: AccountThrottled,
): AccountThrottled {
  return new AccountThrottled(message, {
    outcome: 'not-done',
    retryAfterMs: until - now,
    retryAt: until,
    ...(cause && { cause }),
    ...(cause?.status !== undefined && { status: cause.status }),
    ...(cause?.bodyCode !== undefined && { bodyCode: cause.bodyCode }),
    remedy,
  })
}
