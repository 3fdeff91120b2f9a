/**
 * What the processor does for a daemon with nothing to do, beside a bare script that has connected and set a cron job.
 *
 * All run at the same time, each with one module and its connection to Mosquitto up: a daemon whose next slot is half
 * a day away, a daemon with its default schedule, whose ticks count, and the bare script.
 */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Asked } from './arguments.ts'
import { type BenchWorld, startBenchWorld } from './bench-world.ts'
import { ended, startDaemon } from './contestants.ts'
import { cpuMs } from './process-figures.ts'
import { listenForIds, startBareScript } from './start.ts'
import type { Rows } from './table.ts'

const fleet = { accounts: 1, modulesPerAccount: 1 }
/** Starting has its price, and it is paid by then. */
const settledAfterMs = 20_000
const lookMs = 60_000

export interface IdleFigure {
  readonly name: string
  readonly cpuMs: number
  readonly wallMs: number
}

export async function* idle({ idleMinutes }: Asked, tell: (text: string) => void): Rows {
  yield [`idle for ${idleMinutes} minutes`, 'CPU, % of one core', 'beside the bare script', 'ids asked for']
  await using stack = new AsyncDisposableStack()
  const quiet = stack.use(await startBenchWorld(fleet))
  const regular = stack.use(await startBenchWorld(fleet))
  const listening = await Promise.all([listenForIds(quiet, 2), listenForIds(regular, 1)])
  const common = { SCHEDULE_ON_START: 'true', SCHEDULE_ALLOW_FAST: 'false', SCHEDULE_SPREAD_SECONDS: '30' }
  const all = [
    {
      name: 'daemon without a slot',
      world: quiet,
      child: startDaemon(quiet, { env: { ...common, SCHEDULE_CRON: halfADayAway(new Date()) } }),
    },
    {
      name: 'daemon with its default schedule',
      world: regular,
      child: startDaemon(regular, { env: common }),
    },
    { name: 'bare script', world: quiet, child: startBareScript(quiet) },
  ]
  for (const { child } of all) stack.defer(() => ended(child))
  await Promise.all(listening.map((come) => come()))
  await pause(settledAfterMs)
  tell('all have published their first ID and settled')

  const since = { quiet: quiet.now(), regular: regular.now() }
  const lines = { quiet: quiet.broker.log.length, regular: regular.broker.log.length }
  const before = all.map(({ child }) => stamp(child))
  const until = performance.now() + idleMinutes * 60_000
  while (performance.now() < until) {
    await pause(Math.min(lookMs, until - performance.now()))
    const far = all.map(({ name, child }, index) => figure(name, before[index], stamp(child)))
    tell(far.map((each) => `${each.name} ${percent(each).toFixed(3)} %`).join(', '))
  }
  const figures = all.map(({ name, child }, index) => figure(name, before[index], stamp(child)))
  mustBeConnected(quiet, lines.quiet)
  mustBeConnected(regular, lines.regular)
  const asked = [quiet.accepted(since.quiet).length, regular.accepted(since.regular).length, 0]
  const bare = figures.at(-1)
  for (const [index, each] of figures.entries()) {
    const ratio = bare ? percent(each) / percent(bare) : Number.NaN
    yield [each.name, percent(each).toFixed(3), ratio.toFixed(2), String(asked[index])]
  }
}

/** A slot once a day, twelve hours from this hour, in UTC. */
export function halfADayAway(now: Date): string {
  return `0 ${(now.getUTCHours() + 12) % 24} * * *`
}

export function percent({ cpuMs: taken, wallMs }: IdleFigure): number {
  return (100 * taken) / wallMs
}

interface Stamp {
  readonly cpuMs: number
  readonly at: number
}

/** @throws Error when it has ended */
function stamp({ pid = 0, exitCode, signalCode }: ChildProcess): Stamp {
  if (exitCode !== null || signalCode !== null) throw new Error('one of them has ended')
  return { cpuMs: cpuMs(pid), at: performance.now() }
}

function figure(name: string, before: Stamp | undefined, after: Stamp): IdleFigure {
  if (!before) throw new Error(`${name} was not looked at before`)
  return { name, cpuMs: after.cpuMs - before.cpuMs, wallMs: after.at - before.at }
}

/** @throws Error when a client of the broker has come or gone since that line of its log */
function mustBeConnected({ broker }: BenchWorld, line: number): void {
  const moved = broker.log.slice(line).filter((text) => /client/i.test(text))
  if (moved.length > 0) throw new Error(`not idle, a connection was lost: ${moved.join('; ')}`)
}
