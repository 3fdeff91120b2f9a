/**
 * What an instance does with an account while it holds its lease: the run, commands, and what is to be delivered or
 * downloaded behind them. Then the account is given back, and whoever is free takes it for the next run.
 */
import type { Account } from '../accounts/account.ts'
import type { AccountRegistry } from '../accounts/registry.ts'
import type { Command, CommandResult } from '../domain/commands.ts'
import { DaemonError, LoginNeeded, StoreFailed } from '../domain/errors.ts'
import { explain } from '../domain/failure.ts'
import type {
  AccountLeases,
  FleetRun,
  LeasedAccount,
  LeftAccount,
  SharedStorage,
  WaitingCommand,
} from '../domain/fleet.ts'
import type { AccountRunReport, BlinkId, RunCounts } from '../domain/model.ts'
import type { Runtime } from '../domain/ports.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import type { Job, JobEnd } from './jobs.ts'
import type { HeldAccounts } from './leases.ts'

export interface AccountWorkNeeds extends Pick<Runtime, 'clock' | 'log'> {
  readonly held: HeldAccounts
  readonly storage: Pick<SharedStorage, 'commands' | 'marks'> & {
    readonly leases: Pick<AccountLeases, 'waiting'>
  }
  readonly registry: Pick<AccountRegistry, 'take' | 'release' | 'lose' | 'get'>
  readonly parts: FleetParts
  /** Called with the result of each account's part of a run. */
  readonly reported?: ((accountId: BlinkId, report: AccountRunReport | undefined) => void) | undefined
  /** When an account is requested after a scheduled run, in milliseconds. */
  readonly offsetOf: (accountId: BlinkId) => number
  readonly stopping: AbortSignal
}

/** What the rest of the daemon does with an account that is held here. */
export interface FleetParts {
  readonly runner: Pick<Scheduler, 'runShared' | 'runOne'>
  /** Carries out a command of this account alone. */
  readonly carryOut: (account: Account, command: Command) => Promise<CommandResult>
  /** Absent where nothing goes on after a run. */
  readonly clips: AfterRun | undefined
  readonly isConnected: () => boolean
}

/** What is done with an account after its run. */
export interface AfterRun {
  /** Goes on with what an owner has left that is gone. */
  resume(accountId: BlinkId): Promise<void>
  isIdle(accountId: BlinkId): boolean
  /** Ends what is under way. */
  leave(accountId: BlinkId): void
}

/** The newest run that was brought to its end. */
type DoneRun = LeftAccount['run']

/** How often it is tried to acquire an account that another instance holds. */
const againMs = 1_000

/** Without a broker that takes anything for so long, another instance may have one. */
const patienceMs = 60_000

/** How long a look at what waits is away from the last one, at first and at most. */
const [firstLookMs, longestLookMs] = [25, 1_000]

/** How long a stop waits for the broker. */
const drainMs = 1_500

export class AccountWork {
  readonly #needs: AccountWorkNeeds
  /** The accounts in work here. */
  readonly #inWork = new Map<BlinkId, Stay>()
  /** The newest job of each account that has any: two at once would both use its refresh token. */
  readonly #turns = new Map<BlinkId, Promise<void>>()
  /** Accounts that were given back, with the last run of each, until their jobs have ended. */
  readonly #ending = new Map<BlinkId, number | undefined>()
  /** Those whose jobs have ended: what was asked for meanwhile has found the jobs still there. */
  readonly #left = new Map<BlinkId, number | undefined>()
  #hasLeft = false

  constructor(needs: AccountWorkNeeds) {
    this.#needs = needs
  }

  /** Whether events of an account were left to other instances. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  get inWork(): ReadonlySet<BlinkId> {
    return new Set(this.#inWork.keys())
  }

  /** The accounts whose jobs have ended since the last call, with the last run of each. */
  takeLeft(): ReadonlyMap<BlinkId, number | undefined> {
    const left = new Map(this.#left)
    this.#left.clear()
    return left
  }

  /** A job of this account is not there any more. */
  ended(accountId: BlinkId): void {
    if (!this.#ending.has(accountId)) return
    this.#left.set(accountId, this.#ending.get(accountId))
    this.#ending.delete(accountId)
  }

  /** Hands a command to its account; false where that is not in work here. */
  command(waiting: WaitingCommand): boolean {
    const stay = this.#inWork.get(waiting.accountId)
    stay?.command(waiting)
    return stay !== undefined
  }

  /** A scheduled run has begun: accounts in work take part in it while they stay. */
  runBegun(at: number): void {
    for (const stay of this.#inWork.values()) stay.runBegun(at)
  }

  /** Works on a job to its end; expected failures give it to somebody else. */
  async handle(job: Job): Promise<JobEnd> {
    const { clock, stopping } = this.#needs
    try {
      return await this.#handle(job)
    } catch (error) {
      if (stopping.aborted && error === stopping.reason) return 'again'
      if (!(error instanceof DaemonError)) throw error
      this.#needs.log.debug(
        { account_id: job.accountId, detail: error.message },
        'account given to another instance',
      )
      await clock.sleep(againMs, stopping).catch(() => undefined)
      return 'again'
    }
  }

  async #handle(job: Job): Promise<JobEnd> {
    const { accountId, task } = job
    const { parts, stopping } = this.#needs
    // The bridge looks again for whoever can.
    if (task.deliver && !parts.isConnected()) return 'done'
    const before = this.#turns.get(accountId)
    const over = Promise.withResolvers<void>()
    this.#turns.set(accountId, over.promise)
    try {
      await before
      stopping.throwIfAborted()
      return await this.#inTurn(job)
    } finally {
      if (this.#turns.get(accountId) === over.promise) this.#turns.delete(accountId)
      over.resolve()
    }
  }

  async #inTurn(job: Job): Promise<JobEnd> {
    const { accountId } = job
    const leased = await this.#acquire(job)
    if (!leased) return 'done'
    const stay = new Stay(this.#needs, leased)
    this.#inWork.set(accountId, stay)
    try {
      return await stay.work(job)
    } finally {
      this.#hasLeft ||= stay.hasLeft
      this.#inWork.delete(accountId)
      this.#ending.set(accountId, stay.lastRun)
    }
  }

  /** Waits while another instance holds the account, for as long as one that is dead would. */
  async #acquire({ accountId, task }: Job): Promise<LeasedAccount | undefined> {
    const { held, storage, clock, stopping } = this.#needs
    const giveUpAt = clock.elapsed() + held.leaseMs + againMs
    for (;;) {
      const leased = await held.acquire(accountId)
      if (leased !== 'held') return leased
      // Whoever lives and holds it sees runs and commands by itself.
      if (clock.elapsed() >= giveUpAt) return undefined
      const isForCommands = Object.keys(task).length === 0
      if (isForCommands && (await storage.commands.waiting([accountId])).length === 0) return undefined
      await clock.sleep(againMs, stopping)
    }
  }
}

/** One account, from its acquisition until it is given back. */
class Stay {
  readonly #needs: AccountWorkNeeds
  readonly #leased: LeasedAccount
  readonly #commands = new Map<string, Promise<void>>()
  /** The newest run, and when this account is requested in it by the clock that is never set. */
  #begun: { readonly at: number; readonly dueAt: number } | undefined
  #done: DoneRun
  /** The last run whose end is kept. */
  #keptRun: number | undefined
  #hasLeft = false
  #awake = Promise.withResolvers<void>()

  constructor(needs: AccountWorkNeeds, leased: LeasedAccount) {
    this.#needs = needs
    this.#leased = leased
  }

  get lastRun(): number | undefined {
    return this.#done?.at ?? this.#keptRun ?? this.#leased.lastRun
  }

  /** Whether events are left to others, since no broker took them. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  runBegun(at: number): void {
    const { clock, offsetOf } = this.#needs
    if (this.#begun?.at === at) return
    this.#begun = { at, dueAt: clock.elapsed() + offsetOf(this.#leased.accountId) }
    this.#awake.resolve()
  }

  command({ id, command }: WaitingCommand): void {
    if (this.#commands.has(id)) return
    const { registry, parts, storage } = this.#needs
    const account = registry.get(this.#leased.accountId)
    if (!account) return
    const work = async () => storage.commands.answer(id, await parts.carryOut(account, command))
    const done = work().catch((error: unknown) => {
      // Whoever holds the account next finds it unanswered.
      if (!(error instanceof StoreFailed)) throw error
    })
    this.#commands.set(id, done)
    this.#awake.resolve()
  }

  async work({ task, resumed }: Job): Promise<JobEnd> {
    const { registry, held, storage, parts, stopping } = this.#needs
    const { accountId } = this.#leased
    try {
      const account = await registry.take(this.#leased)
      if (resumed) await parts.clips?.resume(accountId)
      for (const waiting of await storage.commands.waiting([accountId])) this.command(waiting)
      if (this.#leased.isFresh || task.first) await parts.runner.runOne(account)
      if (task.run && !(await this.#run(account, task.run))) {
        await this.#giveBack()
        return 'again'
      }
      if (task.refresh) await this.#refresh(account)
      await this.#stay(account)
      await this.#giveBack()
      return 'done'
    } catch (error) {
      held.drop(accountId)
      registry.lose(accountId, error as Error)
      parts.clips?.leave(accountId)
      if (stopping.aborted && error === stopping.reason) return 'again'
      throw error
    }
  }

  /** False when a stop came before its end. */
  async #run(account: Account, run: FleetRun): Promise<boolean> {
    const { parts, storage, stopping } = this.#needs
    if (run.trigger !== 'once' && this.lastRun !== undefined && this.lastRun >= run.at) return true
    const report = await parts.runner.runShared(account, run, { marks: storage.marks })
    if (stopping.aborted) return false
    // Its reports are those of the store; another try may find it in order.
    const failure = report?.account.failure
    if (failure?.code === 'store_failed')
      throw new StoreFailed(failure.message, { remedy: failure.remedy ?? '' })
    account.lost.throwIfAborted()
    this.#needs.reported?.(account.accountId, report)
    // What a person has asked for is no part of the schedule.
    if (run.trigger === 'once') return true
    this.#done = { at: run.at, counts: countsOf(report) }
    return true
  }

  /** Before another run marks its requests: whoever takes over would take the one before for unfinished. */
  async #keepDone(): Promise<void> {
    if (!this.#done) return
    await this.#needs.held.finished(this.#leased.accountId, this.#done)
    this.#keptRun = this.#done.at
    this.#done = undefined
  }

  async #refresh(account: Account): Promise<void> {
    const { clock, stopping } = this.#needs
    try {
      await account.session.accessToken(stopping)
    } catch (error) {
      if (error instanceof LoginNeeded) account.become(error.code, explain(error, clock.now()))
      else if (!(error instanceof DaemonError) || error instanceof StoreFailed) throw error
    }
  }

  /** A stop gives what was just stored a moment to arrive, so that no other instance publishes it once more. */
  async #drain(accountId: BlinkId): Promise<void> {
    const { storage, clock } = this.#needs
    const until = clock.elapsed() + drainMs
    while (clock.elapsed() < until && (await storage.leases.waiting(accountId)) > 0)
      await clock.sleep(firstLookMs)
  }

  /** Resolves when there is nothing more to do for the account, or nobody here can. */
  async #stay(account: Account): Promise<void> {
    const { storage, parts, clock, stopping } = this.#needs
    const { accountId } = account
    let lookMs = firstLookMs
    let last = Number.POSITIVE_INFINITY
    let since = clock.elapsed()
    while (!stopping.aborted) {
      this.#awake = Promise.withResolvers<void>()
      account.lost.throwIfAborted()
      await Promise.all(this.#commands.values())
      const begun = this.#begun
      if (begun && begun.at > (this.lastRun ?? 0) && clock.elapsed() >= begun.dueAt) {
        await this.#keepDone()
        if (!(await this.#run(account, { trigger: 'schedule', at: begun.at }))) return
      }
      const left = await storage.leases.waiting(accountId)
      const isIdle = parts.clips?.isIdle(accountId) ?? true
      if (left === 0 && isIdle) return
      if (left < last) since = clock.elapsed()
      last = left
      if (left > 0 && isIdle && clock.elapsed() - since >= patienceMs) {
        this.#hasLeft = true
        return
      }
      const pause = new AbortController()
      const due = clock.sleep(lookMs, AbortSignal.any([stopping, pause.signal])).catch(() => undefined)
      await Promise.race([due, this.#awake.promise])
      pause.abort(new Error('awake'))
      lookMs = Math.min(lookMs * 2, longestLookMs)
    }
    await this.#drain(accountId)
  }

  async #giveBack(): Promise<void> {
    const { registry, held, parts } = this.#needs
    const { accountId } = this.#leased
    parts.clips?.leave(accountId)
    held.leave(accountId)
    await Promise.all(this.#commands.values())
    const left = await registry.release(accountId)
    const snapshot = left?.snapshot
    if (!snapshot) return
    await held.release(accountId, { snapshot, access: left.access, run: this.#done })
  }
}

function countsOf(report: AccountRunReport | undefined): Omit<RunCounts, 'elapsedMs'> {
  const counts = { requested: 0, failed: 0, skipped: 0 }
  for (const { kind } of report?.modules ?? []) counts[kind]++
  return counts
}
