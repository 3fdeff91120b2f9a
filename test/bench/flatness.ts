/**
 * Time for one module in fleets of several sizes, daemon beside bare loop: is it the same however many there are?
 *
 * Small fleets have many laps, the first of which are left out: V8 compiles what has run often, and a lap of one or of
 * 100 modules runs nothing often. A fleet of 10,000 is past that within its first lap. For the same reason the bare
 * loop stands beside it at each size: what both lose at 1 and at 100 is the machine's and not the daemon's.
 */
import type { Asked } from './arguments.ts'
import { startBenchWorld } from './bench-world.ts'
import { ended, startBareLoop, startDaemon } from './contestants.ts'
import { type FleetSize, modulesIn } from './fleet.ts'
import { type Runner, runLap, undisturbed } from './laps.ts'
import { cpuMs } from './process-figures.ts'
import { percentile, ratios } from './statistics.ts'
import { type Cells, type Rows, spreadText } from './table.ts'

const inFlight = 8

export interface Plan {
  readonly fleet: FleetSize
  /** Laps of each that count. */
  readonly laps: number
  readonly warmUp: number
  /** Between two slots of the daemon: longer than a lap of each. */
  readonly periodSeconds: number
}

/** The sizes up to this many modules; `laps` are those of 10,000, and the small ones have many times as many. */
export function plansUpTo(most: number, laps: number): readonly Plan[] {
  const plans = [
    { fleet: { accounts: 1, modulesPerAccount: 1 }, laps: 8 * laps, warmUp: 20, periodSeconds: 5 },
    { fleet: { accounts: 1, modulesPerAccount: 100 }, laps: 8 * laps, warmUp: 20, periodSeconds: 5 },
    { fleet: { accounts: 100, modulesPerAccount: 100 }, laps, warmUp: 2, periodSeconds: 20 },
    {
      fleet: { accounts: 1_000, modulesPerAccount: 100 },
      laps: Math.min(laps, 3),
      warmUp: 1,
      periodSeconds: 120,
    },
  ]
  return plans.filter(({ fleet }) => modulesIn(fleet) <= most)
}

/** Microseconds for each module, one value for each lap. */
export interface Times {
  readonly wallUs: readonly number[]
  readonly cpuUs: readonly number[]
}

export interface Sized {
  readonly modules: number
  readonly daemon: Times
  readonly bare: Times
}

export async function* flat({ fleetMax, laps }: Asked, tell: (text: string) => void): Rows {
  yield [
    'modules',
    'laps',
    'wall clock, us each, daemon',
    'bare loop',
    'ratio',
    'CPU, us each, daemon',
    'bare loop',
    'ratio',
  ]
  const all: Sized[] = []
  for (const plan of plansUpTo(fleetMax, laps)) {
    const sized = await run(plan, tell)
    all.push(sized)
    yield sizedCells(sized)
  }
  yield flatnessCells(all.filter(({ modules }) => modules >= 100))
}

export function sizedCells({ modules, daemon, bare }: Sized): Cells {
  return [
    String(modules),
    String(daemon.wallUs.length),
    ...(['wallUs', 'cpuUs'] as const).flatMap((name) => [
      spreadText(daemon[name], 0),
      spreadText(bare[name], 0),
      spreadText(ratios(daemon[name], bare[name])),
    ]),
  ]
}

/** The slowest size by the fastest, by their medians: 1.2 is "flat within 20 %". */
export function flatnessCells(all: readonly Sized[]): Cells {
  const cell = (who: 'daemon' | 'bare', name: keyof Times) => {
    const medians = all.map((sized) => percentile(sized[who][name], 0.5))
    return medians.length < 2 ? '' : (Math.max(...medians) / Math.min(...medians)).toFixed(2)
  }
  return [
    'most by least, from 100 on',
    '',
    ...(['wallUs', 'cpuUs'] as const).flatMap((name) => [cell('daemon', name), cell('bare', name), '']),
  ]
}

async function run(
  { fleet, laps, warmUp, periodSeconds }: Plan,
  tell: (text: string) => void,
): Promise<Sized> {
  await using world = await startBenchWorld(fleet)
  const modules = modulesIn(fleet)
  const daemon = startDaemon(world, {
    env: {
      MQTT_TOPICS: 'work_items',
      REQUEST_TTL_SECONDS: String(Math.max(10, 2 * periodSeconds)),
      BLINK_CONCURRENCY: String(inFlight),
      // So that one account of 100 has as many in flight as a hundred of them.
      BLINK_PER_ACCOUNT: String(inFlight),
      SCHEDULE_CRON: cronEvery(periodSeconds),
    },
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => ended(daemon))
  const ours = { pid: daemon.pid ?? 0, base: 'blink-manifestd', go: async () => undefined }
  // Alone: here it signs in, to many accounts.
  await undisturbed(() => runLap(world, ours, modules), tell)
  const loop = stack.use(await startBareLoop(world, { inFlight, extras: [] }))
  const theirs = { pid: loop.pid, base: 'bare', go: () => loop.lap() }
  const lapOf = async (runner: Runner & { readonly pid: number }, idle: number): Promise<Work> => {
    const before = { at: performance.now(), cpuMs: cpuMs(runner.pid), idleCpuMs: cpuMs(idle) }
    const { ms } = await runLap(world, runner, modules)
    return {
      ms,
      windowMs: performance.now() - before.at,
      cpuMs: cpuMs(runner.pid) - before.cpuMs,
      idleCpuMs: cpuMs(idle) - before.idleCpuMs,
    }
  }
  const pairs: { readonly daemon: Work; readonly bare: Work }[] = []
  for (let lap = 1 - warmUp; lap <= laps; lap++) {
    const pair = async () => ({ daemon: await lapOf(ours, theirs.pid), bare: await lapOf(theirs, ours.pid) })
    const done = await undisturbed(pair, tell)
    const text = `daemon ${usEach(done.daemon.ms, modules)} us, bare loop ${usEach(done.bare.ms, modules)} us`
    if (modules > 1 || lap % 10 === 0) tell(`${modules} modules, lap ${lap}: ${text}`)
    if (lap > 0) pairs.push(done)
  }
  return {
    modules,
    daemon: timesOf(
      pairs.map((pair) => pair.daemon),
      pairs.map((pair) => pair.bare),
      modules,
    ),
    bare: timesOf(
      pairs.map((pair) => pair.bare),
      pairs.map((pair) => pair.daemon),
      modules,
    ),
  }
}

/** A lap of one of the two, while the other one was idle. */
export interface Work {
  readonly ms: number
  /** How long was watched: longer than the lap, for it is waited for and then listened to for a while. */
  readonly windowMs: number
  readonly cpuMs: number
  /** What the other one took meanwhile. */
  readonly idleCpuMs: number
}

/**
 * Takes off what a process takes for being there while its lap is waited for, in the order of the lap itself where
 * the fleet is small. It is known from the laps of the other one, in which it had nothing to do.
 */
export function timesOf(own: readonly Work[], others: readonly Work[], modules: number): Times {
  const idleShare = percentile(
    others.map(({ idleCpuMs, windowMs }) => idleCpuMs / windowMs),
    0.5,
  )
  return {
    wallUs: own.map(({ ms }) => (ms / modules) * 1000),
    cpuUs: own.map((work) => ((work.cpuMs - idleShare * (work.windowMs - work.ms)) / modules) * 1000),
  }
}

/** A cron expression for seconds that divide a minute, or minutes that divide an hour. */
export function cronEvery(seconds: number): string {
  return seconds < 60 ? `*/${seconds} * * * * *` : `0 */${seconds / 60} * * * *`
}

function usEach(ms: number, modules: number): string {
  return ((ms / modules) * 1000).toFixed(0)
}
