/** Follows the log level that a command has set at any instance. */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { SharedLogLevel } from '../domain/fleet.ts'
import type { LogLevel } from '../domain/ports.ts'

export interface FollowNeeds {
  readonly shared: SharedLogLevel
  /** Called with each level that was set since the start. */
  readonly apply: (level: LogLevel) => void
  readonly clock: Clock
}

/** How often it is looked. */
const lookMs = 2_000

/** Follows until `signal` is aborted. What was set before the start is not taken over: a restart begins anew. */
export async function followLogLevel(
  { shared, apply, clock }: FollowNeeds,
  signal: AbortSignal,
): Promise<void> {
  let [isFirst, last] = [true, 0]
  while (!signal.aborted) {
    try {
      const { level, at = 0 } = (await shared.read()) ?? {}
      if (level !== undefined && at !== last && !isFirst) apply(level)
      last = at
      isFirst = false
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
    }
    await clock.sleep(lookMs, signal).catch(() => undefined)
  }
}
