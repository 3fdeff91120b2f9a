/**
 * Everything about when the cloud is requested: the schedule, the runs, and what keeps them apart.
 */
import type { Account } from '../accounts/account.ts'
import type { AccountRegistry } from '../accounts/registry.ts'
import type { Settings } from '../config/settings.ts'
import { iso } from '../domain/clock.ts'
import type { FleetRun } from '../domain/fleet.ts'
import type { BlinkId } from '../domain/model.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { Observer, Runtime, Storage } from '../domain/ports.ts'
import { type Schedule, startSchedule } from './cron.ts'
import { runLog } from './run-log.ts'
import { createRunner, type Runner } from './runner.ts'
import { nextRunOf, type Timetable, timetable } from './timetable.ts'

export interface SchedulerNeeds extends Runtime {
  readonly settings: Pick<Settings, 'blink' | 'modules' | 'request' | 'schedule'>
  readonly storage: Storage
  readonly registry: AccountRegistry
  readonly notify: Notifier
  /** Begins a run where the accounts are shared with other instances; absent where all of them are here. */
  readonly begin?: ((run: FleetRun) => Promise<void>) | undefined
}

export interface Scheduler {
  readonly times: Timetable
  /** When an account is requested next, and how often; none while the schedule is not running. */
  nextRun(accountId: BlinkId): ReturnType<typeof nextRunOf>
  /** Logs runs and requests. */
  readonly observer: Observer
  readonly command: Runner['command']
  readonly once: Runner['once']
  readonly runShared: Runner['runShared']
  readonly runOne: Runner['runOne']
  /** Runs by the schedule from now on, and one at once where the settings say so; of so many accounts, for the log. */
  start(accounts: number): void
  /** Runs an account that has just been added, or has new credentials. */
  runNow(account: Account): void
  /** Aborted when nothing more is requested. */
  readonly stopping: AbortSignal
  /** Starts nothing more; waits a moment for requests in flight, then ends them. */
  stop(): Promise<void>
}

/** How long a stop waits for requests in flight, and then for them to be aborted. */
const [flightMs, abortMs] = [3_000, 1_000]

export function openScheduler(needs: SchedulerNeeds): Scheduler {
  const { settings, storage, registry, notify, clock, log, fail } = needs
  const { cron, timezone, spreadSeconds, onStart } = settings.schedule
  const stopping = new AbortController()
  const abort = new AbortController()
  let schedule: Schedule | undefined
  // Each instance knows some of the accounts, and an offset must be the same at all of them.
  const names = () => (needs.begin ? [] : registry.accounts.map(({ accountId }) => accountId))
  const times = timetable({ next: () => schedule?.next() ?? [] }, names, spreadSeconds * 1000)
  const signals = { stopping: stopping.signal, abort: abort.signal }
  const runner = createRunner({
    ...{ settings, storage, registry, times, observer: notify, signals, clock, log },
    isShared: needs.begin !== undefined,
  })

  return {
    times,
    nextRun: (accountId) => nextRunOf(times, accountId, clock.now()),
    observer: runLog(clock, log),
    command: runner.command,
    once: runner.once,
    runShared: runner.runShared,
    runOne: runner.runOne,
    stopping: stopping.signal,
    start(accounts) {
      const onRun = (at: number) => {
        const begun = needs.begin?.({ trigger: 'schedule', at }) ?? runner.run('schedule', at)
        begun.then(() => notify.settingsChanged('schedule'), fail)
      }
      const onJump = () => notify.settingsChanged('clock')
      const { lastRun } = storage
      schedule = startSchedule({ expression: cron, timezone, onRun, onJump, lastRun, clock, log })
      const next = times.next()[0]
      log.info({ accounts, cron, timezone, next: next && iso(next) }, 'started')
      notify.settingsChanged('schedule')
      if (onStart && !needs.begin) runner.run('start').catch(fail)
    },
    runNow(account) {
      runner.runOne(account).catch(fail)
    },
    async stop() {
      await schedule?.stop()
      stopping.abort(new Error('stopped'))
      await within(runner.idle(), flightMs)
      abort.abort(new Error('stopped'))
      await within(runner.idle(), abortMs)
    },
  }

  /** Resolves when `work` has ended in either way, or after `ms`. */
  async function within(work: Promise<unknown>, ms: number): Promise<void> {
    const ended = new AbortController()
    const done = work.catch(() => undefined).finally(() => ended.abort())
    await Promise.race([done, clock.sleep(ms, ended.signal).catch(() => undefined)])
  }
}
