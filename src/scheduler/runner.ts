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
import { iso } from '../domain/clock.ts'
import type {
  AccountRunReport,
  AccountStatus,
  Failure,
  ModuleReport,
  Run,
  Selection,
  Trigger,
} from '../domain/model.ts'
import type { Log, Observer } from '../domain/ports.ts'
import { leastPauseMs } from '../domain/retry-policy.ts'
import { type AccountRunNeeds, runAccount } from './account-run.ts'
import type { RecentRequests } from './recent-requests.ts'
import type { Timetable } from './timetable.ts'

export interface RunnerNeeds extends Omit<AccountRunNeeds, 'skipReason' | 'observer'> {
  readonly registry: Pick<AccountRegistry, 'accounts' | 'identify'>
  readonly recent: RecentRequests
  readonly times: Timetable
  /** Requests in flight over all accounts. */
  readonly concurrency: number
  readonly observer: Required<Observer>
  readonly log: Log
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
  const { registry, recent, times, observer, clock, log, stopping } = needs
  const places = needs.concurrency * accountsForEachRequest
  const limit = pLimit(places)
  const running = new Set<Promise<unknown>>()
  const inScheduledRun = new WeakSet<Account>()
  const hadScheduledRun = new WeakSet<Account>()
  /** When an account's run failed last, by the clock's elapsed milliseconds. */
  const failedAt = new WeakMap<Account, number>()
  const runNeeds: AccountRunNeeds = {
    ...needs,
    skipReason: (module, trigger) => recent.skipReason(module, trigger),
    observer: {
      ...observer,
      moduleFinished(report, run) {
        recent.requested(run.trigger)
        observer.moduleFinished(report, run)
      },
    },
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

  async function scheduled(account: Account, run: Run): Promise<AccountRunReport | undefined> {
    const offsetMs = run.trigger === 'schedule' ? times.offsetOf(account.accountId) : 0
    if (offsetMs > 0 && !(await comesInTime(offsetMs))) return undefined
    const isOver = () => stopping.aborted || account.removed.aborted
    if (isOver()) return undefined
    if (run.trigger === 'schedule') hadScheduledRun.add(account)
    if (inScheduledRun.has(account)) {
      const fields = { account_id: account.accountId, tick: run.tickId }
      log.warn(fields, 'run skipped: the previous one is still running')
      return undefined
    }
    inScheduledRun.add(account)
    try {
      return await account.exclusively(async () => {
        const begun = clock.elapsed()
        await restAfterFailure(account)
        return limit(async () => {
          if (isOver()) return undefined
          const isAnswered = await recent.isAnswered(account.accountId, run.trigger)
          const budgetMs = run.budgetMs - (clock.elapsed() - begun)
          const selection = isAnswered ? nothingNew : undefined
          const report = await runAccount(account, { run: { ...run, budgetMs }, selection }, runNeeds)
          if (hasFailed(report)) failedAt.set(account, clock.elapsed())
          return report
        })
      })
    } finally {
      inScheduledRun.delete(account)
    }
  }

  async function atStart(account: Account, run: Run): Promise<AccountRunReport | undefined> {
    // To know takes a write of the disk at least, and a scheduled run that came meanwhile has requested already.
    const may = (await recent.mayStart(account.accountId)) && !hadScheduledRun.has(account)
    return may ? scheduled(account, run) : undefined
  }

  async function commanded({ account, choose }: Choice, run: Run): Promise<AccountRunReport | undefined> {
    if (stopping.aborted) return undefined
    return account.exclusively(async () => {
      const selection = stopping.aborted ? undefined : await choose()
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

  /** Accounts whose id was not known may have become active before the run begins. */
  async function identified(run: Run) {
    if (stopping.aborted) return []
    const may = (key: string) => (run.trigger === 'start' ? recent.mayStart(key) : Promise.resolve(true))
    return registry.identify(needs.abort, may)
  }

  return {
    async run(trigger, at = clock.now()) {
      const run = runOf(trigger, at)
      const work = trigger === 'start' ? atStart : scheduled
      await track(
        identified(run).then(() =>
          runAll(
            run,
            () => shuffled().map((one) => work(one, run)),
            () => true,
          ),
        ),
      )
    },
    once() {
      const run = runOf('once', clock.now())
      return track(
        identified(run).then(async (unidentified) => {
          const reports = await runAll(run, () => shuffled().map((one) => scheduled(one, run)), resultOf)
          const failed = unidentified.map(({ key, ...rest }) => ({
            account: key,
            report: undefined,
            ...rest,
          }))
          return [...reports, ...failed]
        }),
      )
    },
    async runOne(account) {
      const run = runOf('start', clock.now())
      await track(
        runAll(
          run,
          () => [scheduled(account, run)],
          () => true,
        ),
      )
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
