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
  /** Of the runner, as the next; not a number where it lives for one lap only. */
  readonly cpuMs: number
  readonly writtenBytes: number
  /** From the cloud's answer to the subscriber, for each module, in milliseconds. */
  readonly latenciesMs: readonly number[]
  readonly arrivals: readonly Arrival[]
}

export interface Runner {
  /** Absent for one that is started for each lap. */
  readonly pid?: number
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

/** A lap that says nothing: somebody else asked meanwhile, or it began in the middle of another one. */
export class LapDisturbed extends Error {}

/** As often is a lap begun at most. */
const attempts = 8

/** Takes laps again that were disturbed, as happens when a busy machine runs into the daemon's next slot. */
export async function undisturbed<T>(lap: () => Promise<T>, tell: (text: string) => void): Promise<T> {
  for (let left = attempts - 1; ; left--) {
    try {
      return await lap()
    } catch (error) {
      if (!(error instanceof LapDisturbed) || left === 0) throw error
      tell(`once more: ${error.message}`)
    }
  }
}

/**
 * @throws LapDisturbed when there is more in it than the lap's own, or not all of its requests
 * @throws Error when a module was requested and not published
 */
export async function runLap(
  world: BenchWorld,
  { pid, base, go, quietMs }: Runner,
  modules: number,
): Promise<Lap> {
  world.setClock()
  world.forgetCalls()
  const over = AbortSignal.timeout(patienceMs)
  const path = join(world.directory, 'arrivals')
  const subscriber = await subscribe({ port: world.broker.port, path, filter: `${base}/sync/#` }, over)
  const begun = world.now()
  const before = taken(pid)
  await Promise.all([subscriber.quiet(over, quietMs), go()])
  const after = taken(pid)
  const arrivals = await subscriber.end()

  const calls = world.cloud.calls.filter(({ at }) => at >= begun)
  const accepted = world.accepted(begun)
  const answered = new Map(accepted.map(({ path: target, endedAt }) => [keyOfPath(target), endedAt]))
  if (accepted.length !== modules || answered.size !== modules) {
    throw new LapDisturbed(`${base}: ${accepted.length} requests for ${answered.size} of ${modules} modules`)
  }
  const items = arrivals.filter(({ topic }) => keyOfWorkItem(topic) !== undefined)
  const told = new Set(items.map(({ topic }) => keyOfWorkItem(topic)))
  const telling = `${base}: told ${items.length} times of ${told.size} of ${modules} modules`
  if (told.size !== modules) throw new Error(telling)
  // The last items of a lap before, on a machine that stood still for longer than we listen.
  if (items.length !== modules) throw new LapDisturbed(telling)
  const first = Math.min(...calls.slice(0, 100).map(({ at }) => at))
  return {
    ms: (items.at(-1)?.at ?? 0) - first,
    cpuMs: after.cpuMs - before.cpuMs,
    writtenBytes: after.writtenBytes - before.writtenBytes,
    latenciesMs: items.map(({ at, topic }) => at - (answered.get(keyOfWorkItem(topic)) ?? Number.NaN)),
    arrivals,
  }
}

function taken(pid: number | undefined): { readonly cpuMs: number; readonly writtenBytes: number } {
  if (pid === undefined) return { cpuMs: Number.NaN, writtenBytes: Number.NaN }
  return { cpuMs: cpuMs(pid), writtenBytes: writtenBytes(pid) }
}

/** The module that a work item is of, as `account/network/module`; `undefined` for other topics. */
export function keyOfWorkItem(topic: string): string | undefined {
  return workItem.exec(topic)?.slice(1).join('/')
}

/** The module that a request is for, in the same form. */
export function keyOfPath(path: string): string | undefined {
  return requestPath.exec(path)?.slice(1).join('/')
}
