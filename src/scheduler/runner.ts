/**
 * The runs of all accounts: each account at its own offset after the scheduled time, none twice at the same time, all
 * of them bounded.
 *
 * What a run knows of an account's sync modules is in memory until its account run is over. If the accounts of a fleet
 * all began at once, all of that would be there at once while their requests waited for each other anyway. So as many
 * begin as keep the cloud and the disk busy.
 */
import pLimit from 'p-limit'
import type { Account } from '../accounts/account.ts'
import type { AccountRegistry } from '../accounts/registry.ts'
import type { Settings } from '../config/settings.ts'
import { iso } from '../domain/clock.ts'
import type { EligibilityRules } from '../domain/eligibility.ts'
import { DaemonError } from '../domain/errors.ts'
import { accountStatusOf, explain } from '../domain/failure.ts'
import type { FleetRun } from '../domain/fleet.ts'
import type {
  AccountRunReport,
  AccountStatus,
  Failure,
  ModuleReport,
  Run,
  Selection,
  Trigger,
} from '../domain/model.ts'
import type { Observer, Runtime, Storage } from '../domain/ports.ts'
import { leastPauseMs } from '../domain/retry-policy.ts'
import { type AccountRunNeeds, type Resumable, runAccount } from './account-run.ts'
import { type RecentNeeds, recentRequests } from './recent-requests.ts'
import type { Timetable } from './timetable.ts'

export interface RunnerNeeds extends Pick<Runtime, 'clock' | 'log'> {
  readonly settings: {
    readonly blink: Pick<Settings['blink'], 'concurrency' | 'perAccount'>
    readonly modules: EligibilityRules
    readonly request: Pick<Settings['request'], 'ttlSeconds'>
  }
  readonly storage: RecentNeeds['storage'] & Pick<Storage, 'ledger'>
  readonly registry: Pick<AccountRegistry, 'accounts' | 'unidentified' | 'identify'>
  readonly times: Timetable
  readonly observer: Required<Observer>
  readonly signals: AccountRunNeeds['signals']
  /** Whether other instances request for the same accounts. */
  readonly isShared?: boolean
}

/** The result of an account run; without a report when not even the account's id could be learned. */
export interface AccountRunResult {
  /** The account's id, or the key of credentials whose account is not known. */
  readonly account: string
  readonly report: AccountRunReport | undefined
  readonly failure: Failure | undefined
  readonly status: AccountStatus
}

/** Some modules of an account, chosen when the account is free. */
export interface Choice {
  readonly account: Account
  readonly choose: () => Promise<Selection | undefined>
}

export interface Runner {
  /** A run of all accounts. Only a scheduled one has offsets, and only one at startup may have to wait. */
  run(trigger: 'schedule' | 'start', at?: number): Promise<void>
  /** A run of all accounts, with its results. */
  once(): Promise<readonly AccountRunResult[]>
  /** Requests some modules of some accounts now, after what is under way. */
  command(choices: readonly Choice[]): Promise<readonly AccountRunResult[]>
  /** One account's part of a run that several instances share; nothing when a run at startup need not request it. */
  runShared(account: Account, run: FleetRun, shared: Resumable): Promise<AccountRunReport | undefined>
  /** A run of one account that has just been added. */
  runOne(account: Account): Promise<void>
  /** Resolves when no run is under way. */
  idle(): Promise<void>
}

/** No run goes on longer than this, however rare the scheduled times are. */
const longestRunMs = 15 * 60_000

/** Long enough for all tries of a busy module, short enough for a person who waits for the answer. */
const commandBudgetMs = 60_000

/** An offset that is over so late by the wall clock was slept through, and not only waited for. */
const sleptMs = 60_000

/** Beside the accounts whose requests are in flight there are those whose answers are being stored. */
const accountsForEachRequest = 4

/** A run ends a little before the next one, which then finds it done: a second, or a tenth of a short interval. */
const margin = (intervalMs: number) => Math.min(1_000, intervalMs / 10)

/** Each module is reported as requested a moment ago. */
const nothingNew: Selection = { list: false, wants: () => true }

export function createRunner(needs: RunnerNeeds): Runner {
  const { settings, storage, registry, times, observer, signals, clock, log } = needs
  const { concurrency, perAccount: parallel } = settings.blink
  const { stopping, abort } = signals
  const isShared = needs.isShared ?? false
  const recent = recentRequests({
    ...{ storage, rules: settings.modules, times, clock, log, stopping, isShared },
  })
  const places = concurrency * accountsForEachRequest
  const limit = pLimit(places)
  const running = new Set<Promise<unknown>>()
  const inScheduledRun = new WeakSet<Account>()
  const hadScheduledRun = new WeakSet<Account>()
  /** When an account's run failed last, by the clock's elapsed milliseconds. */
  const failedAt = new WeakMap<Account, number>()
  const runNeeds: AccountRunNeeds = {
    ledger: storage.ledger,
    skipReason: (module, trigger) => recent.skipReason(module, trigger),
    request: { ttlMs: settings.request.ttlSeconds * 1000, parallel },
    observer: {
      ...observer,
      moduleFinished(report, run) {
        recent.requested(run.trigger)
        observer.moduleFinished(report, run)
      },
    },
    signals,
    clock,
  }

  /** Waits for the offset; false when the computer slept so long that the next run came or is made up for. */
  async function comesInTime(offsetMs: number): Promise<boolean> {
    const [since, [next = Number.POSITIVE_INFINITY]] = [clock.now(), times.next()]
    await clock.sleep(offsetMs, stopping).catch(() => undefined)
    return clock.now() < next || clock.now() - since - offsetMs < sleptMs
  }

  /** A run at startup may fail a moment before a scheduled one, which must not request in the same moment. */
  async function restAfterFailure(account: Account): Promise<void> {
    const restMs = (failedAt.get(account) ?? Number.NEGATIVE_INFINITY) + leastPauseMs - clock.elapsed()
    if (restMs > 0) await clock.sleep(restMs, stopping).catch(() => undefined)
  }

  /** Waits until a run may begin with an account, by its id or its credentials' key; false when another run does. */
  function comes(name: string, { trigger }: Run): Promise<boolean> {
    if (trigger === 'start') return recent.mayStart(name)
    const offsetMs = trigger === 'schedule' ? times.offsetOf(name) : 0
    return offsetMs > 0 ? comesInTime(offsetMs) : Promise.resolve(true)
  }

  async function all(account: Account, run: Run): Promise<AccountRunReport | undefined> {
    if (!(await comes(account.accountId, run)) || isOver(account)) return undefined
    if (run.trigger === 'schedule') hadScheduledRun.add(account)
    // Whether it may start takes a write to the disk at least, and a scheduled run that came meanwhile has requested.
    else if (run.trigger === 'start' && hadScheduledRun.has(account)) return undefined
    if (inScheduledRun.has(account)) {
      const fields = { account_id: account.accountId, run: run.tickId }
      log.warn(fields, 'run skipped: the previous one is still running')
      return undefined
    }
    inScheduledRun.add(account)
    try {
      return await inTurn(account, run)
    } finally {
      inScheduledRun.delete(account)
    }
  }

  /** The same for credentials whose account the cloud has to name first. */
  async function unidentified(key: string, run: Run): Promise<AccountRunReport | undefined> {
    if (!(await comes(key, run)) || stopping.aborted) return undefined
    const account = await limit(() => registry.identify(key, abort))
    if (!account) return undefined
    // By its id as well, or a restart would not know that it was requested.
    if (run.trigger === 'start' && !(await recent.mayStart(account.accountId))) return undefined
    return inTurn(account, run)
  }

  /** Behind what is under way for the account. */
  async function inTurn(
    account: Account,
    run: Run,
    shared?: Resumable,
  ): Promise<AccountRunReport | undefined> {
    return account.exclusively(async () => {
      const begun = clock.elapsed()
      await restAfterFailure(account)
      return limit(async () => {
        if (isOver(account)) return undefined
        const isAnswered = await recent.isAnswered(account.accountId, run.trigger)
        const budgetMs = run.budgetMs - (clock.elapsed() - begun)
        const selection = isAnswered ? nothingNew : undefined
        const report = await runAccount(account, { run: { ...run, budgetMs }, selection, shared }, runNeeds)
        if (hasFailed(report)) failedAt.set(account, clock.elapsed())
        return report
      })
    })
  }

  function isOver({ removed }: Account): boolean {
    return stopping.aborted || removed.aborted
  }

  async function commanded({ account, choose }: Choice, run: Run): Promise<AccountRunReport | undefined> {
    return account.exclusively(async () => {
      const selection = isOver(account) ? undefined : await choose()
      return selection && runAccount(account, { run, selection }, runNeeds)
    })
  }

  /** Counts the results, and keeps only what `take` makes of each account run: those of a fleet are many. */
  async function runAll<T>(
    run: Run,
    begin: () => readonly Promise<AccountRunReport | undefined>[],
    take: (report: AccountRunReport) => T,
  ): Promise<readonly T[]> {
    const begun = clock.elapsed()
    const counts = { requested: 0, failed: 0, skipped: 0 }
    const taken: T[] = []
    const count = async (reporting: Promise<AccountRunReport | undefined>) => {
      const report = await reporting
      if (!report) return
      for (const { kind } of report.modules) counts[kind]++
      taken.push(take(report))
    }
    // Each by itself as well: where one ends with an error, the others go on, and a stop waits for them.
    await Promise.all(begin().map((reporting) => track(count(reporting))))
    // Where the previous run is still under way everywhere, this one has not happened.
    if (taken.length > 0) observer.runFinished(run, { ...counts, elapsedMs: clock.elapsed() - begun })
    return taken
  }

  function track<T>(work: Promise<T>): Promise<T> {
    running.add(work)
    work.finally(() => running.delete(work)).catch(() => undefined)
    return work
  }

  function runOf(trigger: Trigger, at: number): Run {
    const intervalMs = times.intervalMs() ?? longestRunMs
    return { tickId: iso(at), trigger, budgetMs: Math.min(intervalMs - margin(intervalMs), longestRunMs) }
  }

  /** @param failed called for credentials whose account could not be learned */
  function allOf(run: Run, failed: (result: AccountRunResult) => void) {
    const identify = async (key: string) => {
      try {
        return await unidentified(key, run)
      } catch (error) {
        if (abort.aborted && error === abort.reason) return undefined
        if (!(error instanceof DaemonError)) throw error
        const [status, failure] = [accountStatusOf(error), explain(error, clock.now())]
        failed({ account: key, report: undefined, status, failure })
        return undefined
      }
    }
    return () => [...shuffled().map((account) => all(account, run)), ...registry.unidentified.map(identify)]
  }

  return {
    async run(trigger, at = clock.now()) {
      const run = runOf(trigger, at)
      observer.runStarted(run, clock.now() - at)
      await track(runAll(run, allOf(run, ignore), ignore))
    },
    async once() {
      const run = runOf('once', clock.now())
      const failed: AccountRunResult[] = []
      const begin = allOf(run, (result) => failed.push(result))
      return [...(await track(runAll(run, begin, resultOf))), ...failed]
    },
    runShared(account, { trigger, at }, shared) {
      const work = async () => {
        if (trigger === 'start' && !(await recent.mayStart(account.accountId))) return undefined
        return inTurn(account, runOf(trigger, at), shared)
      }
      return track(work())
    },
    async runOne(account) {
      const run = runOf('start', clock.now())
      await track(runAll(run, () => [inTurn(account, run)], ignore))
    },
    command(choices) {
      const run = { tickId: iso(clock.now()), trigger: 'command', budgetMs: commandBudgetMs } as const
      return track(runAll(run, () => choices.map((choice) => commanded(choice, run)), resultOf))
    },
    async idle() {
      await Promise.allSettled(running)
    },
  }

  /** By chance, or where time is short the same accounts would always come too late. */
  function shuffled(): readonly Account[] {
    if (registry.accounts.length <= places) return registry.accounts
    const all = registry.accounts.map((account) => ({ account, place: clock.random() }))
    return all.sort((one, other) => one.place - other.place).map(({ account }) => account)
  }
}

function resultOf(report: AccountRunReport): AccountRunResult {
  const { status, failure } = report.account
  return { account: report.accountId, report, failure, status }
}

/** Whether anything that was requested did not come. */
function hasFailed({ account, modules }: AccountRunReport): boolean {
  return account.failure !== undefined || modules.some(isFailedAttempt)
}

function isFailedAttempt({ kind, attempts }: ModuleReport): boolean {
  return kind === 'failed' && attempts > 0
}

function ignore(): void {}
