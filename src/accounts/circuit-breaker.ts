/**
 * Stands between an account and the cloud: after "slow down", nothing is sent until the pause is over.
 *
 * The first request after a pause is the probe, and no other goes out before the cloud has answered it with
 * anything better. The breaker closes after a whole account run went well; until then each further refusal doubles
 * the pause. It is kept on disk, since a restart is no reason to request sooner. A pause is a length: setting the wall
 * clock neither shortens nor lengthens it, and a computer that slept waits for the rest of it.
 */
import type { CallKind, HttpAnswer } from '../blink/api.ts'
import type { Http } from '../blink/http.ts'
import { refusalIn } from '../blink/response.ts'
import type { Clock } from '../domain/clock.ts'
import { AccountThrottled, CloudRefused, ModuleBusy, StoreFailed } from '../domain/errors.ts'
import type { CloudCall } from '../domain/model.ts'
import {
  afterThrottle,
  type Breaker,
  closedBreaker,
  closedUntil,
  lengthened,
  longerOf,
  opensBreaker,
} from '../domain/retry-policy.ts'
import type { RequestBudget } from './request-budget.ts'

type Budget = Pick<RequestBudget, 'limit' | 'spend' | 'refund' | 'usedUpUntil'>

export interface CircuitBreakerNeeds {
  readonly breaker: Breaker
  readonly budget: Budget
  readonly clock: Clock
  /** Called right before each request; what it throws ends the request with nothing sent. */
  readonly guard?: () => void
  /** Called with each request that has ended. */
  readonly finished: (call: Omit<CloudCall, 'account'>) => void
  /** Keeps the breaker on disk; one that cannot has logged it. */
  readonly save: (breaker: Breaker) => Promise<void>
}

/** Why an account is not requested, and until when. */
export interface Pause {
  readonly until: number
  readonly reason: string
  readonly remedy: string
}

/** A wall clock that is corrected by less than this was not set. */
const toleranceMs = 2_000

const patience = 'Nothing to do: requests go on by themselves. Do not restart the daemon to hurry it.'

export class CircuitBreaker {
  readonly #needs: CircuitBreakerNeeds
  #breaker: Breaker
  /** On the clock that is never set. */
  #opensAtElapsed = 0
  /** Whether the cloud has answered well since the last pause. */
  #proven = false
  #probe: Promise<void> | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(needs: CircuitBreakerNeeds) {
    this.#needs = needs
    this.#breaker = needs.breaker
    this.#measure(closedUntil(needs.breaker, needs.clock.now()))
  }

  /** `undefined` when the account may be requested now. */
  get pause(): Pause | undefined {
    return this.#pauseBy(this.#needs.budget, 'blink.dailyBudget')
  }

  /** Whether the cloud asked for a pause that is not over. */
  get isOpen(): boolean {
    return this.#openUntil() !== undefined
  }

  #pauseBy({ limit, usedUpUntil }: Budget, setting: string): Pause | undefined {
    const until = this.#openUntil()
    if (until !== undefined) return { until, reason: 'the cloud asked for a pause', remedy: patience }
    if (usedUpUntil === undefined) return undefined
    return {
      until: usedUpUntil,
      reason: `the daily budget of ${limit} requests is used up`,
      remedy:
        'Requests go on at midnight UTC. Something requests far more than planned: see the log at level debug. ' +
        `If so much is wanted, raise \`${setting}\`.`,
    }
  }

  /**
   * The same client for this account alone: counts each request, and sends none while the breaker is open.
   *
   * Its `request` throws AccountThrottled, with `retryAt`, while the breaker is open and when an answer opens it.
   *
   * @param apart a budget of their own for these requests, and the setting that it has
   */
  protect(http: Http, apart?: { readonly budget: Budget; readonly setting: string }): Http {
    const { budget, setting } = apart ?? { budget: this.#needs.budget, setting: 'blink.dailyBudget' }
    const counted = { budget, refuse: () => refuseDuring(this.#pauseBy(budget, setting), this.#needs.clock) }
    return {
      ...http,
      request: async (call, signal) => {
        while (this.#probe) await this.#probe
        counted.refuse()
        const answered = this.#send({ http, ...counted }, call, signal)
        if (this.#breaker.failures === 0 || this.#proven) return answered
        const end = (well: boolean) => {
          this.#proven ||= well
          this.#probe = undefined
        }
        this.#probe = answered.then(
          (answer) => end(isWell(call.kind, answer, this.#needs.clock.now())),
          () => end(false),
        )
        return answered
      },
    }
  }

  /** Goes on with a pause that the cloud asked of another process, where that is the longer one. */
  async adopt(breaker: Breaker): Promise<void> {
    this.#become(longerOf(this.#breaker, breaker))
    await this.#saving
  }

  /** Called after an account run that went well. */
  async close(): Promise<void> {
    if (this.#breaker.failures === 0) return
    this.#become(closedBreaker)
    await this.#saving
  }

  async #send(
    { http, budget, refuse }: { readonly http: Http; readonly budget: Budget; readonly refuse: () => void },
    ...[call, signal]: Parameters<Http['request']>
  ): Promise<HttpAnswer> {
    const { clock, guard } = this.#needs
    let refusal: AccountThrottled | undefined
    const admit = () => {
      // It may have waited in the queue while a pause began.
      refuse()
      guard?.()
      budget.spend()
      const { failures } = this.#breaker
      return (finished: Omit<CloudCall, 'account'>, answer: HttpAnswer | undefined) => {
        if (!finished.sent) budget.refund()
        this.#needs.finished(finished)
        const error = answer && refusalIn({ kind: call.kind, ...answer, now: clock.now() })
        if (!opensBreaker(error)) return
        // Before the next in the queue is sent.
        this.#open(error, failures)
        refusal = error
      }
    }
    const answer = await http.request(call, signal, { admit, ...(guard && { starts: guard }) })
    if (!refusal) return answer
    await this.#saving
    const until = this.#openUntil() ?? clock.now()
    throw throttled(refusal.message, { until, now: clock.now(), remedy: patience }, refusal)
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

  /** When the account may be requested again, by the wall clock as it is now. */
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

/** Busy, offline or refused is an answer too, and not the one that opens a breaker. A new token proves nothing. */
function isWell(kind: CallKind, answer: HttpAnswer, now: number): boolean {
  if (kind === 'token') return false
  const refusal = refusalIn({ kind, ...answer, now })
  return refusal === undefined || refusal instanceof ModuleBusy || refusal instanceof CloudRefused
}

function refuseDuring(pause: Pause | undefined, clock: Clock): void {
  if (pause) throw throttled(pause.reason, { ...pause, now: clock.now() })
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
