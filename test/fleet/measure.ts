/**
 * The figures of docs/fleet.md, each measured in a world of its own: `npm run fleet -- --figures NAME,…`.
 *
 * Tables go to stdout as they are measured. PostgreSQL waits for its disk here, as it does outside of tests.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { memoryMb } from '../bench/process-figures.ts'
import type { Rows } from '../bench/table.ts'
import { latenessOf, runsOf, takeoversOf } from './figures.ts'
import { instanceOf } from './journal.ts'
import { watchProcessors } from './processes.ts'
import { type Spread, spreadOf } from './report.ts'
import { cronOf } from './run.ts'
import { type FleetWorld, type FleetWorldOptions, startFleetWorld } from './world.ts'

export const figureNames = ['throughput', 'takeover', 'tick-cost', 'scale'] as const
export type FigureName = (typeof figureNames)[number]

export interface Asked {
  readonly instances: number
  readonly accounts: number
  readonly modulesPerAccount: number
  readonly everySeconds: number
  /** Of `scale`. */
  readonly runs: number
  /** Of `takeover`. */
  readonly kills: number
  readonly signal: AbortSignal
  readonly tell: (what: string) => void
}

const durable = { durable: true, settings: { shared_buffers: '256MB', max_connections: 100 } }
/** Pollers get every message; the rest is not listened to, so that the subscriber costs little. */
const workItems = ['blink-manifestd/sync/+/+/+/manifest/requested', 'blink-manifestd/account/+/state']
const steadyMs = 40_000
/** Of `throughput`: with enough accounts, more is due than can be done. */
const denseSeconds = 5
const idleMs = 30_000
/** Longer than a takeover: whoever waits for the accounts of a dead one must live to get them. */
const killEveryMs = 45_000
const meetWithinMs = 25_000
/** Longer than any takeover may take. */
const lastTakeoverMs = 60_000
const startMinutes = 30

export const figures: Readonly<Record<FigureName, (asked: Asked) => Rows>> = {
  throughput,
  takeover,
  'tick-cost': tickCost,
  scale,
}

/** Whole account runs a second, when more are due than can be done: ask for 3,000 accounts or more. */
async function* throughput(asked: Asked): Rows {
  yield [
    ...['instances', 'account runs a second', 'due a second', 'modules a second', 'processors: instances'],
    'PostgreSQL',
    ...['cloud and subscriber', 'statements a second', 'WAL, kB an account run'],
  ]
  for (let instances = 1; instances <= asked.instances; instances++) {
    await using world = await startWorld(
      { ...asked, instances, everySeconds: denseSeconds },
      { preload: true },
    )
    await served(world, asked)
    const before = await costs(world)
    const processors = await watchProcessors(world)
    const from = Date.now()
    await pause(steadyMs, undefined, { signal: asked.signal })
    const taken = processors()
    const after = await costs(world)
    const seconds = (Date.now() - from) / 1000
    const requests = accepted(world, from)
    const accountRuns = requests / asked.modulesPerAccount
    yield [
      String(instances),
      (accountRuns / seconds).toFixed(0),
      (asked.accounts / denseSeconds).toFixed(0),
      (requests / seconds).toFixed(0),
      ...[taken.instances, taken.postgres, taken.cloud].map((share) => share.toFixed(2)),
      ((after.statements - before.statements) / seconds).toFixed(0),
      ((after.walBytes - before.walBytes) / 1000 / accountRuns).toFixed(1),
    ]
  }
}

/** From a kill to the next request for each account that it left in the middle of its run. */
async function* takeover(asked: Asked): Rows {
  yield [
    'kills',
    'accounts taken over',
    'p50, s',
    'p99, s',
    'most, s',
    'each kill: most of its accounts, p50, s',
  ]
  await using world = await startWorld(asked)
  await served(world, asked)
  // Each account run takes long enough to be met in the middle.
  world.cloud.misbehave({ kind: 'slow', delayMs: 1_500, path: '/manifest/request' })
  const { instances, journal } = world
  for (let kill = 0; kill < asked.kills; kill++) {
    await pause(killEveryMs, undefined, { signal: asked.signal })
    const busy = await met(() => journal.open().find(({ kind }) => kind === 'manifest-request'))
    const instance = busy ? instanceOf(busy) : kill % asked.instances
    await instances.kill(instance)
    instances.start(instance, { skewMs: 0 })
    asked.tell(`kill ${kill + 1} of ${asked.kills}: instance ${instance + 1}`)
  }
  await pause(lastTakeoverMs, undefined, { signal: asked.signal })
  const all = spreadOf(takeoversOf(journal.all(), instances))
  const each = instances.lives
    .filter(({ end }) => end === 'killed')
    .flatMap((life) => spreadOf(takeoversOf(journal.all(), { lives: [life] }))?.most ?? [])
  yield [String(asked.kills), String(all?.count ?? 0), ...seconds(all), seconds(spreadOf(each))[0] ?? '']
}

/** What an account run costs the database, beside what instances without work cost it. */
async function* tickCost(asked: Asked): Rows {
  yield ['what', 'statements', 'WAL, bytes']
  await using world = await startWorld({ ...asked, instances: 1 }, { preload: true })
  await served(world, asked)
  const { instances, store } = world
  await instances.stopAll()
  instances.start(0, { skewMs: 0 }, { SCHEDULE_CRON: '0 0 1 1 *' })
  await pause(idleMs, undefined, { signal: asked.signal })
  const idle = await costOf(world, idleMs)
  yield ['an idle instance, a second', perSecond(idle.statements), perSecond(idle.walBytes)]
  await instances.stopAll()
  instances.start(0, { skewMs: 0 })
  await pause(idleMs, undefined, { signal: asked.signal })
  await store.query('SELECT pg_stat_statements_reset()')
  const from = Date.now()
  const ms = Math.max(6, asked.runs) * asked.everySeconds * 1000
  const busy = await costOf(world, ms)
  const accountRuns = accepted(world, from) / asked.modulesPerAccount
  const share = (of: 'statements' | 'walBytes') => (busy[of] - (idle[of] * ms) / idleMs) / accountRuns
  yield [
    `an account run of ${asked.modulesPerAccount} modules (mean of ${Math.round(accountRuns)})`,
    share('statements').toFixed(1),
    share('walBytes').toFixed(0),
  ]
  const top = await store.query(
    `SELECT calls, wal_bytes, left(regexp_replace(query, '\\s+', ' ', 'g'), 90) AS query FROM pg_stat_statements
     ORDER BY calls DESC LIMIT 16`,
  )
  for (const { calls, wal_bytes: wal, query } of top) {
    yield [
      `\`${String(query)}\``,
      (Number(calls) / accountRuns).toFixed(2),
      (Number(wal) / accountRuns).toFixed(0),
    ]
  }

  function perSecond(count: number): string {
    return (count / (idleMs / 1000)).toFixed(1)
  }
}

/** Some runs of a large fleet, without troubles. */
async function* scale(asked: Asked): Rows {
  yield [
    ...['run', 'accounts', 'skipped', 'first to last request, s', 'late: p50, s', 'p99, s', 'most, s'],
    ...['MB of each instance', 'database, MB'],
  ]
  await using world = await startWorld(asked)
  await served(world, asked)
  const everyMs = asked.everySeconds * 1000
  const first = Math.ceil(Date.now() / everyMs) * everyMs
  for (let index = 0; index < asked.runs; index++) {
    const run = first + index * everyMs
    await pause(run + everyMs - Date.now(), undefined, { signal: asked.signal })
    const tickId = new Date(run).toISOString()
    const records = {
      calls: world.journal.all(),
      items: world.heard.items.filter((item) => item.tickId === tickId),
    }
    const late = latenessOf(records)
    const { accountRuns, due } = runsOf(records, { accounts: asked.accounts, until: Date.now() })
    const [size] = await world.store.query('SELECT pg_database_size(current_database()) AS bytes')
    const least = late.reduce((smallest, value) => Math.min(smallest, value), Number.POSITIVE_INFINITY)
    const spread = spreadOf(late)
    yield [
      ...[tickId.slice(11, 19), String(accountRuns), String(due - accountRuns)],
      (((spread?.most ?? 0) - least) / 1000).toFixed(1),
      ...seconds(spread),
      world.instances
        .pids()
        .map((pid) => memoryMb(pid).now.toFixed(0))
        .join(', '),
      (Number(size?.bytes) / 1e6).toFixed(0),
    ]
  }
}

type WorldAsked = Omit<Asked, 'runs' | 'kills'>

async function startWorld(asked: WorldAsked, { preload = false } = {}): Promise<FleetWorld> {
  const { instances, accounts, modulesPerAccount, everySeconds, signal, tell } = asked
  const settings = preload ? { shared_preload_libraries: 'pg_stat_statements' } : {}
  const options: FleetWorldOptions = {
    ...{
      instances,
      accounts,
      modulesPerAccount,
      signal,
      tell,
      wires: false,
      looks: false,
      filters: workItems,
    },
    postgres: { ...durable, settings: { ...durable.settings, ...settings } },
    env: { SCHEDULE_CRON: cronOf(everySeconds), LOG_LEVEL: 'warn', MQTT_TOPICS: 'work_items' },
  }
  const world = await startFleetWorld(options)
  if (preload) await world.store.query('CREATE EXTENSION pg_stat_statements')
  world.instances.startAll({ skewMs: 0 })
  return world
}

/** Resolves when every account has had a request. */
async function served({ heard }: FleetWorld, { accounts, signal, tell }: WorldAsked): Promise<void> {
  const giveUpAt = Date.now() + startMinutes * 60_000
  for (let seen = 0; seen < accounts; seen = new Set(heard.items.map(({ account }) => account)).size) {
    if (Date.now() > giveUpAt) throw new Error(`only ${seen} of ${accounts} accounts are served`)
    await pause(2_000, undefined, { signal })
  }
  tell(`all ${accounts} accounts are served`)
}

/** Resolves with what is found, or with undefined after some seconds. */
async function met<T>(look: () => T | undefined): Promise<T | undefined> {
  const giveUpAt = performance.now() + meetWithinMs
  while (performance.now() < giveUpAt) {
    const found = look()
    if (found !== undefined) return found
    await pause(2)
  }
  return undefined
}

function accepted({ journal }: FleetWorld, since: number): number {
  return journal.all().filter(({ commandId, at }) => commandId !== undefined && at >= since).length
}

interface Cost {
  readonly statements: number
  readonly walBytes: number
}

/** What was spent so far. */
async function costs({ store }: FleetWorld): Promise<Cost> {
  const [row] = await store.query(
    `SELECT (SELECT sum(calls) FROM pg_stat_statements) AS statements,
            pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bytes`,
  )
  return { statements: Number(row?.statements), walBytes: Number(row?.bytes) }
}

async function costOf(world: FleetWorld, ms: number): Promise<Cost> {
  const before = await costs(world)
  await pause(ms)
  const after = await costs(world)
  return {
    statements: after.statements - before.statements,
    walBytes: after.walBytes - before.walBytes,
  }
}

function seconds(spread: Spread | undefined): readonly string[] {
  if (!spread) return ['-', '-', '-']
  return [spread.p50, spread.p99, spread.most].map((ms) => (ms / 1000).toFixed(1))
}
