/**
 * The daemon beside the bare loop, lap by lap in turn: modules a second, processor time, latency, bytes on disk.
 */
import { once } from 'node:events'
import type { Asked, Topics } from './arguments.ts'
import type { Extra } from './bare-loop.ts'
import { type BrokerKind, startBenchWorld } from './bench-world.ts'
import { ended, startBareLoop, startDaemon } from './contestants.ts'
import { type FleetSize, modulesIn } from './fleet.ts'
import { type Lap, type Runner, runLap, undisturbed } from './laps.ts'
import { percentile, ratios } from './statistics.ts'
import type { Arrival } from './subscriber.ts'
import { type Cells, type Rows, spreadText } from './table.ts'

interface Contest extends BrokerKind {
  readonly fleet: FleetSize
  readonly topics: Topics
  readonly inFlight: number
  readonly laps: number
  /** Between two slots of the daemon; long enough for a lap of each. */
  readonly periodSeconds: number
}

/** Figures of one lap, for one module. */
export interface LapFigures {
  readonly modulesPerSecond: number
  readonly cpuUs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly diskBytes: number
  readonly messages: number
  readonly payloadBytes: number
}

export interface Outcome {
  readonly daemon: readonly LapFigures[]
  readonly bare: readonly LapFigures[]
}

const fleet = { accounts: 100, modulesPerAccount: 100 }

/** A lap of the daemon and one of the bare loop fit twice between two slots, in this many seconds. */
const periodOf = (topics: Topics, inFlight: number) =>
  topics === 'all' ? (inFlight === 1 ? 60 : 30) : inFlight === 1 ? 30 : 20

/** One contest for each of the topics and each number of requests in flight. */
export async function* throughput(
  { topics: allTopics, inFlight: allInFlight, laps, tcpNoDelay }: Asked,
  tell: (text: string) => void,
): Rows {
  yield [
    'topics',
    'in flight',
    'modules a second, daemon',
    'bare loop',
    'ratio',
    'CPU, ratio',
    'p50, ratio',
    'p99, ratio',
    'disk, bytes',
    'messages',
    'payload, bytes',
  ]
  const failures: unknown[] = []
  for (const topics of allTopics) {
    for (const inFlight of allInFlight) {
      const periodSeconds = periodOf(topics, inFlight)
      try {
        const outcome = await contest({ fleet, topics, inFlight, laps, periodSeconds, tcpNoDelay }, tell)
        yield [topics, String(inFlight), ...cellsOf(outcome)]
      } catch (error) {
        // The others take half an hour, and may well succeed.
        failures.push(error)
        yield [topics, String(inFlight), `not measured: ${error instanceof Error ? error.message : error}`]
      }
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not all of it was measured')
}

/** What the laps of both come to: ratios of the laps that followed each other, sizes of the daemon's. */
export function cellsOf({ daemon, bare }: Outcome): Cells {
  const of = (laps: readonly LapFigures[], name: keyof LapFigures) => laps.map((lap) => lap[name])
  const ratio = (name: keyof LapFigures) => spreadText(ratios(of(daemon, name), of(bare, name)))
  return [
    spreadText(of(daemon, 'modulesPerSecond'), 0),
    spreadText(of(bare, 'modulesPerSecond'), 0),
    ratio('modulesPerSecond'),
    ratio('cpuUs'),
    ratio('p50Ms'),
    ratio('p99Ms'),
    spreadText(of(daemon, 'diskBytes'), 0),
    spreadText(of(daemon, 'messages')),
    spreadText(of(daemon, 'payloadBytes'), 0),
  ]
}

/** The first laps of both are not counted: there the daemon signs in, and both are compiled. */
async function contest(
  { fleet, topics, inFlight, laps, periodSeconds, tcpNoDelay }: Contest,
  tell: (text: string) => void,
): Promise<Outcome> {
  await using world = await startBenchWorld(fleet, { tcpNoDelay })
  const modules = modulesIn(fleet)
  const daemon = startDaemon(world, {
    env: {
      MQTT_TOPICS: topics,
      // As many ids live at a time as with the defaults, of which one lives for two ticks.
      REQUEST_TTL_SECONDS: String(2 * periodSeconds),
      BLINK_CONCURRENCY: String(inFlight),
      SCHEDULE_CRON: `*/${periodSeconds} * * * * *`,
    },
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => ended(daemon))
  await once(daemon, 'spawn')
  const ours: Runner = { pid: daemon.pid ?? 0, base: 'blink-manifestd', go: async () => undefined }
  const lapOf = (runner: Runner) => undisturbed(() => runLap(world, runner, modules), tell)
  const warm = await lapOf(ours)
  const second = await lapOf(ours)
  // The third lap is as all later ones: nothing is published for the first time, and the ids of the first one end.
  const third = await lapOf(ours)
  tell(line('daemon, warming up', ...[warm, second, third].map((lap) => figuresOf(lap, modules))))
  const extras = topics === 'all' ? extrasLike(third.arrivals, modules) : []
  const loop = stack.use(await startBareLoop(world, { inFlight, extras }))
  const theirs: Runner = { pid: loop.pid, base: 'bare', go: () => loop.lap() }
  const warmBare = await lapOf(theirs)
  tell(line('bare loop, warming up', figuresOf(warmBare, modules)))
  const outcome = { daemon: [] as LapFigures[], bare: [] as LapFigures[] }
  for (let lap = 0; lap < laps; lap++) {
    const pair = async () => {
      const daemonLap = figuresOf(await runLap(world, ours, modules), modules)
      return [daemonLap, figuresOf(await runLap(world, theirs, modules), modules)] as const
    }
    const [daemonLap, bareLap] = await undisturbed(pair, tell)
    outcome.daemon.push(daemonLap)
    outcome.bare.push(bareLap)
    tell(line(`lap ${lap + 1}, daemon and bare loop`, daemonLap, bareLap))
  }
  return outcome
}

function figuresOf({ ms, cpuMs, latenciesMs, writtenBytes, arrivals }: Lap, modules: number): LapFigures {
  return {
    modulesPerSecond: (modules / ms) * 1000,
    cpuUs: (cpuMs / modules) * 1000,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    diskBytes: writtenBytes / modules,
    messages: arrivals.length / modules,
    payloadBytes: arrivals.reduce((sum, { bytes }) => sum + bytes, 0) / modules,
  }
}

/** What the daemon published of each module beside the work item: as many messages, as long as these on average. */
export function extrasLike(arrivals: readonly Arrival[], modules: number): readonly Extra[] {
  const byKind = Map.groupBy(arrivals, ({ topic }) => topic.split('/').slice(5).join('/'))
  byKind.delete('manifest/requested')
  return [...byKind].flatMap(([suffix, all]) => {
    const bytes = Math.round(all.reduce((sum, message) => sum + message.bytes, 0) / all.length)
    const times = Math.round(all.length / modules)
    return Array.from({ length: times }, () => ({ suffix, bytes, retain: suffix !== 'event' }))
  })
}

function line(name: string, ...all: readonly LapFigures[]): string {
  const texts = all.map(
    (figures) =>
      `${figures.modulesPerSecond.toFixed(0)}/s ${figures.cpuUs.toFixed(0)} us cpu, ` +
      `${figures.p50Ms.toFixed(2)}/${figures.p99Ms.toFixed(2)} ms, ${figures.diskBytes.toFixed(0)} B disk, ` +
      `${figures.messages.toFixed(2)} messages`,
  )
  return `${name}: ${texts.join(' | ')}`
}
