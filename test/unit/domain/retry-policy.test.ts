import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  AccountThrottled,
  CloudChanged,
  CloudRefused,
  CloudUnreachable,
  StoreFailed,
} from '../../../src/domain/errors.ts'
import {
  afterThrottle,
  closedBreaker,
  closedUntil,
  opensBreaker,
  pauseBeforeRetry,
} from '../../../src/domain/retry-policy.ts'
import { start } from '../../support/samples.ts'
import { answerLost, busy, loginNeeded, notSent, refused, throttled } from '../../support/scripted.ts'

const minute = 60_000
const hour = 60 * minute

function refusal(details: { retryAfterMs?: number; bodyCode?: number } = {}): AccountThrottled {
  return new AccountThrottled('too many requests', { outcome: 'not-done', ...details })
}

test('a busy module is left alone for 3, 8, 15 and 25 seconds, and then given up', () => {
  const pauses = [1, 2, 3, 4, 5].map((tried) => pauseBeforeRetry(busy, tried, 0))

  expect(pauses).toEqual([3_000, 8_000, 15_000, 25_000, undefined])
})

test('a request that did nothing gets two more tries', () => {
  const pauses = [1, 2, 3].map((tried) => pauseBeforeRetry(notSent, tried, 0))

  expect(pauses).toEqual([2_000, 6_000, undefined])
})

test('only failures that certainly did nothing, and that may pass, get a second try', () => {
  const changed = new CloudChanged('no id', { outcome: 'unknown' })
  const passing = new CloudRefused('503', { outcome: 'not-done', retryable: true })

  for (const error of [answerLost, refused, throttled, loginNeeded, changed, new StoreFailed('full')]) {
    expect(pauseBeforeRetry(error, 1, 0)).toBeUndefined()
  }
  expect(pauseBeforeRetry(passing, 1, 0)).toBe(2_000)
})

test('a pause is never shorter than the cloud named, and at most a quarter longer', () => {
  const named = fc.option(fc.integer({ min: 0, max: 2 * hour }), { nil: undefined })
  const chance = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(named, fc.integer({ min: 1, max: 2 }), chance, (retryAfterMs, tried, share) => {
      const details = retryAfterMs === undefined ? {} : { retryAfterMs }
      const error = new CloudUnreachable('no connection', { outcome: 'not-done', ...details })
      const least = Math.max(retryAfterMs ?? 0, tried === 1 ? 2_000 : 6_000)

      const pause = pauseBeforeRetry(error, tried, share) ?? 0

      expect(pause).toBeGreaterThanOrEqual(least)
      expect(pause).toBeLessThanOrEqual(Math.ceil(least * 1.25))
    }),
  )
})

test('"slow down" pauses for five minutes, then twice as long, up to six hours', () => {
  let breaker = closedBreaker
  const pauses: number[] = []
  for (let refusals = 0; refusals < 9; refusals++) {
    breaker = afterThrottle(breaker, refusal(), { now: start, chance: 0 })
    pauses.push(((breaker.openUntil ?? 0) - start) / minute)
  }

  expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 360, 360])
  expect(breaker.failures).toBe(9)
})

test('years of refusals still give a pause that is a number', () => {
  const breaker = { failures: 1_000_000, openUntil: undefined }

  const { openUntil } = afterThrottle(breaker, refusal(), { now: start, chance: 0 })

  expect(openUntil).toBe(start + 6 * hour)
})

test('chance spreads the end of a pause over a quarter of it', () => {
  const { openUntil } = afterThrottle(closedBreaker, refusal(), { now: start, chance: 1 })

  expect(openUntil).toBe(start + 6.25 * minute)
})

test('the pause the cloud named is kept in full, but no absurd one', () => {
  const at = { now: start, chance: 0 }
  const ends = [20 * minute, 365 * 24 * hour, Number.POSITIVE_INFINITY, 1, -hour].map(
    (retryAfterMs) => (afterThrottle(closedBreaker, refusal({ retryAfterMs }), at).openUntil ?? 0) - start,
  )

  expect(ends).toEqual([20 * minute, 24 * hour, 24 * hour, 5 * minute, 5 * minute])
})

test('after too many sign-ins the pause is at least the hour the cloud names', () => {
  const { openUntil } = afterThrottle(closedBreaker, refusal({ bodyCode: 106 }), { now: start, chance: 0 })

  expect(openUntil).toBe(start + hour)
})

test('a breaker is open until its moment and not a millisecond longer', () => {
  const breaker = { failures: 1, openUntil: start + minute }

  expect(closedUntil(breaker, start)).toBe(start + minute)
  expect(closedUntil(breaker, start + minute - 1)).toBe(start + minute)
  expect(closedUntil(breaker, start + minute)).toBeUndefined()
  expect(closedUntil(closedBreaker, start)).toBeUndefined()
})

test('a wall clock set back by years does not make a pause of minutes one of years', () => {
  const breaker = { failures: 1, openUntil: start + 5 * minute }
  const longAgo = start - 10 * 365 * 24 * hour

  expect(closedUntil(breaker, longAgo)).toBe(longAgo + 24 * hour)
})

test('only "slow down" opens the breaker', () => {
  expect(opensBreaker(throttled)).toBe(true)
  for (const error of [busy, notSent, refused, loginNeeded, new Error('bug'), undefined]) {
    expect(opensBreaker(error)).toBe(false)
  }
})
