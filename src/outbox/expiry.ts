/**
 * The expiry of each request ID: its row is deleted, and what is published of its module does not outlive it.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { ModuleKey } from '../domain/model.ts'
import type { Ledger } from '../domain/ports.ts'

export interface ExpiryNeeds {
  readonly ledger: Pick<Ledger, 'deleteExpired' | 'nextExpiry'>
  /** Called when a request ID of this module has expired. */
  readonly expired: (key: ModuleKey) => void
  /** Life of a request ID, in milliseconds. */
  readonly ttlMs: number
  readonly clock: Clock
}

/** Never shorter, so that many are handled together; and the wall clock has passed the moment by then. */
const graceMs = 50
/** The wall clock may be set while this sleeps. */
const longestSleepMs = 60_000

/** Watches until `signal` is aborted. A disk that cannot be read or written is tried again. */
export async function watchExpiry(
  { ledger, expired, ttlMs, clock }: ExpiryNeeds,
  signal: AbortSignal,
): Promise<void> {
  // What is stored meanwhile cannot expire sooner than a life from now.
  const longestMs = Math.min(ttlMs, longestSleepMs)
  while (!signal.aborted) {
    let sleepMs = longestMs
    try {
      const now = clock.now()
      await deleteExpired(now)
      const next = await ledger.nextExpiry(now)
      if (next !== undefined) sleepMs = Math.min(Math.max(next - clock.now(), 0), longestMs)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
    }
    await clock.sleep(sleepMs + graceMs, signal).catch(() => undefined)
  }

  async function deleteExpired(now: number): Promise<void> {
    for (;;) {
      const modules = await ledger.deleteExpired(now)
      if (modules.length === 0 || signal.aborted) return
      for (const key of modules) expired(key)
    }
  }
}
