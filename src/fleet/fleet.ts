/**
 * An instance of a fleet: daemons that share their accounts through one database.
 *
 * Each works on the accounts of the jobs that it gets, one of them is the bridge, and all show everything.
 */
import type { AccountRegistry } from '../accounts/registry.ts'
import type { CommandHandler } from '../commands/handler.ts'
import type { Settings } from '../config/settings.ts'
import type { FleetRun, SharedStorage, ShownAccounts } from '../domain/fleet.ts'
import type { BlinkId, DurableEvent } from '../domain/model.ts'
import { createNotifier, type Notifier } from '../domain/notifier.ts'
import type { LogLevel, Runtime } from '../domain/ports.ts'
import type { AccountRunResult } from '../scheduler/runner.ts'
import { offsetInWindow } from '../scheduler/timetable.ts'
import { openPostgresStorage } from '../storage/postgres/open.ts'
import { makeDirectory } from '../storage/state-files.ts'
import type { SharedPage } from '../web/web.ts'
import { AccountWork, type AccountWorkNeeds, type FleetParts } from './account-work.ts'
import { type AskingNeeds, askingHandler } from './asking.ts'
import { type BridgeConnectionNeeds, openBridgeConnection } from './bridge-connection.ts'
import { BridgeDuties } from './bridge-duties.ts'
import { FanOut } from './fan-out.ts'
import { keepName, takeName } from './instance.ts'
import { type Jobs, openJobs, type Worker } from './jobs.ts'
import { heldAccounts } from './leases.ts'
import { followLogLevel } from './log-level.ts'
import { Mirror } from './mirror.ts'
import { runOnce } from './once.ts'
import { sharedPage } from './page.ts'
import { Pulse } from './pulse.ts'

export interface FleetNeeds extends Runtime {
  readonly settings: Settings
  readonly notify: Notifier
  /** Whether this process stays: a single run has no name of its own and is never the bridge. */
  readonly isDaemon: boolean
}

/** What the bridge publishes beside the accounts. */
export type BridgeParts = Pick<BridgeConnectionNeeds, 'shown' | 'status' | 'handle'>

/** What commands need beside what the fleet has. */
type Asking = Omit<AskingNeeds, 'storage' | 'commands' | 'limits' | 'wake' | 'logLevel'> & {
  /** Of this instance. */
  readonly logLevel: { get(): LogLevel; set(level: LogLevel): void }
}

export interface Fleet {
  readonly storage: SharedStorage
  /** The name of this instance. */
  readonly name: string
  /** @throws LeaseLost when a request for this account, or these credentials, might not end within the lease */
  guard(account: string): void
  /** Does work that one instance does at a time. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Aborted when an event is no longer this instance's to publish; `undefined` when it is not. */
  holding(event: DurableEvent): AbortSignal | undefined
  /** Begins a run for all instances. */
  begin(run: FleetRun): Promise<void>
  /** Shows all accounts from now on. */
  show(registry: AccountRegistry): Promise<ShownAccounts>
  /** Notified of what other instances have done. */
  readonly elsewhere: Notifier
  /** Carries out commands for all accounts, whichever instances work on them. */
  handler(needs: Asking): CommandHandler
  /** What the pages of all instances have in common. */
  page(): SharedPage
  start(parts: FleetParts, bridge: BridgeParts): void
  /** One run of all accounts here. */
  once(parts: FleetParts): Promise<readonly AccountRunResult[]>
  /** Takes no more accounts; those in work end as soon as their runs do. */
  stopping(): void
  /** Resolves when all accounts are given back. */
  left(): Promise<void>
  /** Whether events of accounts that were in work here still wait for a broker. */
  isWaiting(): Promise<boolean>
  /** Ends everything, the database included. */
  stop(): Promise<void>
}

/**
 * Opens the database of the settings, and becomes one of those that share it.
 *
 * @throws ConfigInvalid while another instance of this name lives
 * @throws StoreFailed when the database cannot be used
 */
export async function openFleet(needs: FleetNeeds): Promise<Fleet> {
  const { settings, notify, clock, log } = needs
  const { url, key, schema } = settings.store
  if (!url || !key) throw new Error('store.url and store.key were to be checked')
  await makeDirectory(settings.dataDir)
  const storage = await openPostgresStorage({
    url,
    key,
    schema,
    isInstance: true,
    clock,
    log,
    observer: notify,
  })
  try {
    return await join({ ...needs, storage })
  } catch (error) {
    await storage.close()
    throw error
  }
}

async function join(needs: FleetNeeds & { readonly storage: SharedStorage }): Promise<Fleet> {
  const { settings, storage, notify, isDaemon, clock, log, fail } = needs
  const { leases, named, runs, commands } = storage
  const { accountsInWork } = settings.fleet
  // One that does not stay must not take the place of the daemon beside it, at the broker either.
  const name = isDaemon ? settings.fleet.instance : `${settings.fleet.instance}-${clock.uuid().slice(0, 8)}`
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
    jobs: { ready: () => jobs().ready(), run: (...all) => jobs().run(...all) },
    observer: notify,
    clock,
    log,
  })
  let setLevel: (level: LogLevel) => void = ignore
  let working: Promise<unknown> = Promise.resolve()
  let shown: Mirror | undefined
  let single: AccountWork | undefined

  function accountWork(parts: FleetParts, reported?: AccountWorkNeeds['reported']): AccountWork {
    if (!registry) throw new Error('accounts are not shown yet')
    const needs = { held, storage, registry, parts, reported, offsetOf, stopping: signal, clock, log }
    return new AccountWork(needs)
  }

  return {
    storage,
    name,
    elsewhere,
    guard(account) {
      if (registry?.unidentified.includes(account)) duties?.guard()
      else held.guard(account)
    },
    async alone(work) {
      while (!(await named.hold('alone', aloneMs))) await clock.sleep(aloneLookMs)
      return work().finally(() => named.free('alone'))
    },
    holding: ({ body: { accountId } }) => held.holding(accountId),
    begin: (run) => fanOut.begin(run, signal),
    async show(all) {
      registry = all
      shown = new Mirror({ storage, registry, elsewhere, clock })
      await shown.open()
      return shown
    },
    handler(asked) {
      setLevel = asked.logLevel.set
      return askingHandler({
        ...{ ...asked, storage, commands, limits: storage.callers },
        logLevel: {
          get: asked.logLevel.get,
          async set(level: LogLevel) {
            await storage.logLevel.set(level)
            asked.logLevel.set(level)
          },
        },
        wake: (accountIds) => jobs().wake(accountIds),
      })
    },
    page: () =>
      sharedPage({
        ...{ storage, key: settings.store.key, instance: name },
        accountsInWork: () => registry?.accounts.length ?? 0,
        holdsBridge: () => duties?.holdsBridge ?? false,
      }),
    start(parts, bridge) {
      if (!registry || !shown) throw new Error('accounts are not shown yet')
      const work = accountWork(parts)
      duties = new BridgeDuties({
        ...needs,
        name,
        registry,
        jobs: jobs(),
        fanOut,
        openBridge: () => openBridgeConnection({ ...needs, ...bridge }),
      })
      notify.add(duties.fromHere)
      elsewhere.add(duties.fromElsewhere)
      const pulse = new Pulse({ runs, commands, jobs: jobs(), work, clock })
      const handle: Worker['handle'] = async (job) => {
        try {
          return await work.handle(job)
        } catch (error) {
          fail(error)
          return 'again'
        }
      }
      const ended: Worker['ended'] = (accountId) => work.ended(accountId)
      working = jobs().work({ handle, ended }, signal).catch(fail)
      keep(held.keep(over.signal))
      keep(shown.follow(over.signal))
      keep(pulse.beat(over.signal))
      keep(duties.keep(signal))
      const apply = (level: LogLevel) => {
        setLevel(level)
        notify.settingsChanged('log_level')
      }
      keep(followLogLevel({ shared: storage.logLevel, apply, clock }, over.signal))
    },
    async once(parts) {
      if (!shown) throw new Error('accounts are not shown yet')
      keep(held.keep(over.signal))
      const ending = runOnce({
        ...{ accounts: shown.accounts.map(({ accountId }) => accountId), places: accountsInWork },
        work: (reported) => (single = accountWork(parts, reported)),
        ...{ observer: notify, clock },
      })
      working = ending.catch(ignore)
      return ending
    },
    stopping: () => stopping.abort(new Error('stopped')),
    async left() {
      await working
    },
    isWaiting: async () => single?.hasLeft === true && (await storage.outbox.count()) > 0,
    async stop() {
      stopping.abort(new Error('stopped'))
      await working
      over.abort(new Error('stopped'))
      await Promise.all(kept)
      await opened?.close()
      await storage.close()
    },
  }
}

/** How long others wait for one that was killed at such work, and how often they look. */
const [aloneMs, aloneLookMs] = [30_000, 200]

function ignore(): void {}
