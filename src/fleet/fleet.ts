/**
 * An instance of a fleet: daemons that share their accounts through one database.
 *
 * Each works on the accounts of the jobs that it gets, one of them is the bridge, and all show everything.
 */
import type { AccountRegistry } from '../accounts/registry.ts'
import type { Settings } from '../config/settings.ts'
import type { FleetRun, SharedStorage, ShownAccounts } from '../domain/fleet.ts'
import type { BlinkId, DurableEvent } from '../domain/model.ts'
import { createNotifier, type Notifier } from '../domain/notifier.ts'
import type { Observer, Runtime } from '../domain/ports.ts'
import type { AccountRunResult } from '../scheduler/runner.ts'
import { offsetInWindow } from '../scheduler/timetable.ts'
import { AccountWork, type WorkNeeds } from './account-work.ts'
import { BridgeDuties } from './bridge-duties.ts'
import { FanOut } from './fan-out.ts'
import { keepName, takeName } from './instance.ts'
import { type Jobs, openJobs } from './jobs.ts'
import { heldAccounts } from './leases.ts'
import { Mirror } from './mirror.ts'
import { runOnce } from './once.ts'
import { Pulse } from './pulse.ts'

export interface FleetNeeds extends Runtime {
  readonly settings: Pick<Settings, 'blink' | 'fleet' | 'schedule'>
  readonly storage: SharedStorage
  readonly notify: Notifier
  /** Whether this process stays: a single run has no name of its own and is never the bridge. */
  readonly isDaemon: boolean
}

/** What the rest of the daemon does for the fleet. */
export interface FleetParts extends Pick<WorkNeeds, 'runner' | 'carryOut' | 'clips' | 'isConnected'> {
  /** Begins to do what is done once for all accounts; returns what ends it. */
  readonly openBridge: () => Promise<OpenedBridge>
}

export interface OpenedBridge {
  readonly observer: Required<Observer>
  close(options: { readonly isFollowed: boolean }): Promise<void>
}

export interface Fleet {
  /** @throws LeaseLost when a request for this account, or these credentials, might not end within the lease */
  guard(account: string): void
  /** Aborted when an event is no longer this instance's to publish; `undefined` when it is not. */
  holding(event: DurableEvent): AbortSignal | undefined
  /** Begins a run for all instances. */
  begin(run: FleetRun): Promise<void>
  /** Shows all accounts from now on. */
  show(registry: AccountRegistry): Promise<ShownAccounts>
  /** Notified of what other instances have done. */
  readonly elsewhere: Notifier
  /** Has accounts taken that nobody works on. */
  wake(accountIds: readonly BlinkId[]): Promise<void>
  start(parts: FleetParts): void
  /** One run of all accounts here. */
  once(parts: Omit<FleetParts, 'openBridge'>): Promise<readonly AccountRunResult[]>
  /** Takes no more accounts; those in work end as soon as their runs do. */
  stopping(): void
  /** Resolves when all accounts are given back and nothing of the fleet is used any more. */
  stop(): Promise<void>
}

/** @throws ConfigInvalid while another instance of this name lives */
export async function openFleet(needs: FleetNeeds): Promise<Fleet> {
  const { settings, storage, notify, isDaemon, clock, log, fail } = needs
  const { leases, named, runs, commands, marks } = storage
  const { instance: name, accountsInWork } = settings.fleet
  const stopping = new AbortController()
  const { signal } = stopping
  /** Aborted when all accounts are given back. */
  const over = new AbortController()
  const kept: Promise<void>[] = []
  const keep = (work: Promise<void>) => void kept.push(work.catch(fail))
  if (isDaemon) {
    await takeName({ named, name, clock, log })
    keep(keepName({ named, name, clock }, over.signal))
  }

  const elsewhere = createNotifier(log)
  let registry: AccountRegistry | undefined
  let duties: BridgeDuties | undefined
  const requestMs = settings.blink.timeoutSeconds * 1000
  const held = heldAccounts({ leases, requestMs, clock, log }, (accountId, reason) =>
    registry?.lose(accountId, reason),
  )
  const windowMs = settings.schedule.spreadSeconds * 1000
  const offsetOf = (accountId: BlinkId) => offsetInWindow(accountId, windowMs)
  let opened: Jobs | undefined
  const jobs = () =>
    (opened ??= openJobs({
      sql: storage.queue,
      schema: storage.schema,
      places: accountsInWork,
      offsetOf,
      clock,
      log,
    }))
  const fanOut = new FanOut({
    runs,
    jobs: { run: (...all) => jobs().run(...all) },
    observer: notify,
    clock,
    log,
  })
  let working: Promise<unknown> = Promise.resolve()
  let shown: Mirror | undefined

  function accountWork(parts: Omit<FleetParts, 'openBridge'>, reported?: WorkNeeds['reported']): AccountWork {
    if (!registry) throw new Error('accounts are not shown yet')
    return new AccountWork({
      ...{ ...parts, held, marks, commands, registry, offsetOf, stopping: signal, clock, log },
      ...(reported && { reported }),
      waiting: (accountId) => leases.waiting(accountId),
      passOn: (accountId, afterMs) => {
        if (isDaemon) jobs().wake([accountId], { deliver: true }, afterMs).catch(ignore)
      },
    })
  }

  return {
    elsewhere,
    guard(account) {
      if (registry?.unidentified.includes(account)) duties?.guard()
      else held.guard(account)
    },
    holding: ({ body: { accountId } }) => held.holding(accountId),
    begin: (run) => fanOut.begin(run, signal),
    async show(all) {
      registry = all
      shown = new Mirror({ storage, registry, elsewhere, clock })
      await shown.open()
      return shown
    },
    wake: (accountIds) => jobs().wake(accountIds),
    start(parts) {
      if (!registry || !shown) throw new Error('accounts are not shown yet')
      const work = accountWork(parts)
      duties = new BridgeDuties({
        ...needs,
        name,
        registry,
        jobs: jobs(),
        fanOut,
        elsewhere,
        openBridge: parts.openBridge,
      })
      const pulse = new Pulse({ runs, commands, jobs: jobs(), work, clock })
      const handle: Parameters<Jobs['work']>[0] = async (job) => {
        try {
          return await work.handle(job)
        } catch (error) {
          fail(error)
          return 'again'
        }
      }
      working = jobs().work(handle, signal).catch(fail)
      keep(held.keep(over.signal))
      keep(shown.follow(over.signal))
      keep(pulse.beat(over.signal))
      keep(duties.keep(signal))
    },
    async once(parts) {
      if (!shown) throw new Error('accounts are not shown yet')
      keep(held.keep(over.signal))
      const ending = runOnce({
        ...{ accounts: shown.accounts.map(({ accountId }) => accountId), places: accountsInWork },
        ...{ work: (reported) => accountWork(parts, reported), observer: notify, clock },
      })
      working = ending.catch(ignore)
      return ending
    },
    stopping: () => stopping.abort(new Error('stopped')),
    async stop() {
      stopping.abort(new Error('stopped'))
      await working
      over.abort(new Error('stopped'))
      await Promise.all(kept)
      await opened?.close()
    },
  }
}

function ignore(): void {}
