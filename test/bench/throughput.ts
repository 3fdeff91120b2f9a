/**
 * The daemon beside the bare loop, lap by lap in turn: modules a second, processor time, latency, bytes on disk.
 */
import { once } from 'node:events'
import type { Extra } from './bare-loop.ts'
import { startBenchWorld } from './bench-world.ts'
import { ended, startBareLoop, startDaemon } from './contestants.ts'
import { type FleetSize, modulesIn } from './fleet.ts'
import { type Lap, type Runner, runLap } from './laps.ts'
import { percentile } from './statistics.ts'
import type { Arrival } from './subscriber.ts'

export interface Contest {
  readonly fleet: FleetSize
  readonly topics: 'work_items' | 'all'
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

/** The first laps of both are not counted: there the daemon signs in, and both are compiled. */
export async function contest(
  { fleet, topics, inFlight, laps, periodSeconds }: Contest,
  tell: (text: string) => void,
): Promise<Outcome> {
  await using world = await startBenchWorld(fleet)
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
  const warm = await runLap(world, ours, modules)
  // The second lap is as all later ones: nothing is told for the first time.
  const second = await runLap(world, ours, modules)
  tell(line('daemon, warming up', figuresOf(warm, modules), figuresOf(second, modules)))
  const extras = topics === 'all' ? extrasLike(second.arrivals, modules) : []
  const loop = stack.use(await startBareLoop(world, { inFlight, extras }))
  const theirs: Runner = { pid: loop.pid, base: 'bare', go: () => loop.lap() }
  const warmBare = await runLap(world, theirs, modules)
  tell(line('bare loop, warming up', figuresOf(warmBare, modules)))
  const outcome = { daemon: [] as LapFigures[], bare: [] as LapFigures[] }
  for (let lap = 0; lap < laps; lap++) {
    const daemonLap = figuresOf(await runLap(world, ours, modules), modules)
    const bareLap = figuresOf(await runLap(world, theirs, modules), modules)
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

/** What the daemon told of each module beside the work item: as many messages, as long as these on average. */
function extrasLike(arrivals: readonly Arrival[], modules: number): readonly Extra[] {
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
