/**
 * When runs come: the schedule's next times, and each account's offset after them.
 *
 * The offset keeps many homes from requesting in the same second, and is the same after each run. A hash alone
 * scatters unevenly: of 600 accounts over 60 seconds, some second gets twenty. So the accounts of one daemon share the
 * window in equal parts, in the order of their hashes, and the hash is the offset inside the part as well. A home with
 * one account has the whole window as its part: many such homes, which know nothing of each other, stay scattered.
 */
import { hash } from 'node:crypto'

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

/** When an account is requested next, and how often; also while a run that has begun waits for its offset. */
export function nextRunOf(
  times: Timetable,
  account: string,
  now: number,
): { readonly at: number; readonly intervalMs: number } | undefined {
  const [next] = times.next()
  if (next === undefined) return undefined
  const intervalMs = times.intervalMs() ?? Number.POSITIVE_INFINITY
  const offsetMs = times.offsetOf(account)
  const begun = next - intervalMs + offsetMs
  return { at: begun > now ? begun : next + offsetMs, intervalMs }
}

/** The offset of each account; `accounts` is called for a new one. The others may then move a little, to make room. */
export function offsetsInWindow(
  accounts: () => readonly string[],
  windowMs: number,
): (account: string) => number {
  let offsets: ReadonlyMap<string, number> = new Map()
  return (account) => {
    const known = offsets.get(account)
    if (known !== undefined) return known
    const names = accounts()
    // Credentials without a known account, and modules whose account is gone.
    if (!names.includes(account)) return offsetInWindow(account, windowMs)
    offsets = sharedOffsets(names, windowMs)
    return offsets.get(account) ?? 0
  }
}

/** The offsets of accounts that share a window, in milliseconds, by name. */
export function sharedOffsets(accounts: Iterable<string>, windowMs: number): Map<string, number> {
  const shares = [...new Set(accounts)].map((account) => ({ account, share: shareOf(account) }))
  shares.sort((one, other) => one.share - other.share)
  const partMs = windowMs / shares.length
  return new Map(
    shares.map(({ account, share }, rank) => [account, Math.floor((rank + share) * partMs)] as const),
  )
}

/** The offset of an account that shares the window with no other: at least 0 and less than `windowMs`. */
export function offsetInWindow(account: string, windowMs: number): number {
  return Math.floor(shareOf(account) * windowMs)
}

/** From 0 to 1, never 1: a text's own place on any scale, the same on every machine. */
function shareOf(account: string): number {
  return Number.parseInt(hash('sha256', account).slice(0, 12), 16) / 2 ** 48
}
