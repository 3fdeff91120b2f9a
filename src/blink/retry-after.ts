/**
 * The `Retry-After` header. Pure.
 *
 * Never seen from Blink, but every peer that was throttled would have liked to honour it. What makes no sense
 * is no pause at all, and no pause is longer than a day: one bad header must not silence an account.
 *
 * @see RFC 9110, section 10.2.3
 */

const longestMs = 24 * 60 * 60 * 1000

/** The pause in milliseconds, or `undefined` when none is named, it is over, or it cannot be read. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? ''
  const pause = /^\d+$/.test(text) ? Number(text) * 1000 : dateOf(text) - now
  return pause > 0 ? Math.min(pause, longestMs) : undefined
}

/** `NaN` for anything but the one form of date that servers may send. */
function dateOf(text: string): number {
  return /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)
    ? Date.parse(text)
    : Number.NaN
}
