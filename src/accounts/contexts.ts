/**
 * The accounts' ways to the cloud: one HTTP client for all, a session and a breaker for each.
 */
import { blinkAccount } from '../blink/account.ts'
import type { AccountCloud } from '../blink/client.ts'
import { parseTokenLines } from '../blink/credentials-file.ts'
import { attended, createHttp, type Http } from '../blink/http.ts'
import { refusalIn } from '../blink/response.ts'
import type { Session } from '../blink/session.ts'
import type { Settings } from '../config/load.ts'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Login, Slot } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import { slotsPerDay } from '../scheduler/cron.ts'
import type { Stores } from '../storage/open.ts'
import { type Guard, guard } from './circuit-breaker.ts'
import { type HandOver, settleRivals, takeRoster } from './credentials.ts'
import { countingModules } from './module-count.ts'
import { createModuleLock, locking, type ModuleLock } from './module-lock.ts'
import { type Budget, openBudget, plannedBudget } from './request-budget.ts'
import { openTally } from './request-counts.ts'

export interface CloudNeeds {
  readonly settings: Settings
  readonly stores: Stores
  readonly clock: Clock
  readonly log: Log
}

const closeGraceMs = 1_000

/** One account at the cloud. */
export interface Way {
  readonly login: Login
  readonly cloud: AccountCloud
  readonly guard: Guard
  readonly session: Session
  readonly budget: Budget
  /** Tells the log what the account has cost its cloud so far. */
  ticked(slot: Slot): void
}

export interface Clouds {
  /** For whoever sends commands to sync modules beside the manifest requests, which hold it already. */
  readonly moduleLock: ModuleLock
  readonly ways: readonly Way[]
  /** Opens a way for a login that came later. */
  enter(login: Login): Promise<Way>
  /** Forgets a way; what is under way there comes to its end. */
  leave(key: string): void
  /** Gives requests in flight a moment to come home; a rotated token that came with one is still kept. */
  close(): Promise<void>
}

/**
 * Opens a way for each login on disk or in the environment, whose token lines must have been found right when the
 * settings were loaded.
 *
 * @throws StoreFailed when logins cannot be read or kept
 */
export async function openClouds({ settings, stores, clock, log }: CloudNeeds): Promise<Clouds> {
  const { blink } = settings
  const lines = parseTokenLines(blink.tokens?.reveal() ?? '')
  for (const note of lines.notes) log.warn({ detail: note }, 'blink.tokens')
  const roster = await takeRoster(stores.logins, lines.logins, log)
  const http = createHttp({
    clock,
    timeoutMs: blink.timeoutSeconds * 1000,
    concurrency: blink.concurrency,
    proxies: settings.proxies,
    onCall: (call) => log.debug(call, 'asked the cloud'),
  })
  const ways: Way[] = []
  const wayOf = (wanted: Login) => ways.find(({ login }) => login.key === wanted.key)
  const handOver: HandOver = async (from, to) => {
    const [old, next] = [wayOf(from), wayOf(to)]
    old?.guard.retire()
    await next?.guard.adopt(old?.guard.breaker ?? (await stores.logins.breaker(from.key)))
    const spent = old?.budget.today ?? (await stores.logins.spent(from.key))
    if (spent) await next?.budget.adopt(spent)
    await old?.budget.close()
  }
  let settled: Promise<void> = Promise.resolve()
  // One at a time: two that learn the same account in the same moment must not give up each other.
  const settle = (login: Login): Promise<void> => {
    const settling = settled.then(() => settleRivals(stores.logins, login, { handOver, log }))
    settled = settling.catch(() => undefined)
    return settling
  }
  const needs = { settings, stores, clock, log, settle, moduleLock: createModuleLock() }
  ways.push(...(await Promise.all(roster.map((login) => openWay(login, http, needs)))))
  return {
    moduleLock: needs.moduleLock,
    ways,
    async enter(login) {
      const way = await openWay(login, http, needs)
      ways.push(way)
      return way
    },
    leave(key) {
      const at = ways.findIndex(({ login }) => login.key === key)
      if (at >= 0) ways.splice(at, 1)
    },
    async close() {
      await http.close({ graceMs: closeGraceMs })
      await Promise.all(ways.map(({ session: open }) => open.settled()))
      await Promise.all(ways.map(({ budget }) => budget.close()))
    },
  }
}

interface WayNeeds extends CloudNeeds {
  /** Leaves one login of an account whose id was learned only now. */
  readonly settle: (login: Login) => Promise<void>
  /** One for all accounts. */
  readonly moduleLock: ModuleLock
}

async function openWay(login: Login, shared: Http, needs: WayNeeds): Promise<Way> {
  const { settings, stores, clock, log, settle } = needs
  const { logins, install } = stores
  const unkept = (error: unknown, what: string) => {
    if (error instanceof StoreFailed) log.warn({ account_id: login.accountId, err: error }, what)
    else throw error
  }
  const slots = slotsPerDay(settings.schedule.cron)
  let modules = 0
  const planned = () => {
    const { accountId } = session.login
    try {
      if (accountId !== undefined) modules = stores.ledger.count(accountId)
    } catch (error) {
      // What cannot be read now was read before; a plan is no reason to fail.
      if (!(error instanceof StoreFailed)) throw error
    }
    return plannedBudget({ slotsPerDay: slots, modules })
  }
  const budget = openBudget({
    kept: await logins.spent(login.key),
    limit: () => settings.blink.dailyBudget || planned(),
    automatic: settings.blink.dailyBudget === 0,
    clock,
    save: (spent) =>
      logins.saveSpent(login.key, spent).catch((error: unknown) => {
        unkept(error, 'the requests of the day could not be kept on disk')
      }),
  })
  const breaker = await logins.breaker(login.key)
  const watch = guard({
    breaker,
    budget,
    clock,
    save: (kept) =>
      logins.saveBreaker(login.key, kept).catch((error: unknown) => {
        unkept(error, 'a pause could not be kept on disk')
      }),
  })
  const tally = openTally()
  const http = attended(shared, {
    admit() {
      const ended = watch.admit()
      return (record, answer) => {
        tally.count(record)
        if (!record.sent) budget.refund()
        if (answer) ended(refusalIn({ kind: record.kind, ...answer, now: clock.now() }))
      }
    },
  })
  let knownAs = login.accountId
  const { session, cloud } = blinkAccount(settings.blink, {
    login,
    hardwareId: install.hardwareId,
    http,
    clock,
    log,
    async save(changed) {
      await logins.save(changed)
      // Once only: a sign-in that comes later has given this login up, and knows better.
      if (changed.accountId === knownAs) return
      await settle(changed)
      knownAs = changed.accountId
    },
  })
  return {
    login,
    cloud: locking(await countingModules(cloud, { loginKey: login.key, logins, log }), needs.moduleLock),
    session,
    guard: watch,
    budget,
    ticked({ tickId }) {
      const costs = { requests: tally.counts(), today: budget.spent, budget: budget.limit }
      log.debug({ account_id: session.login.accountId, tick: tickId, ...costs }, 'requests so far')
    },
  }
}
