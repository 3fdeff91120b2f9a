/**
 * Jumps of time between two looks at both clocks. Pure.
 *
 * The wall clock alone moves when it is set, and when Linux sleeps, where the other clock stands still too. Both
 * move when the program stood still: a blocked event loop, a stopped process, a paused machine.
 */

/** Both clocks at the same moment, in milliseconds. */
export interface Moment {
  readonly now: number
  readonly elapsed: number
}

export interface Jump {
  readonly kind: 'wall_clock' | 'stood_still'
  /** Negative when the wall clock was set back. */
  readonly ms: number
}

/** Less than this is a busy machine, or a clock that is being corrected. */
const leastJumpMs = 3_000

/** The jump between two looks that should have been `askedMs` apart, or `undefined` when time just passed. */
export function jumpBetween(before: Moment, after: Moment, askedMs: number): Jump | undefined {
  const passed = after.elapsed - before.elapsed
  const set = after.now - before.now - passed
  if (Math.abs(set) >= leastJumpMs) return { kind: 'wall_clock', ms: Math.round(set) }
  const late = passed - askedMs
  return late >= leastJumpMs ? { kind: 'stood_still', ms: Math.round(late) } : undefined
}
