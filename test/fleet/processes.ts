/**
 * How much of the processors the parts of a fleet take: the instances, PostgreSQL with all its processes, and the one
 * that plays the cloud and listens at the broker.
 */
import { globSync, readFileSync } from 'node:fs'
import { cpuMs } from '../bench/process-figures.ts'
import type { FleetWorld } from './world.ts'

export interface Processors {
  readonly instances: number
  readonly postgres: number
  readonly cloud: number
}

/** Takes the time; the function it returns says how many processors each part took since, on average. */
export async function watchProcessors({ instances, store }: FleetWorld): Promise<() => Processors> {
  const [row] = await store.query('SELECT pg_backend_pid() AS pid')
  const server = parentOf(Number(row?.pid))
  const groups = () => ({
    instances: timesOf(instances.pids()),
    postgres: timesOf([server, ...childrenOf(server)]),
    cloud: timesOf([process.pid]),
  })
  const before = groups()
  const begun = performance.now()
  return () => {
    const after = groups()
    const ms = performance.now() - begun
    const taken = (name: keyof Processors) =>
      [...after[name]].reduce((sum, [pid, time]) => sum + time - (before[name].get(pid) ?? 0), 0) / ms
    return { instances: taken('instances'), postgres: taken('postgres'), cloud: taken('cloud') }
  }
}

function timesOf(pids: readonly number[]): ReadonlyMap<number, number> {
  return new Map(
    pids.flatMap((pid) => {
      try {
        return [[pid, cpuMs(pid)] as const]
      } catch {
        // It has ended meanwhile.
        return []
      }
    }),
  )
}

function parentOf(pid: number): number {
  return Number(/\) \w (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
}

function childrenOf(pid: number): readonly number[] {
  return globSync(`/proc/${pid}/task/*/children`).flatMap((file) =>
    readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
}
