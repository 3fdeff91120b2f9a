/**
 * How many sync modules have which status, and when a request ID was obtained last.
 *
 * Each module is read from the disk, which takes seconds in a fleet. So the event loop gets its turns between them,
 * and counting is at most a fiftieth of the time: a home is counted at each scrape, a fleet now and then.
 */
import type { Clock } from '../domain/clock.ts'
import type { ModuleKey } from '../domain/model.ts'
import type { StatusReader } from '../domain/ports.ts'
import { type ModuleStatus, statusOf } from '../topics/state-topics.ts'

export interface ModuleNumbersNeeds {
  readonly status: Pick<StatusReader, 'moduleKeys' | 'module'>
  readonly clock: Pick<Clock, 'elapsed'>
  /** Modules of one group are counted together. */
  readonly groupOf: (key: ModuleKey, status: ModuleStatus) => string
}

export interface ModuleRow {
  /** Of one of its modules. */
  readonly key: ModuleKey
  readonly status: ModuleStatus
  readonly count: number
  /** In milliseconds since the epoch. */
  readonly successAt: number | undefined
}

const readBetweenTurns = 50
const pauseFactor = 50

/** Returns a function that counts, or gives the last result while counting again would cost too much. */
export function moduleNumbers({
  status,
  clock,
  groupOf,
}: ModuleNumbersNeeds): () => Promise<readonly ModuleRow[]> {
  let rows: readonly ModuleRow[] = []
  let nextAt = Number.NEGATIVE_INFINITY

  async function count(): Promise<readonly ModuleRow[]> {
    const groups = new Map<string, ModuleRow>()
    let read = 0
    for (const key of await status.moduleKeys()) {
      if (++read % readBetweenTurns === 0) await new Promise((resolve) => setImmediate(resolve))
      const snapshot = await status.module(key)
      if (!snapshot) continue
      const word = statusOf(snapshot)
      const group = groupOf(key, word)
      const { count = 0, successAt } = groups.get(group) ?? {}
      const at = snapshot.record.lastAccepted?.requestedAt
      groups.set(group, { key, status: word, count: count + 1, successAt: later(successAt, at) })
    }
    return [...groups.values()]
  }

  return async () => {
    const begun = clock.elapsed()
    if (begun < nextAt) return rows
    rows = await count()
    const ended = clock.elapsed()
    nextAt = ended + (ended - begun) * pauseFactor
    return rows
  }
}

export function later(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.max(one, other)
}
