/**
 * The measurement of `probe`: how long a manifest takes, how long a request ID can be used, and whether the refresh token
 * changes at a refresh.
 *
 * It sends what the daemon sends anyway: one refresh, one home screen, one manifest request, and GETs for that manifest,
 * further apart the longer it takes. It is over at the first answer that asks for less, and when the GETs of an hour are
 * spent. What it returns has neither ids nor names nor times of day in it.
 */
import type { Account } from '../accounts/account.ts'
import { clipObstacleOf } from '../blink/response-codes.ts'
import type { Clock } from '../domain/clock.ts'
import { type EligibilityRules, ineligibility } from '../domain/eligibility.ts'
import { AccountThrottled, CloudError, LoginNeeded, ModuleBusy } from '../domain/errors.ts'
import type { BlinkId, CloudCall, SyncModule } from '../domain/model.ts'
import type { Ledger, Observer } from '../domain/ports.ts'
import { throttledStatuses } from '../domain/retry-policy.ts'
import type { Secret } from '../domain/secret.ts'

export interface ProbeNeeds {
  readonly account: Pick<Account, 'cloud' | 'clips' | 'session'>
  /** As it was before anything was sent. */
  readonly tokenBefore: Secret
  readonly rules: EligibilityRules
  readonly ledger: Pick<Ledger, 'lastAccepted'>
  readonly calls: CallCounter
  readonly clock: Pick<Clock, 'elapsed' | 'now' | 'sleep'>
  /** Ends it; what was learned by then is returned. */
  readonly signal: AbortSignal
  /** A sentence for who waits. */
  readonly progress: (sentence: string) => void
}

/** One GET for the manifest. */
export interface ProbeAnswer {
  /** Since the request was accepted, in seconds. */
  readonly afterS: number
  readonly outcome: 'not_ready' | 'ready' | 'gone' | 'refused' | 'no_answer'
  readonly status: number | undefined
  readonly bodyCode: number | undefined
}

export interface ProbeEnd {
  /** `complete`: the ID was seen to end, or lived for the whole hour. */
  readonly reason:
    | 'complete'
    | 'no_module'
    | 'busy'
    | 'throttled'
    | 'login_required'
    | 'failed'
    | 'interrupted'
  readonly during: 'discovery' | 'manifest_request' | 'manifest'
  readonly status: number | undefined
  readonly bodyCode: number | undefined
}

export interface ProbeResult {
  readonly module: SyncModule | undefined
  /** From sending the manifest request to its answer, in milliseconds. */
  readonly requestMs: number | undefined
  readonly answers: readonly ProbeAnswer[]
  readonly end: ProbeEnd
  readonly gets: number
  readonly refreshes: number
  /** How many of the refreshes left another refresh token behind. */
  readonly changedTokens: number
}

/** In one hour, of all kinds. */
const mostGets = 30

/** When to look, in seconds: until the manifest is ready, and then whether the ID still works. With the rest, below 30. */
const [untilReady, whileAlive] = [
  [2, 4, 6, 8, 11, 15, 20, 30, 45, 60, 90],
  [3, 5, 7, 9, 10, 11, 13, 15, 18, 20, 22, 25, 30, 40, 50, 60].map((minutes) => minutes * 60),
]
/** So long after another request the module is certainly done with it. */
const settledMs = 120_000
/** In a row, before it is given up. */
const mostFailures = 3

export interface CallCounter {
  readonly observer: Pick<Required<Observer>, 'requestFinished'>
  readonly gets: number
  readonly refreshes: number
  /** The milliseconds of the last call of a kind. */
  msOf(kind: string): number | undefined
  /** Aborted when no further GET is permitted. */
  readonly spent: AbortSignal
}

/** Counts what is sent, whoever sends it. */
export function countCalls(): CallCounter {
  const spent = new AbortController()
  const last = new Map<string, number>()
  let gets = 0
  let refreshes = 0
  return {
    observer: {
      requestFinished({ kind, status, ms, sent }: CloudCall) {
        if (!sent) return
        last.set(kind, ms)
        if (kind === 'token' && status === 200) refreshes++
        if (kind === 'token' || kind === 'manifest_request') return
        if (++gets >= mostGets) spent.abort(new Error('the GETs of an hour are spent'))
      },
    },
    get gets() {
      return gets
    },
    get refreshes() {
      return refreshes
    },
    msOf: (kind) => last.get(kind),
    spent: spent.signal,
  }
}

export async function measure(needs: ProbeNeeds): Promise<ProbeResult> {
  const { calls } = needs
  const signal = AbortSignal.any([needs.signal, calls.spent])
  const probe = new Probe({ ...needs, signal })
  const end = await probe.run().catch((error: unknown) => {
    if (!signal.aborted) return endOf(error, probe.during)
    // The last GET that is permitted is the last one that was planned.
    const reason = needs.signal.aborted ? 'interrupted' : 'complete'
    return { reason, during: probe.during, status: undefined, bodyCode: undefined } as const
  })
  probe.lookAtToken()
  return {
    module: probe.module,
    requestMs: probe.requestMs,
    answers: probe.answers,
    end,
    gets: calls.gets,
    refreshes: calls.refreshes,
    changedTokens: probe.changedTokens,
  }
}

/** @throws what nobody expects */
function endOf(error: unknown, during: ProbeEnd['during']): ProbeEnd {
  if (!(error instanceof CloudError)) throw error
  const { status, bodyCode } = error
  const end = { during, status, bodyCode }
  if (isThrottled(error)) return { reason: 'throttled', ...end }
  if (error instanceof LoginNeeded) return { reason: 'login_required', ...end }
  if (error instanceof ModuleBusy) return { reason: 'busy', ...end }
  return { reason: 'failed', ...end }
}

function isThrottled(error: CloudError): boolean {
  return error instanceof AccountThrottled || throttledStatuses.has(error.status ?? 0)
}

class Probe {
  readonly #needs: ProbeNeeds
  readonly answers: ProbeAnswer[] = []
  during: ProbeEnd['during'] = 'discovery'
  module: SyncModule | undefined
  requestMs: number | undefined
  changedTokens = 0
  #token: string

  constructor(needs: ProbeNeeds) {
    this.#needs = needs
    this.#token = needs.tokenBefore.reveal()
  }

  /** Compared in memory; neither is kept. */
  lookAtToken(): void {
    const now = this.#needs.account.session.credentials.refreshToken.reveal()
    if (now !== this.#token) this.changedTokens++
    this.#token = now
  }

  async run(): Promise<ProbeEnd> {
    const { account, rules, signal, progress, calls } = this.#needs
    const modules = await account.cloud.discover(signal)
    this.lookAtToken()
    const module = modules.find((each) => ineligibility(each, rules) === undefined)
    if (!module) return this.#ended('no_module')
    this.module = module
    await this.#settled(module)
    this.during = 'manifest_request'
    const { requestId } = await account.cloud.requestManifest(module, signal)
    this.requestMs = calls.msOf('manifest_request')
    this.during = 'manifest'
    progress('The manifest is requested.')
    return this.#follow(module, requestId)
  }

  /** Waits until the module has finished what a daemon has requested a moment ago. */
  async #settled(module: SyncModule): Promise<void> {
    const { ledger, clock, signal, progress } = this.#needs
    const last = await ledger.lastAccepted(module)
    const waitMs = last ? Math.min(settledMs, last.requestedAt + settledMs - clock.now()) : 0
    if (waitMs <= 0) return
    progress(`Waiting ${Math.ceil(waitMs / 1000)} s, since the daemon has just requested a manifest.`)
    await clock.sleep(waitMs, signal)
  }

  async #follow(module: SyncModule, requestId: BlinkId): Promise<ProbeEnd> {
    const { account, clock, signal, progress } = this.#needs
    const since = clock.elapsed()
    let [isReady, failures] = [false, 0]
    for (const second of [...untilReady, ...whileAlive]) {
      if (isReady && second < (whileAlive[0] ?? 0)) continue
      await clock.sleep(Math.max(0, since + second * 1000 - clock.elapsed()), signal)
      const answer = await this.#look(
        () => account.clips.manifest(module, requestId, signal),
        () => (clock.elapsed() - since) / 1000,
      )
      this.answers.push(answer)
      this.lookAtToken()
      if (answer.outcome === 'ready' && !isReady) progress(`The manifest is there after ${answer.afterS} s.`)
      if (answer.outcome === 'gone') return this.#ended('complete', answer)
      isReady ||= answer.outcome === 'ready'
      failures = ['refused', 'no_answer'].includes(answer.outcome) ? failures + 1 : 0
      if (failures === mostFailures) return this.#ended('failed', answer)
    }
    return this.#ended('complete')
  }

  async #look(get: () => Promise<unknown>, after: () => number): Promise<ProbeAnswer> {
    const seen = (outcome: ProbeAnswer['outcome'], error?: CloudError): ProbeAnswer => ({
      afterS: Math.round(after() * 10) / 10,
      outcome,
      status: error ? error.status : 200,
      bodyCode: error?.bodyCode,
    })
    try {
      await get()
      return seen('ready')
    } catch (error) {
      if (!(error instanceof CloudError) || isThrottled(error) || error instanceof LoginNeeded) throw error
      const obstacle = clipObstacleOf(error.bodyCode)
      if (obstacle === 'not_ready' || obstacle === 'busy' || error.status === 409)
        return seen('not_ready', error)
      if (obstacle === 'expired' || error.status === 404 || error.status === 410) return seen('gone', error)
      return seen(error.status === undefined || error.status >= 500 ? 'no_answer' : 'refused', error)
    }
  }

  #ended(reason: ProbeEnd['reason'], answer?: ProbeAnswer): ProbeEnd {
    return { reason, during: this.during, status: answer?.status, bodyCode: answer?.bodyCode }
  }
}
