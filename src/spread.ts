/**
 * Each account's own moment inside the window after a slot, so that many homes do not hit the cloud in the same
 * second. Pure: the same account has the same moment on every machine and in every run.
 */
import { hash } from 'node:crypto'

/** Milliseconds after the slot, at least 0 and less than `windowMs`. */
export function offsetInWindow(account: string, windowMs: number): number {
  const share = Number.parseInt(hash('sha256', account).slice(0, 12), 16) / 2 ** 48
  return Math.floor(share * windowMs)
}
