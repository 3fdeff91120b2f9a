/**
 * Each account's own moment inside the window after a slot, so that many homes do not hit the cloud in the same
 * second. The same accounts have the same moments in every run.
 *
 * A hash alone scatters like raindrops: of 600 accounts over 60 seconds, some second gets twenty. So the accounts
 * of one daemon share the window in equal parts, in the order of their hashes, and the hash also tells the moment
 * inside the part. A home with one account has the whole window as its part: many such homes, which know nothing
 * of each other, stay scattered over it.
 */
import { hash } from 'node:crypto'

/** From 0 to 1, never 1: a text's own place on any scale, the same on every machine. */
function shareOf(account: string): number {
  return Number.parseInt(hash('sha256', account).slice(0, 12), 16) / 2 ** 48
}

/** The moment of an account that shares the window with nobody: at least 0 and less than `windowMs`. */
export function offsetInWindow(account: string, windowMs: number): number {
  return Math.floor(shareOf(account) * windowMs)
}

/** The moments of accounts that share a window, in milliseconds after the slot, by name. */
export function momentsInWindow(accounts: Iterable<string>, windowMs: number): Map<string, number> {
  const shares = [...new Set(accounts)].map((account) => ({ account, share: shareOf(account) }))
  shares.sort((one, other) => one.share - other.share)
  const partMs = windowMs / shares.length
  return new Map(
    shares.map(({ account, share }, rank) => [account, Math.floor((rank + share) * partMs)] as const),
  )
}

/**
 * Tells the moment of each account; `accounts` is asked when a new one turns up. The others may then move a
 * little, to make room.
 */
export function offsetsInWindow(
  accounts: () => readonly string[],
  windowMs: number,
): (account: string) => number {
  let moments: ReadonlyMap<string, number> = new Map()
  return (account) => {
    const known = moments.get(account)
    if (known !== undefined) return known
    const names = accounts()
    // Of an account whose login is gone only its modules are left, and these are not asked.
    if (!names.includes(account)) return offsetInWindow(account, windowMs)
    moments = momentsInWindow(names, windowMs)
    return moments.get(account) ?? 0
  }
}
