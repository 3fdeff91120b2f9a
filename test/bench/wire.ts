/**
 * Bytes on the wire for each ID: between client and cloud, and between client and broker, both ways.
 *
 * Counted inside TCP, and without TLS, which the real cloud has: a record adds some 30 bytes. The daemon's part holds
 * its home screens, one a tick for 100 modules here, which the bare loop does without.
 */
import type { Asked, Topics } from './arguments.ts'
import { type BenchWorld, startBenchWorld } from './bench-world.ts'
import { ended, startBareLoop, startDaemon } from './contestants.ts'
import { startCountingProxy, type Traffic } from './counting-proxy.ts'
import { modulesIn } from './fleet.ts'
import { type Runner, runLap, undisturbed } from './laps.ts'
import type { Cells, Rows } from './table.ts'
import { extrasLike } from './throughput.ts'

const fleet = { accounts: 10, modulesPerAccount: 100 }
const periodSeconds = 20
/** Two ids of a module live at a time, as with the defaults, and one that expires is published between two laps. */
const ttlSeconds = 1.5 * periodSeconds

/** What one lap took. */
export interface LapTraffic {
  readonly cloud: Traffic
  readonly broker: Traffic
  readonly messages: number
}

/** One row for the daemon and one for the bare loop, for each of the topics. */
export async function* wire({ topics: allTopics }: Asked, tell: (text: string) => void): Rows {
  const modules = modulesIn(fleet)
  yield [
    `bytes for each of ${modules} modules`,
    'to the cloud',
    'from the cloud',
    'to the broker',
    'from the broker',
    'all',
    'messages',
  ]
  for (const topics of allTopics) {
    const { daemon, bare } = await traffic(topics, tell)
    yield [`${topics}, daemon`, ...wireCells(daemon, modules)]
    yield [`${topics}, bare loop`, ...wireCells(bare, modules)]
  }
}

/** Bytes and messages for each module. */
export function wireCells({ cloud, broker, messages }: LapTraffic, modules: number): Cells {
  const ways = [cloud.sent, cloud.received, broker.sent, broker.received]
  const all = ways.reduce((sum, bytes) => sum + bytes, 0)
  return [...[...ways, all].map((bytes) => (bytes / modules).toFixed(0)), (messages / modules).toFixed(2)]
}

async function traffic(topics: Topics, tell: (text: string) => void) {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await startBenchWorld(fleet))
  const modules = modulesIn(fleet)
  const ours = await behindProxies(world, stack)
  const daemon = startDaemon(ours.world, {
    env: {
      MQTT_TOPICS: topics,
      REQUEST_TTL_SECONDS: String(ttlSeconds),
      SCHEDULE_CRON: `*/${periodSeconds} * * * * *`,
    },
  })
  stack.defer(() => ended(daemon))
  const daemonRunner = { pid: daemon.pid ?? 0, base: 'blink-manifestd', go: async () => undefined }
  // In the first lap it signs in and tells of everything for the first time; the second is as all later ones.
  await undisturbed(() => runLap(world, daemonRunner, modules), tell)
  const second = await undisturbed(() => runLap(world, daemonRunner, modules), tell)

  const extras = topics === 'all' ? extrasLike(second.arrivals, modules) : []
  const theirs = await behindProxies(world, stack)
  const loop = stack.use(await startBareLoop(theirs.world, { inFlight: 8, extras }))
  const bareRunner = { pid: loop.pid, base: 'bare', go: () => loop.lap() }
  await undisturbed(() => runLap(world, bareRunner, modules), tell)

  const count = async (runner: Runner, { so }: Proxied): Promise<LapTraffic> => {
    const before = so()
    const { arrivals } = await runLap(world, runner, modules)
    const after = so()
    tell(`${topics}, ${runner.base}: ${arrivals.length} messages`)
    return {
      cloud: between(before.cloud, after.cloud),
      broker: between(before.broker, after.broker),
      messages: arrivals.length,
    }
  }
  return {
    daemon: await undisturbed(() => count(daemonRunner, ours), tell),
    bare: await undisturbed(() => count(bareRunner, theirs), tell),
  }
}

interface Proxied {
  /** The world, with cloud and broker behind the proxies. */
  readonly world: BenchWorld
  so(): { readonly cloud: Traffic; readonly broker: Traffic }
}

async function behindProxies(world: BenchWorld, stack: AsyncDisposableStack): Promise<Proxied> {
  const cloud = stack.use(await startCountingProxy(Number(new URL(world.cloud.url).port)))
  const broker = stack.use(await startCountingProxy(world.broker.port))
  const url = `http://127.0.0.1:${cloud.port}`
  return {
    world: {
      ...world,
      cloud: { ...world.cloud, url, oauthUrl: url, restUrl: `${url}/rest-{region}` },
      broker: { ...world.broker, port: broker.port, url: `mqtt://127.0.0.1:${broker.port}` },
    },
    so: () => ({ cloud: cloud.traffic(), broker: broker.traffic() }),
  }
}

function between(before: Traffic, after: Traffic): Traffic {
  return { sent: after.sent - before.sent, received: after.received - before.received }
}
