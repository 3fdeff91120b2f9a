/** How often callers may have something done, kept in memory: for a daemon that shares its callers with no other. */
import type { Clock } from '../domain/clock.ts'
import type { CallerLimits } from '../domain/ports.ts'
import { type Bucket, take } from '../domain/token-bucket.ts'

export function memoryLimits(clock: Pick<Clock, 'elapsed'>): CallerLimits {
  const buckets = new Map<string, Bucket>()
  return {
    async take(name, cost, size) {
      const { bucket, waitMs } = take(buckets.get(name), cost, { size, now: clock.elapsed() })
      buckets.set(name, bucket)
      return waitMs
    },
  }
}
