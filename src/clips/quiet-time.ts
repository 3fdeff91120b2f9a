/** Scheduled runs come first: for a while before an account's run nothing is requested that can wait. */

/** An account's next run, in milliseconds since the epoch, and how often there is one. */
export interface NextRun {
  readonly at: number
  readonly intervalMs: number
}

/** Less where runs are dense. */
const quietMs = 20_000

/** Milliseconds until the account's next run has begun, when that is near; 0 when it is not. */
export function untilQuietIsOver(next: NextRun | undefined, now: number): number {
  if (!next) return 0
  const left = next.at - now
  return left < Math.min(quietMs, next.intervalMs / 3) ? Math.max(left, 0) + 1_000 : 0
}
