/**
 * When runs come: the schedule's next times, and each account's offset after them.
 */
import { offsetsInWindow } from './jitter.ts'

export interface Timetable {
  /** The next two runs, in milliseconds since the epoch; fewer when the schedule ends, none while it is not running. */
  next(): readonly number[]
  /** Time between two runs; `undefined` when there is no second one. */
  intervalMs(): number | undefined
  /** An account's offset after a scheduled run, in milliseconds. */
  offsetOf(account: string): number
}

/** @param accounts names of the accounts that share the window */
export function timetable(
  schedule: { next(): readonly number[] },
  accounts: () => readonly string[],
  windowMs: number,
): Timetable {
  return {
    next: () => schedule.next(),
    intervalMs() {
      const [next, afterNext] = schedule.next()
      return next === undefined || afterNext === undefined ? undefined : afterNext - next
    },
    offsetOf: offsetsInWindow(accounts, windowMs),
  }
}
