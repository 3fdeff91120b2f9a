/**
 * Ticks of fleets of several sizes: time for each module, memory, and how late the event loop was.
 */
import { once } from 'node:events'
import type { Asked } from './arguments.ts'
import { startBenchWorld } from './bench-world.ts'
import { ended, startDaemon } from './contestants.ts'
import { type FleetSize, modulesIn } from './fleet.ts'
import { runLap } from './laps.ts'
import { memoryMb } from './process-figures.ts'
import { type Rows, spreadText } from './table.ts'
import { withoutTypes } from './without-types.ts'

interface TickFigures {
  readonly usPerModule: number
  /** Resident when the tick was over. */
  readonly memoryMb: number
  /** The most there was so far. */
  readonly highestMb: number
  readonly loopDelayP99Ms: number
}

interface Delay {
  readonly p99Ms: number
}

/** Ticks are minutes apart, and a busy machine makes pauses within one. */
const quietMs = 4_000

const modulesPerAccount = 100

const loopDelay = `data:text/javascript,${encodeURIComponent(withoutTypes(new URL('loop-delay.ts', import.meta.url)))}`

/** A row for each fleet. */
export async function* scale({ ticks, accounts }: Asked, tell: (text: string) => void): Rows {
  yield ['modules', 'microseconds each', 'event loop p99, ms', 'memory after each tick, MB', 'highest']
  for (const each of accounts) {
    const fleet = { accounts: each, modulesPerAccount }
    const modules = modulesIn(fleet)
    const periodMinutes = modules > 10_000 ? 2 : 1
    const figures = await ticksOf(fleet, { ticks, periodMinutes }, tell)
    // The first tick meets code that is not compiled yet and modules that are new.
    const of = (name: keyof TickFigures) => figures.slice(ticks > 1 ? 1 : 0).map((tick) => tick[name])
    yield [
      String(modules),
      spreadText(of('usPerModule'), 0),
      spreadText(of('loopDelayP99Ms'), 1),
      figures.map(({ memoryMb }) => memoryMb.toFixed(0)).join(', '),
      figures.at(-1)?.highestMb.toFixed(0) ?? '',
    ]
  }
}

/** @param periodMinutes between two slots: longer than a tick */
async function ticksOf(
  fleet: FleetSize,
  { ticks, periodMinutes }: { readonly ticks: number; readonly periodMinutes: number },
  tell: (text: string) => void,
): Promise<readonly TickFigures[]> {
  await using world = await startBenchWorld(fleet)
  const modules = modulesIn(fleet)
  const daemon = startDaemon(world, {
    env: {
      MQTT_TOPICS: 'work_items',
      REQUEST_TTL_SECONDS: String(2 * 60 * periodMinutes),
      SCHEDULE_CRON: `0 */${periodMinutes} * * * *`,
    },
    nodeOptions: ['--import', loopDelay],
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => ended(daemon))
  const figures: TickFigures[] = []
  for (let tick = 0; tick < ticks; tick++) {
    const pid = daemon.pid ?? 0
    const runner = { pid, base: 'blink-manifestd', go: async () => undefined, quietMs }
    const lap = await runLap(world, runner, modules)
    daemon.send('how late')
    const [{ p99Ms }] = (await once(daemon, 'message')) as [Delay]
    const { now, highest } = memoryMb(pid)
    const usPerModule = (lap.ms / modules) * 1000
    figures.push({ usPerModule, memoryMb: now, highestMb: highest, loopDelayP99Ms: p99Ms })
    tell(
      `${modules} modules, tick ${tick + 1}: ${usPerModule.toFixed(0)} us each, ${now.toFixed(0)} MB, ` +
        `at most ${highest.toFixed(0)}, event loop p99 ${p99Ms.toFixed(1)} ms late`,
    )
  }
  return figures
}
