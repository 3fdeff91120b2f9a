/**
 * The end of each request ID's life: its row is cleared, and what is published of its module does not outlive it.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { ModuleKey } from '../domain/model.ts'
import type { Items } from '../storage/items.ts'

export interface EndsNeeds {
  readonly items: Pick<Items, 'clear' | 'nextEnd'>
  /** A request ID of this module is over. */
  readonly ended: (key: ModuleKey) => void
  /** Life of a request ID, in milliseconds. */
  readonly ttlMs: number
  readonly clock: Clock
}

/** Never shorter, so that many ends are told together; and the wall clock has passed the moment by then. */
const graceMs = 50
/** The wall clock may be set while we sleep. */
const longestSleepMs = 60_000

/** Watches until `signal` is aborted. A disk that cannot be read or written is tried again. */
export async function watchEnds(
  { items, ended, ttlMs, clock }: EndsNeeds,
  signal: AbortSignal,
): Promise<void> {
  // What is stored while we sleep cannot end sooner than a life from now.
  const longestMs = Math.min(ttlMs, longestSleepMs)
  while (!signal.aborted) {
    let sleepMs = longestMs
    try {
      const now = clock.now()
      await clearDead(now)
      const next = items.nextEnd(now)
      if (next !== undefined) sleepMs = Math.min(Math.max(next - clock.now(), 0), longestMs)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
    }
    await clock.sleep(sleepMs + graceMs, signal).catch(() => undefined)
  }

  async function clearDead(now: number): Promise<void> {
    for (;;) {
      const modules = await items.clear(now)
      if (modules.length === 0 || signal.aborted) return
      for (const key of modules) ended(key)
    }
  }
}
