/**
 * The floor plan: builds every part once, in order; stop is the reverse.
 *
 *   schedule -> account -> tick -> ledger and outbox -> deliver -> broker
 *
 * The two halves share nothing but the outbox: a dead broker never delays a tick, a dead cloud never delays a
 * delivery. Whatever is thrown that nobody expects reaches `failed`.
 */

import { type Account, type AccountTick, openAccount } from './accounts/account.ts'
import { openClouds, type Way } from './accounts/contexts.ts'
import { followLogins } from './accounts/credential-watcher.ts'
import { keepFresh } from './accounts/idle-refresh.ts'
import { type Household, openHousehold } from './accounts/registry.ts'
import { heapFitter } from './cli/heap.ts'
import { obeyer } from './commands/handler.ts'
import { healthOf } from './commands/health.ts'
import type { Settings } from './config/load.ts'
import { type Clock, iso } from './domain/clock.ts'
import { StoreFailed } from './domain/errors.ts'
import type { ModuleReport, WorkItem } from './domain/model.ts'
import type { Log, LogLevel, Outbox } from './domain/ports.ts'
import type { Broker } from './mqtt/client.ts'
import type { EmbeddedBroker } from './mqtt/embedded.ts'
import { type Schedule, startSchedule } from './scheduler/cron.ts'
import { spreadOver } from './scheduler/jitter.ts'
import { askedRecently } from './scheduler/recent-requests.ts'
import { ticksOf } from './scheduler/runner.ts'
import { turnsFor } from './scheduler/turns.ts'
import { beat } from './storage/heartbeat.ts'
import { keepInPlace, openStores } from './storage/open.ts'
import { openDesk } from './topics/command-subscriber.ts'
import { openPublishing } from './topics/publishing.ts'

export interface DaemonNeeds {
  readonly settings: Settings
  /** The settings as `bridge/info` may show them, without secrets. */
  readonly shownSettings: Readonly<Record<string, unknown>>
  readonly version: string
  readonly clock: Clock
  /** With a level when that may be changed while running. */
  readonly log: Log & { level?: LogLevel }
  /** Whether to be there for others: discovered by Home Assistant, and commanded. Not for a single tick. */
  readonly attended?: boolean
  /** Told of each module as its turn is over. */
  readonly tell?: (report: ModuleReport) => void
  /** Told of each request ID that the broker has acknowledged. */
  readonly delivered?: (item: WorkItem) => void
}

export interface Daemon {
  readonly accounts: readonly Account[]
  readonly broker: Broker
  readonly embedded: EmbeddedBroker | undefined
  /** Ticks by the schedule from now on, and one at once where the settings say so. */
  start(): Promise<void>
  /** One tick of all accounts, not spread. */
  once(): Promise<readonly AccountTick[]>
  /** How many request IDs wait for the broker. */
  waiting(): number
  /** How many sync modules are known. */
  moduleCount(): number
  /** Resolves when everything has been acknowledged; rejects when `signal` is aborted first. */
  drained(signal: AbortSignal): Promise<void>
  /** Rejects when something happened that nobody expected; never resolves. */
  readonly failed: Promise<never>
  /** Ends within ten seconds and loses nothing; safe to call twice. */
  stop(): Promise<void>
}

/** How long a stop waits for requests in flight to come home, to be cut off, and for deliveries. */
const patience = { homeMs: 3_000, cutMs: 1_000, drainMs: 1_500 }

/** How often a drain looks again. */
const lookMs = 20

/**
 * Opens the daemon's parts; nothing is asked of the cloud before `start` or `tick`.
 *
 * @throws ConfigInvalid, AlreadyRunning or StoreFailed, with everything opened so far closed again
 */
export async function openDaemon(needs: DaemonNeeds): Promise<Daemon> {
  await using opened = new AsyncDisposableStack()
  const { settings, clock, log } = needs
  const begun = clock.elapsed()
  const stopping = new AbortController()
  const abort = new AbortController()
  const { promise: failed, reject: fail } = Promise.withResolvers<never>()
  failed.catch(() => undefined)

  const stores = await openStores(settings.dataDir, clock, log)
  opened.defer(() => stores.database.close())
  const clouds = await openClouds({ settings, stores, clock, log })
  opened.defer(() => clouds.close())

  let schedule: Schedule | undefined
  let household: Household | undefined
  const here = () => household?.accounts ?? []
  const slots = () => schedule?.next() ?? []
  const names = () => here().map(({ accountId, loginKey }) => accountId ?? loginKey)
  const offsetOf = spreadOver(names, settings.schedule.spreadSeconds * 1000)
  const publishing = await openPublishing({
    settings,
    stores,
    shownSettings: needs.shownSettings,
    version: needs.version,
    attended: needs.attended ?? false,
    logLevel: () => log.level ?? settings.log.level,
    accounts: here,
    offsetOf,
    slots,
    delivered: needs.delivered,
    fail,
    clock,
    log,
  })
  opened.defer(() => publishing.close())
  const { broker, embedded, retained, onlookers } = publishing

  const republish = (accountId: string) => {
    retained.account(accountId)
    retained.modulesOf(accountId)
  }
  const rules = settings.modules
  const moments = { slots, offsetOf, clock }
  const recent = askedRecently({ ...moments, stores, rules, log, stopping: stopping.signal })
  const turns = turnsFor(settings.blink.concurrency, clock)
  const fitHeap = heapFitter()
  const accountFor = ({ login, cloud, guard, ticked }: Way, gone: AbortSignal) =>
    openAccount(
      {
        loginKey: login.key,
        accountId: login.accountId,
        ...{ cloud, guard, ticked },
        ...{ ledger: stores.ledger, listed: onlookers.listed, turns, clock, log },
        ...{ reasonToSkip: recent.reasonToSkip, isAnswered: recent.isAnswered },
        ttlMs: settings.request.ttlSeconds * 1000,
        parallel: settings.blink.perAccount,
        tell(report, slot) {
          needs.tell?.(report)
          recent.asked(slot.trigger)
          onlookers.module(report, slot)
          fitHeap()
        },
        changed({ accountId }) {
          if (accountId !== undefined) republish(accountId)
        },
        stopping: AbortSignal.any([stopping.signal, gone]),
        abort: abort.signal,
      },
      login,
    )
  const greet = (account: Account) => {
    ticks.tickOne(account).catch(fail)
  }
  household = openHousehold({ clouds, accountFor, republish, greet, log })
  const { accounts, apply } = household
  const ticks = ticksOf({ ...publishing, ...recent, ...moments, accounts, stopping: stopping.signal })
  if (needs.attended) {
    const obey = obeyer({
      ...{ accounts: () => accounts, ticks, stores, rules, retained, clock },
      rescanned: publishing.rescanned,
      logLevel: {
        get: () => log.level ?? settings.log.level,
        set(level) {
          log.level = level
        },
      },
      health: () => healthOf({ version: needs.version, accounts, broker, stores, slots, begun, clock }),
    })
    openDesk({ topics: publishing.topics, broker, obey, clock, log, fail }, stopping.signal)
  }
  beat(settings.dataDir, { clock, log }, stopping.signal).catch(fail)

  const drained = async (signal: AbortSignal): Promise<void> => {
    while (stores.outbox.count() > 0) await clock.sleep(lookMs, signal)
    await retained.settled()
  }

  const parts = opened.move()
  const end = async (): Promise<void> => {
    const begun = clock.elapsed()
    log.info({ waiting: countOf(stores.outbox) }, 'stopping')
    await schedule?.stop()
    stopping.abort(new Error('stopped'))
    await within(ticks.idle(), patience.homeMs, clock)
    abort.abort(new Error('stopped'))
    await within(ticks.idle(), patience.cutMs, clock)
    if (broker.state.connected) {
      const late = new AbortController()
      await within(drained(late.signal), patience.drainMs, clock)
      late.abort(new Error('stopped'))
    }
    const waiting = countOf(stores.outbox)
    await parts.disposeAsync()
    log.info({ waiting, ms: Math.round(clock.elapsed() - begun) }, 'stopped')
  }
  let ended: Promise<void> | undefined

  return {
    accounts,
    broker,
    embedded,
    async start() {
      const { cron, timezone, onStart } = settings.schedule
      const onSlot = (at: number) => {
        ticks.tick('schedule', at).then(() => retained.bridge(), fail)
      }
      // What was said of the next ticks is wrong after a jump of the clock.
      const onJump = () => {
        retained.bridge()
        for (const { accountId } of here()) if (accountId !== undefined) republish(accountId)
      }
      const { lastRun } = stores
      schedule = startSchedule({ expression: cron, timezone, onSlot, onJump, lastRun, clock, log })
      const next = slots()[0]
      log.info({ accounts: accounts.length, cron, timezone, next: next && iso(next) }, 'started')
      retained.bridge()
      if (onStart) ticks.tick('start').catch(fail)
      const inUse = () => clouds.ways.map(({ session }) => session)
      const withdrawn = (key: string) => {
        // Its tick asks nobody and says so.
        for (const account of here()) if (account.loginKey === key) greet(account)
      }
      keepFresh({ ways: clouds.ways, withdrawn, clock, log }, stopping.signal).catch(fail)
      followLogins({ logins: stores.logins, inUse, apply, clock, log }, stopping.signal).catch(fail)
      keepInPlace(stores, clock, stopping.signal).catch(fail)
    },
    once: () => ticks.once(),
    waiting: () => stores.outbox.count(),
    moduleCount: () => stores.ledger.count(),
    drained,
    failed,
    stop: () => (ended ??= end()),
  }
}

/** How many items wait, for the log; a disk that cannot tell is no reason not to end in order. */
function countOf(outbox: Outbox): number | undefined {
  try {
    return outbox.count()
  } catch (error) {
    if (error instanceof StoreFailed) return undefined
    throw error
  }
}

/** Resolves when `work` has ended in either way, or after `ms`. */
async function within(work: Promise<unknown>, ms: number, clock: Clock): Promise<void> {
  const ended = new AbortController()
  const done = work.catch(() => undefined).finally(() => ended.abort())
  await Promise.race([done, clock.sleep(ms, ended.signal).catch(() => undefined)])
}
