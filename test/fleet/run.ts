/**
 * One trial of a fleet: the real program several times, the plan carried out upon it, then peace, and the judgement.
 */
import { cpSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { statistics } from '../chaos/report.ts'
import { walk } from '../chaos/track.ts'
import { until } from '../support/until.ts'
import { latenessOf, runsOf, takeoversOf } from './figures.ts'
import { type CloudDeed, type Plan, planOf, type StoreDeed } from './plan.ts'
import { type Report, spreadOf } from './report.ts'
import { judge, type Throttle } from './verdict.ts'
import { type FleetWorld, secret, startFleetWorld } from './world.ts'

export interface FleetOptions {
  readonly seed: number
  readonly lengthMs: number
  readonly instances: number
  readonly accounts: number
  readonly modulesPerAccount: number
  readonly everySeconds: number
  readonly connections?: number | undefined
  /** From an answer to its commit, on this machine. */
  readonly storedWithinMs?: number
  /** In place of the one of the seed. */
  readonly plan?: Plan
  /** Ends the troubles early; the peace and the judgement still come. */
  readonly signal: AbortSignal
  /** A directory that keeps what the instances logged. */
  readonly keep?: string | undefined
  readonly tell: (what: string) => void
}

const accessTokenSeconds = 300
/** Some answers take long, so that the moments between a request and its answer can be met. */
const slowness = { kind: 'slow', delayMs: 150, path: '/manifest/request', probability: 0.5 } as const
const peaceful = { skewMs: 0 }
/** A pause that is over before another one for the same account can begin. */
const betweenThrottlesMs = 120_000
/** Runs that nobody may miss, when all is well again. */
const fullRuns = 2
/** Looks at the outbox after the end, half a second apart, until it must be empty. */
const emptyTries = 120

export async function runFleet(options: FleetOptions): Promise<Report> {
  const { seed, lengthMs, instances: count, everySeconds, signal, keep, tell } = options
  const begunAt = performance.now()
  await using world = await startFleetWorld({
    ...{ instances: count, accounts: options.accounts, modulesPerAccount: options.modulesPerAccount },
    ...{ connections: options.connections, accessTokenSeconds, wires: true, looks: true, signal, tell },
    env: { SCHEDULE_CRON: cronOf(everySeconds), LOG_LEVEL: keep ? 'debug' : 'info' },
  })
  const { cloud, instances, heard, journal, store, accounts } = world
  const ids = accounts.map(({ id }) => id)
  const plan = options.plan ?? planOf({ seed, lengthMs, instances: count, accounts: ids, everySeconds })
  const throttles: Throttle[] = []
  const done: { readonly store: string[]; readonly cloud: string[] } = { store: [], cloud: [] }

  try {
    for (const [instance, start] of plan.starts.entries()) instances.start(instance, start)
    const served = () => new Set(heard.items.map(({ account }) => account)).size
    await until('a request for every account', () => served() === ids.length, { lookEveryMs: 200 })
    tell(`all ${ids.length} accounts are served`)
    cloud.misbehave(slowness)

    const walked = { begun: performance.now(), signal }
    await Promise.all([
      walk(plan.instances, (deed) => instances.act(deed), walked),
      walk(plan.wires, (deed) => instances.wire(deed), walked),
      walk(plan.store, (deed) => doToStore(deed, { world, done: done.store, signal, tell }), walked),
      walk(plan.cloud, (deed) => doToCloud(deed, { world, done: done.cloud, throttles }), walked),
    ])
    await pause(Math.max(0, walked.begun + lengthMs - performance.now()), undefined, { signal }).catch(
      () => undefined,
    )

    tell('peace')
    cloud.calm()
    instances.startAll(peaceful)
    const peaceFrom = Date.now()
    const peace = await peaceOf({ world, peaceFrom, throttles, everySeconds })
    tell(`all is well ${Math.round((peace.wellAt - peaceFrom) / 1000)} s later`)
    await instances.stopAll()
    const leftByStop = await store.waiting()
    const waiting = await deliverRest(world)
    const given = journal.all().filter(({ commandId, status }) => commandId !== undefined && status === 200)
    // What the broker has acknowledged is on its way to the subscriber.
    await pause(1_000)

    const verdict = judge({
      ...{ calls: journal.all(), lives: instances.lives, troubles: instances.troubles },
      ...{
        items: heard.items,
        failed: heard.failed,
        throttles,
        pauses: heard.pauses,
        signedOut: signedOutIn(world),
      },
      storedWithinMs: options.storedWithinMs ?? 3_000,
    })
    const records = { calls: journal.all(), items: heard.items }
    const runs = runsOf(records, { accounts: ids.length, until: peaceFrom })
    return {
      ...{ seed, seconds: Math.round((performance.now() - begunAt) / 1000), instances: count, everySeconds },
      accounts: ids.length,
      modules: ids.length * options.modulesPerAccount,
      runs,
      accountsPerSecond: runs.accountRuns / (lengthMs / 1000),
      lateness: spreadOf(latenessOf(records)),
      latenessCalm: spreadOf(latenessOf(records, peace.wellAt)),
      takeovers: spreadOf(takeoversOf(journal.all(), instances)),
      ids: verdict.ids,
      leftByStop,
      overlaps: verdict.overlaps,
      ...{ lives: instances.lives, troubles: instances.troubles },
      store: statistics(done.store),
      cloud: statistics(done.cloud),
      signedOut: signedOutIn(world).size,
      failures: [
        ...peace.failures,
        ...verdict.failures,
        ...store.falls,
        ...(waiting !== 0 ? [`${waiting} events still wait after another start`] : []),
        ...(given.length === 0 ? ['the cloud gave no id at all'] : []),
        ...(await store.leaks(secret)),
        ...[...heard.leaks].map((topic) => `a secret on ${topic}`),
      ],
    }
  } finally {
    if (keep)
      cpSync(world.directory, keep, { recursive: true, filter: (path) => !/\/tokens-\d+$/.test(path) })
  }
}

/** A schedule that fires each so many seconds; whole minutes from 60 on. */
export function cronOf(seconds: number): string {
  return seconds < 60 ? `*/${seconds} * * * * *` : `0 */${Math.round(seconds / 60)} * * * *`
}

/** The accounts whose newest state says that a person must sign in. */
function signedOutIn({ heard }: FleetWorld): ReadonlySet<number> {
  return new Set(
    [...heard.latest].flatMap(([topic, payload]) => {
      const account = /\/account\/(\d+)\/state$/.exec(topic)?.[1]
      return account !== undefined && payload.includes('"login_required"') ? Number(account) : []
    }),
  )
}

interface Peace {
  /** When the first run began that reached everybody. */
  readonly wellAt: number
  readonly failures: readonly string[]
}

/** Waits for runs that reach every account that can be reached, one after another, and for an empty outbox. */
async function peaceOf({ world, peaceFrom, throttles, everySeconds }: PeaceNeeds): Promise<Peace> {
  const { heard, accounts } = world
  const everyMs = everySeconds * 1000
  const excused = () => new Set([...signedOutIn(world), ...throttles.map(({ account }) => account)])
  const missing = (run: number) => {
    const tickId = new Date(run).toISOString()
    const reached = new Set(
      heard.items.filter((item) => item.tickId === tickId).map(({ account }) => account),
    )
    const left = excused()
    return accounts.flatMap(({ id }) => (reached.has(id) || left.has(id) ? [] : id))
  }
  const isReported = (run: number) =>
    heard.ticksDone.some(({ tickId }) => tickId === new Date(run).toISOString())
  const newest = () => Math.floor(Date.now() / everyMs) * everyMs
  const wellFrom = () => {
    for (let run = Math.ceil(peaceFrom / everyMs) * everyMs; run < newest(); run += everyMs) {
      const runs = Array.from({ length: fullRuns }, (_, index) => run + index * everyMs)
      if (runs.every((one) => missing(one).length === 0 && isReported(one))) return run
    }
    return undefined
  }
  const failures: string[] = []
  const wellAt = await until('runs that reach every account', wellFrom, { lookEveryMs: 500 }).catch(() => {
    const run = newest() - everyMs
    const report = isReported(run) ? 'reported' : 'not reported as done'
    failures.push(
      `no ${fullRuns} runs reach all accounts; the last but one misses ${missing(run).join(', ')}; ${report}`,
    )
    return Date.now()
  })
  const bridge = () => heard.latest.get('blink-manifestd/bridge/state')
  await until('a bridge', () => bridge() === 'online').catch(() => {
    failures.push(`bridge/state is ${bridge()} while all instances live`)
  })
  return { wellAt, failures }
}

/** A stop leaves what the broker has not taken within its time: whoever starts next delivers it, without a new run. */
async function deliverRest({ instances, store }: FleetWorld): Promise<number> {
  if ((await store.waiting()) === 0) return 0
  instances.start(0, peaceful, { SCHEDULE_CRON: '0 0 1 1 *' })
  let waiting = await store.waiting()
  for (let tries = 0; tries < emptyTries && waiting > 0; tries++) {
    await pause(500)
    waiting = await store.waiting()
  }
  await instances.stopAll()
  return waiting
}

interface PeaceNeeds {
  readonly world: FleetWorld
  readonly peaceFrom: number
  readonly throttles: readonly Throttle[]
  readonly everySeconds: number
}

async function doToStore(
  deed: StoreDeed,
  {
    world,
    done,
    signal,
    tell,
  }: { world: FleetWorld; done: string[]; signal: AbortSignal; tell: (what: string) => void },
): Promise<void> {
  const { postgres, instances } = world
  done.push(deed.kind)
  tell(`PostgreSQL: ${deed.kind}${deed.kind === 'away' ? ` for ${deed.forMs} ms` : ''}`)
  await instances.trouble('store', async () => {
    if (deed.kind === 'away') {
      await postgres.stop()
      await pause(deed.forMs, undefined, { signal }).catch(() => undefined)
    }
    await postgres.restart()
  })
}

function doToCloud(
  deed: CloudDeed,
  { world, done, throttles }: { world: FleetWorld; done: string[]; throttles: Throttle[] },
): void {
  const { cloud } = world
  const now = Date.now()
  switch (deed.kind) {
    case 'expire':
      cloud.expireAccessTokens(deed.account)
      break
    case 'lose-answers':
      cloud.misbehave({ kind: 'reset_after', path: '/manifest/request', count: deed.count })
      break
    case 'throttle': {
      const { account, seconds } = deed
      if (throttles.some((one) => one.account === account && one.from + betweenThrottlesMs > now)) return
      throttles.push({ account, pauseMs: seconds * 1000, from: now })
      const headers = { 'Retry-After': String(seconds) }
      cloud.misbehave({
        kind: 'status',
        status: 429,
        headers,
        accountId: account,
        path: '/manifest/request',
        count: 1,
      })
    }
  }
  done.push(deed.kind)
}
