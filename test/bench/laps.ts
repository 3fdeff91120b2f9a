/**
 * One lap: every sync module of the fleet is asked once, and its request ID is in the subscriber's hand.
 */
import { join } from 'node:path'
import type { BenchWorld } from './bench-world.ts'
import { cpuMs, writtenBytes } from './process-figures.ts'
import { type Arrival, subscribe } from './subscriber.ts'

export interface Lap {
  /** From the cloud's first request to the last work item at the subscriber, in milliseconds. */
  readonly ms: number
  readonly cpuMs: number
  readonly writtenBytes: number
  /** From the cloud's answer to the subscriber, for each module, in milliseconds. */
  readonly latenciesMs: readonly number[]
  readonly arrivals: readonly Arrival[]
}

export interface Runner {
  readonly pid: number
  /** What all its topics begin with. */
  readonly base: string
  /** Makes it run, or waits until it does. */
  go(): Promise<void>
  /** A lap is over when nothing has come for so long; a short while when absent. */
  readonly quietMs?: number
}

/** A lap that is not over by then is stuck. */
const patienceMs = 300_000

const workItem = /\/sync\/(\d+)\/(\d+)\/(\d+)\/manifest\/requested$/
const requestPath = /\/accounts\/(\d+)\/networks\/(\d+)\/sync_modules\/(\d+)\//

/** @throws Error when a module was not asked or told of exactly once */
export async function runLap(
  world: BenchWorld,
  { pid, base, go, quietMs }: Runner,
  modules: number,
): Promise<Lap> {
  world.setClock()
  const over = AbortSignal.timeout(patienceMs)
  const path = join(world.directory, 'arrivals')
  const subscriber = await subscribe({ port: world.broker.port, path, filter: `${base}/sync/#` }, over)
  const begun = world.now()
  const before = { cpuMs: cpuMs(pid), writtenBytes: writtenBytes(pid) }
  await Promise.all([subscriber.quiet(over, quietMs), go()])
  const after = { cpuMs: cpuMs(pid), writtenBytes: writtenBytes(pid) }
  const arrivals = await subscriber.end()

  const calls = world.cloud.calls.filter(({ at }) => at >= begun)
  const answered = new Map(
    world.accepted(begun).map(({ path: target, endedAt }) => [keyIn(requestPath, target), endedAt]),
  )
  const items = arrivals.filter(({ topic }) => workItem.test(topic))
  if (answered.size !== modules || items.length !== modules) {
    throw new Error(`${base}: asked ${answered.size} of ${modules} modules, told of ${items.length}`)
  }
  const first = Math.min(...calls.slice(0, 100).map(({ at }) => at))
  return {
    ms: (items.at(-1)?.at ?? 0) - first,
    cpuMs: after.cpuMs - before.cpuMs,
    writtenBytes: after.writtenBytes - before.writtenBytes,
    latenciesMs: items.map(({ at, topic }) => at - (answered.get(keyIn(workItem, topic)) ?? Number.NaN)),
    arrivals,
  }
}

function keyIn(expression: RegExp, text: string): string {
  return expression.exec(text)?.slice(1).join('/') ?? ''
}
