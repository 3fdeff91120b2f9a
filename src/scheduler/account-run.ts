/**
 * One tick of one account: discover its sync modules, ask the askable ones, store each answer.
 *
 * The order is the product: an id is on disk before the next module is asked. A module that fails is reported
 * and the rest still get their turn; what concerns the whole account (a login, a throttle, a full disk, a cloud
 * that is away) ends the asking, and the modules left are reported with that. Everything comes by argument.
 */

import type { Clock } from '../domain/clock.ts'
import { outcomeOfSkip } from '../domain/eligibility.ts'
import { CloudUnreachable, DaemonError, StoreFailed } from '../domain/errors.ts'
import { accountStatusOf, concernsAccount, explain, outcomeOf } from '../domain/failure.ts'
import {
  type BlinkId,
  type Failure,
  keyOf,
  type ModuleChanges,
  type ModuleReport,
  type Selection,
  type SkipReason,
  type Slot,
  type SyncModule,
  type TickReport,
} from '../domain/model.ts'
import type { Cloud, Ledger } from '../domain/ports.ts'
import { pauseBeforeRetry } from '../domain/retry-policy.ts'
import { workItemOf } from '../domain/work-item.ts'

export interface TickNeeds {
  readonly accountId: BlinkId
  readonly cloud: Cloud
  readonly ledger: Ledger
  readonly clock: Clock
  /** Why a module is not asked, or `undefined` when it is. */
  readonly reasonToSkip: (module: SyncModule) => SkipReason | undefined
  /** Life of a request ID, in milliseconds. */
  readonly ttlMs: number
  /** Modules asked at the same time. */
  readonly parallel: number
  /** Told what a new list has changed, before anybody is asked. */
  readonly listed: (changes: ModuleChanges) => void
  /** Told of each module as it is done. */
  readonly tell: (report: ModuleReport) => void
  /** What a command narrows the tick to; absent for all modules of a new list. */
  readonly selection?: Selection | undefined
  /** Ends waits and starts nothing more, but lets a request in flight come home. */
  readonly stopping: AbortSignal
  /** Ends a request in flight. */
  readonly abort: AbortSignal
}

/** So many modules in a row without an answer, and the cloud is away for all of them. */
const unreachableInARow = 3

/** Asks one account's modules. Throws only for bugs and when stopped before the modules are known. */
export async function runTick(slot: Slot, needs: TickNeeds): Promise<TickReport> {
  const tick = new Tick(slot, needs)
  await tick.run()
  return tick.report()
}

/** The state of one tick: what is left of its budget, what has been reported, what ended it early. */
class Tick {
  readonly #slot: Slot
  readonly #needs: TickNeeds
  readonly #startedAt: number
  readonly #endsAt: number
  readonly #reports: ModuleReport[] = []
  #changes: ModuleChanges | undefined
  /** Why nothing more is asked, told as of the moment it happened. */
  #ended: { readonly error: DaemonError; readonly failure: Failure } | undefined
  #bug = false
  #unreachable = 0

  constructor(slot: Slot, needs: TickNeeds) {
    this.#slot = slot
    this.#needs = needs
    this.#startedAt = needs.clock.now()
    this.#endsAt = needs.clock.elapsed() + slot.budgetMs
  }

  async run(): Promise<void> {
    const { parallel, stopping, selection } = this.#needs
    const listed = selection?.list === false ? undefined : await this.#discover()
    const modules = (listed ?? this.#known()).filter((module) => selection?.wants(module) ?? true)
    // A list may name a module twice; it has one turn all the same.
    const queue = new Map(modules.map((module) => [keyOf(module), module])).values()
    const askInTurn = async () => {
      for (const module of queue) {
        if (stopping.aborted || this.#bug) return
        await this.#turn(module).catch((error: unknown) => {
          this.#bug = true
          throw error
        })
      }
    }
    await Promise.all(Array.from({ length: parallel }, askInTurn))
  }

  report(): TickReport {
    const ended = this.#ended
    return {
      accountId: this.#needs.accountId,
      slot: this.#slot,
      startedAt: this.#startedAt,
      finishedAt: this.#needs.clock.now(),
      changes: this.#changes,
      account: ended ? { status: accountStatusOf(ended.error), failure: ended.failure } : { status: 'ok' },
      modules: this.#reports,
    }
  }

  async #discover(): Promise<readonly SyncModule[] | undefined> {
    const { accountId, cloud, ledger, listed, abort } = this.#needs
    try {
      const { value } = await this.#persist(() => cloud.discover(abort))
      this.#changes = await ledger.seen(accountId, value)
      listed(this.#changes)
      return value
    } catch (error) {
      if (this.#wasCutOff(error)) return []
      this.#end(this.#expected(error))
      return undefined
    }
  }

  /** The modules of the last list, for telling them that nobody could be asked. */
  #known(): readonly SyncModule[] {
    try {
      return this.#needs.ledger.modulesOf(this.#needs.accountId)
    } catch (error) {
      this.#end(this.#expected(error))
      return []
    }
  }

  /** One module's turn: asked, skipped, or told that the tick is over for all. */
  async #turn(module: SyncModule): Promise<void> {
    const reason = this.#needs.reasonToSkip(module)
    if (reason === 'excluded') return this.#skip(module, reason)
    if (this.#needs.ledger.trouble) this.#end(this.#needs.ledger.trouble)
    if (this.#ended) return this.#fail(module, this.#ended, 0)
    if (reason) return this.#skip(module, reason)
    if (this.#leftMs() <= 0) return this.#skip(module, 'out_of_time')
    await this.#ask(module)
  }

  async #ask(module: SyncModule): Promise<void> {
    const { clock, cloud, abort, ttlMs } = this.#needs
    let sentAt = clock.elapsed()
    const tries = { count: 0 }
    try {
      const { value, attempt } = await this.#persist(() => {
        sentAt = clock.elapsed()
        return cloud.requestManifest(module, abort)
      }, tries)
      const item = workItemOf({ module, request: value, slot: this.#slot, attempt, ttlMs }, clock)
      const at = item.requestedAt
      const latencyMs = Math.round(clock.elapsed() - sentAt)
      this.#unreachable = 0
      // Stored before the next module is asked: a crash loses at most the answer in hand.
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
    const { clock, stopping } = this.#needs
    for (;;) {
      tries.count++
      try {
        return { value: await work(), attempt: tries.count }
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error
        const pause = pauseBeforeRetry(error, tries.count, clock.random())
        if (pause === undefined || pause >= this.#leftMs() || this.#ended) throw error
        await clock.sleep(pause, stopping).catch(() => undefined)
        if (stopping.aborted || this.#ended || this.#bug) throw error
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
    const told = await this.#kept(report)
    this.#reports.push(told)
    this.#needs.tell(told)
  }

  /** The report, or what it became: an answer that cannot be kept is lost, and the next is not asked for. */
  async #kept(report: ModuleReport): Promise<ModuleReport> {
    try {
      await this.#needs.ledger.record(report)
      return report
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      this.#end(error)
      const { module, at, attempts } = report
      return { kind: 'failed', module, at, attempts, outcome: 'error', failure: explain(error, at) }
    }
  }

  /** The first error that ends a tick is the one it is told by. */
  #end(error: DaemonError): void {
    this.#ended ??= { error, failure: explain(error, this.#needs.clock.now()) }
  }

  #leftMs(): number {
    return this.#endsAt - this.#needs.clock.elapsed()
  }

  /** Stopped before anything was sent: nothing has happened, so there is nothing to report. */
  #wasCutOff(error: unknown): boolean {
    const { abort } = this.#needs
    return abort.aborted && error === abort.reason
  }

  /** An error a tick can live with; throws the others again, for they are bugs. */
  #expected(error: unknown): DaemonError {
    if (error instanceof DaemonError) return error
    throw error
  }
}
