/**
 * The end of each request ID's life, so that what is published of a module does not outlive it until the next tick.
 *
 * IDs live equally long, so they end in the order in which they came, and one queue and one timer do for all.
 */
import type { Clock } from '../clock.ts'
import { keyOf, type ModuleKey, type WorkItem } from '../model.ts'

export interface ExpiryNeeds {
  /** A request ID of this module is over. */
  readonly expired: (key: ModuleKey) => void
  readonly clock: Clock
}

export interface Expiries {
  add(item: WorkItem): void
}

/** Never shorter, so that many ends are told together; and the wall clock has passed the moment by then. */
const graceMs = 50
/** The wall clock may be set while we sleep. */
const longestSleepMs = 60_000

/** Watches until `signal` is aborted. */
export function watchExpiries(
  { expired, clock }: ExpiryNeeds,
  known: readonly WorkItem[],
  signal: AbortSignal,
): Expiries {
  let waiting = known
    .filter(({ expiresAt }) => expiresAt > clock.now())
    .sort((a, b) => a.expiresAt - b.expiresAt)
  let asleep = false

  async function watch(): Promise<void> {
    asleep = true
    while (waiting[0] && !signal.aborted) {
      const leftMs = waiting[0].expiresAt - clock.now()
      await clock
        .sleep(Math.min(Math.max(leftMs, 0) + graceMs, longestSleepMs), signal)
        .catch(() => undefined)
      tell()
    }
    asleep = false
  }

  function tell(): void {
    const now = clock.now()
    const alive = waiting.findIndex(({ expiresAt }) => expiresAt > now)
    const over = waiting.slice(0, alive < 0 ? waiting.length : alive)
    waiting = waiting.slice(over.length)
    const modules = new Map(over.map((item) => [keyOf(item), item]))
    if (!signal.aborted) for (const key of modules.values()) expired(key)
  }

  if (waiting.length > 0) void watch()
  return {
    add(item) {
      waiting.push(item)
      if (!asleep) void watch()
    },
  }
}
