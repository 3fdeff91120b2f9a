/** A bucket of tokens bounds how often a loop may ask, and not how a person presses buttons. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Bucket, take } from '../../../src/domain/token-bucket.ts'

const size = { capacity: 3, perMinute: 1 }

test('a few presses in a row are let through, then it takes a minute for each', () => {
  let bucket: Bucket | undefined
  const waits = [0, 1, 2, 3].map((now) => {
    const taken = take(bucket, 1, { size, now })
    bucket = taken.bucket
    return taken.waitMs
  })

  expect(waits.slice(0, 3)).toEqual([0, 0, 0])
  expect(waits[3]).toBeGreaterThan(59_000)
  expect(take(bucket, 1, { size, now: 3 + (waits[3] ?? 0) }).waitMs).toBe(0)
})

test('a demand for more than the bucket holds gets a whole bucket', () => {
  expect(take(undefined, 50, { size, now: 0 })).toEqual({ bucket: { tokens: 0, at: 0 }, waitMs: 0 })
})

test('however a rule loops, no more is taken on average than the bucket is refilled', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30_000), fc.integer({ min: 1, max: 5 }))), (steps) => {
      let [now, got]: [number, number] = [0, 0]
      let bucket: Bucket | undefined
      for (const [pause, wanted] of steps) {
        now += pause
        const taken = take(bucket, wanted, { size, now })
        bucket = taken.bucket
        if (taken.waitMs === 0) got += Math.min(wanted, size.capacity)
      }
      expect(got).toBeLessThanOrEqual(size.capacity + now / 60_000 + 1e-6)
    }),
  )
})
