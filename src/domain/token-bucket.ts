/**
 * How often commands may send requests to the cloud: so many tokens, refilled over time. Pure.
 *
 * A rule that loops must not lock the account. On average an account is requested no more often than by a schedule of
 * once a minute, the fastest that the settings allow without a word of warning.
 */

/** What is left, as of a moment of the clock's elapsed time. */
export interface Bucket {
  readonly tokens: number
  readonly at: number
}

export interface BucketSize {
  readonly capacity: number
  /** In how long an empty bucket gets this many tokens. */
  readonly perMinute: number
}

const minuteMs = 60_000

export interface Taken {
  readonly bucket: Bucket
  /** When there would be enough, counted from now; 0 when they were taken. */
  readonly waitMs: number
}

/** Takes tokens, all or none. More than the bucket holds counts as a whole bucket. */
export function take(
  bucket: Bucket | undefined,
  wanted: number,
  { size, now }: { readonly size: BucketSize; readonly now: number },
): Taken {
  const { capacity, perMinute } = size
  const grown = bucket ? bucket.tokens + ((now - bucket.at) * perMinute) / minuteMs : capacity
  const tokens = Math.min(grown, capacity)
  const cost = Math.min(wanted, capacity)
  if (tokens >= cost) return { bucket: { tokens: tokens - cost, at: now }, waitMs: 0 }
  return { bucket: { tokens, at: now }, waitMs: Math.ceil(((cost - tokens) * minuteMs) / perMinute) }
}
