/**
 * Ticks of fleets of several sizes: time for each module, memory, and how late the event loop was.
 */
import { once } from 'node:events'
import { startBenchWorld } from './bench-world.ts'
import { ended, startDaemon } from './contestants.ts'
import { type FleetSize, modulesIn } from './fleet.ts'
import { runLap } from './laps.ts'
import { memoryMb } from './process-figures.ts'

export interface TickFigures {
  readonly usPerModule: number
  readonly memoryMb: number
  readonly loopDelayP99Ms: number
}

interface Delay {
  readonly p99Ms: number
}

/** @param periodMinutes between two slots: longer than a tick */
export async function ticksOf(
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
    nodeOptions: ['--import', new URL('loop-delay.ts', import.meta.url).href],
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => ended(daemon))
  const figures: TickFigures[] = []
  for (let tick = 0; tick < ticks; tick++) {
    const pid = daemon.pid ?? 0
    const lap = await runLap(world, { pid, base: 'blink-manifestd', go: async () => undefined }, modules)
    daemon.send('how late')
    const [delay] = (await once(daemon, 'message')) as [Delay]
    const usPerModule = (lap.ms / modules) * 1000
    figures.push({ usPerModule, memoryMb: memoryMb(pid).now, loopDelayP99Ms: delay.p99Ms })
    const { memoryMb: memory, loopDelayP99Ms } = figures[tick] ?? { memoryMb: 0, loopDelayP99Ms: 0 }
    tell(
      `${modules} modules, tick ${tick + 1}: ${usPerModule.toFixed(0)} us each, ${memory.toFixed(0)} MB, ` +
        `event loop p99 ${loopDelayP99Ms.toFixed(1)} ms late`,
    )
  }
  return figures
}
