/**
 * One account run: discover the account's sync modules, request a manifest of each that is eligible, store each answer.
 *
 * The order is the product: an id is on disk before the next module is requested. A module that fails is reported
 * and the rest go on; what concerns the whole account (credentials, a throttle, a full disk, a cloud that does not
 * answer) ends the requests, and the modules left are reported with that. Everything comes by argument.
 */
import type { Account } from '../accounts/account.ts'
import type { Clock } from '../domain/clock.ts'
import { outcomeOfSkip } from '../domain/eligibility.ts'
import { CloudUnreachable, DaemonError, StoreFailed } from '../domain/errors.ts'
import { accountStatusOf, concernsAccount, explain, outcomeOf } from '../domain/failure.ts'
import type { RequestMarks } from '../domain/fleet.ts'
import {
  type AccountRunReport,
  type Failure,
  keyOf,
  type ModuleChanges,
  type ModuleReport,
  type Run,
  type Selection,
  type SkipReason,
  type SyncModule,
  type Trigger,
} from '../domain/model.ts'
import type { Ledger, Observer } from '../domain/ports.ts'
import { pauseBeforeRetry } from '../domain/retry-policy.ts'
import { workItemOf } from '../domain/work-item.ts'

export interface AccountRunNeeds {
  readonly ledger: Pick<Ledger, 'modulesOf' | 'seen' | 'record' | 'trouble'>
  readonly observer: Pick<Required<Observer>, 'modulesListed' | 'moduleFinished' | 'accountRunFinished'>
  /** Why a module is not requested, or `undefined` when it is. */
  readonly skipReason: (module: SyncModule, trigger: Trigger) => Promise<SkipReason | undefined>
  readonly request: {
    /** Life of a request ID, in milliseconds. */
    readonly ttlMs: number
    /** Modules requested at the same time. */
    readonly parallel: number
  }
  readonly signals: {
    /** Ends waits and starts nothing more, but lets a request in flight end. */
    readonly stopping: AbortSignal
    /** Ends a request in flight. */
    readonly abort: AbortSignal
  }
  readonly clock: Clock
}

/** How far others may have come with the same run: whoever dies at it cannot say so. */
export interface Resumable {
  readonly marks: RequestMarks
}

/** One account's part of a run. */
interface Begun {
  readonly run: Run
  readonly selection?: Selection | undefined
  /** Absent where no other instance can have begun with it. */
  readonly shared?: Resumable | undefined
}

const unanswered = new CloudUnreachable('manifest request: its instance ended before an answer was kept', {
  outcome: 'unknown',
})

/** So many modules in a row without an answer, and the cloud is away for all of them. */
const unreachableInARow = 3

/**
 * Requests manifests of one account's modules; must have the account for itself. Throws only for bugs.
 *
 * @param selection what a command narrows the run to; absent for all modules of a new list
 */
export async function runAccount(
  account: Account,
  { run, selection, shared }: Begun,
  needs: AccountRunNeeds,
): Promise<AccountRunReport> {
  const stopping = AbortSignal.any([needs.signals.stopping, account.removed])
  const abort = shared ? AbortSignal.any([needs.signals.abort, account.lost]) : needs.signals.abort
  const signals = { stopping, abort }
  const running = new AccountRun(account, { run, shared }, { ...needs, signals })
  const { session } = account
  await running.run(selection)
  const report = running.report()
  // The state is that of the credentials in use; new ones have a run of their own right behind this one.
  if (!account.removed.aborted && account.session === session) await conclude(account, report, selection)
  needs.observer.accountRunFinished(report)
  return report
}

/** What the run says about the account as a whole. */
async function conclude(
  account: Account,
  { account: { status, failure }, changes, modules }: AccountRunReport,
  selection: Selection | undefined,
): Promise<void> {
  // A run in which not even the list came says nothing about the cloud's mood.
  if (status === 'ok' && changes && (!selection || modules.length > 0)) await account.breaker.close()
  // Where nothing was requested, nothing was learned.
  if (changes || failure || modules.some(({ attempts }) => attempts > 0)) account.become(status, failure)
}

/** The state of one account run: what is left of its time, what has been reported, what ended it early. */
class AccountRun {
  readonly #account: Account
  readonly #run: Run
  readonly #shared: Resumable | undefined
  /** What others have requested in this run. */
  #marked: ReadonlyMap<string, 'answered' | 'unanswered'> = new Map()
  readonly #needs: AccountRunNeeds
  readonly #startedAt: number
  readonly #endsAt: number
  readonly #reports: ModuleReport[] = []
  #changes: ModuleChanges | undefined
  /** Why nothing more is requested, as of the moment it happened. */
  #ended: { readonly error: DaemonError; readonly failure: Failure } | undefined
  #bug = false
  #unreachable = 0

  constructor(account: Account, { run, shared }: Omit<Begun, 'selection'>, needs: AccountRunNeeds) {
    this.#account = account
    this.#run = run
    this.#shared = shared
    this.#needs = needs
    this.#startedAt = needs.clock.now()
    this.#endsAt = needs.clock.elapsed() + run.budgetMs
  }

  async run(selection: Selection | undefined): Promise<void> {
    const { request, signals } = this.#needs
    const listed = selection?.list === false ? undefined : await this.#discover()
    const known = listed ?? (await this.#known())
    if (this.#shared) await this.#findMarked(this.#shared.marks)
    const modules = known.filter((module) => selection?.wants(module) ?? true)
    // A list may name a module twice; it has one attempt all the same.
    const queue = new Map(modules.map((module) => [keyOf(module), module])).values()
    const attemptInTurn = async () => {
      for (const module of queue) {
        if (signals.stopping.aborted || this.#bug) return
        await this.#attempt(module).catch((error: unknown) => {
          this.#bug = true
          throw error
        })
      }
    }
    await Promise.all(Array.from({ length: request.parallel }, attemptInTurn))
  }

  report(): AccountRunReport {
    const ended = this.#ended
    const { accountId, budget } = this.#account
    return {
      accountId,
      run: this.#run,
      budget: { spent: budget.spent, limit: budget.limit },
      startedAt: this.#startedAt,
      finishedAt: this.#needs.clock.now(),
      changes: this.#changes,
      account: ended ? { status: accountStatusOf(ended.error), failure: ended.failure } : { status: 'ok' },
      modules: this.#reports,
    }
  }

  async #discover(): Promise<readonly SyncModule[] | undefined> {
    const { ledger, observer, signals } = this.#needs
    const { accountId, cloud } = this.#account
    try {
      const { value } = await this.#persist(() => cloud.discover(signals.abort))
      this.#changes = await ledger.seen(accountId, value)
      observer.modulesListed(accountId, this.#changes)
      return value
    } catch (error) {
      if (this.#wasCutOff(error)) return []
      this.#end(this.#expected(error))
      return undefined
    }
  }

  /** The modules of the last list, to report that they could not be requested. */
  async #known(): Promise<readonly SyncModule[]> {
    try {
      return await this.#needs.ledger.modulesOf(this.#account.accountId)
    } catch (error) {
      this.#end(this.#expected(error))
      return []
    }
  }

  /** Without knowing what was requested before, nothing is. */
  async #findMarked(marks: RequestMarks): Promise<void> {
    try {
      this.#marked = await marks.marked(this.#account.accountId, this.#run.tickId)
    } catch (error) {
      this.#end(this.#expected(error))
    }
  }

  /** One module's attempt: requested, skipped, or reported with what ended the run for all. */
  async #attempt(module: SyncModule): Promise<void> {
    const reason = await this.#needs.skipReason(module, this.#run.trigger)
    if (reason === 'excluded') return this.#skip(module, reason)
    if (this.#needs.ledger.trouble) this.#end(this.#needs.ledger.trouble)
    if (this.#ended) return this.#fail(module, this.#ended, 0)
    if (reason) return this.#skip(module, reason)
    const marked = this.#marked.get(keyOf(module))
    // Its result is kept and published.
    if (marked === 'answered') return
    if (marked) return this.#fail(module, { error: unanswered, failure: explain(unanswered, 0) }, 1)
    if (this.#leftMs() <= 0) return this.#skip(module, 'out_of_time')
    await this.#request(module)
  }

  async #request(module: SyncModule): Promise<void> {
    const { clock, signals, request } = this.#needs
    const { cloud } = this.#account
    let sentAt = clock.elapsed()
    const tries = { count: 0 }
    try {
      await this.#shared?.marks.mark(module, this.#run.tickId)
      const { value, attempt } = await this.#persist(() => {
        sentAt = clock.elapsed()
        return cloud.requestManifest(module, signals.abort)
      }, tries)
      const item = workItemOf(
        { module, request: value, run: this.#run, attempt, ttlMs: request.ttlMs },
        clock,
      )
      const at = item.requestedAt
      const latencyMs = Math.round(clock.elapsed() - sentAt)
      this.#unreachable = 0
      // Stored before the next module is requested: a crash loses at most the answer in hand.
      await this.#keep({ kind: 'requested', module, at, attempts: attempt, item, latencyMs })
    } catch (error) {
      if (this.#wasCutOff(error)) return
      const expected = this.#expected(error)
      if (concernsAccount(expected)) this.#end(expected)
      this.#unreachable = expected instanceof CloudUnreachable ? this.#unreachable + 1 : 0
      if (this.#unreachable >= unreachableInARow) this.#end(expected)
      await this.#fail(module, { error: expected, failure: explain(expected, clock.now()) }, tries.count)
    }
  }

  /** Tries until it works, the error says not to, or the budget would not last the pause. */
  async #persist<T>(work: () => Promise<T>, tries = { count: 0 }): Promise<{ value: T; attempt: number }> {
    const { clock, signals } = this.#needs
    for (;;) {
      tries.count++
      try {
        return { value: await work(), attempt: tries.count }
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error
        const pause = pauseBeforeRetry(error, tries.count, clock.random())
        if (pause === undefined || pause >= this.#leftMs() || this.#ended) throw error
        await clock.sleep(pause, signals.stopping).catch(() => undefined)
        if (signals.stopping.aborted || this.#ended || this.#bug) throw error
      }
    }
  }

  #skip(module: SyncModule, reason: SkipReason): Promise<void> {
    const at = this.#needs.clock.now()
    return this.#keep({ kind: 'skipped', module, at, attempts: 0, outcome: outcomeOfSkip(reason), reason })
  }

  #fail(
    module: SyncModule,
    { error, failure }: { readonly error: DaemonError; readonly failure: Failure },
    attempts: number,
  ): Promise<void> {
    const at = this.#needs.clock.now()
    return this.#keep({
      kind: 'failed',
      module,
      at,
      attempts,
      outcome: outcomeOf(error, attempts > 0),
      failure,
    })
  }

  async #keep(report: ModuleReport): Promise<void> {
    const kept = await this.#kept(report)
    this.#reports.push(kept)
    this.#needs.observer.moduleFinished(kept, this.#run)
  }

  /** The report, or what it became: an answer that cannot be kept is lost, and no other is requested. */
  async #kept(report: ModuleReport): Promise<ModuleReport> {
    try {
      const { lastSkip } = await this.#needs.ledger.record(report)
      return report.kind === 'skipped' ? { ...report, repeated: lastSkip?.repeated ?? false } : report
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      this.#end(error)
      const { module, at, attempts } = report
      return { kind: 'failed', module, at, attempts, outcome: 'error', failure: explain(error, at) }
    }
  }

  /** The first error that ends a run is the one it is reported with. */
  #end(error: DaemonError): void {
    this.#ended ??= { error, failure: explain(error, this.#needs.clock.now()) }
  }

  #leftMs(): number {
    return this.#endsAt - this.#needs.clock.elapsed()
  }

  /** Stopped before anything was sent: nothing has happened, so there is nothing to report. */
  #wasCutOff(error: unknown): boolean {
    const { abort } = this.#needs.signals
    return abort.aborted && error === abort.reason
  }

  /** An expected error; throws the others again, for they are bugs. */
  #expected(error: unknown): DaemonError {
    if (error instanceof DaemonError) return error
    throw error
  }
}
