import { expect, test } from 'vitest'
import { nextRunOf } from '../../../src/scheduler/timetable.ts'

const minute = 60_000
const times = { next: () => [10 * minute, 15 * minute], intervalMs: () => 5 * minute, offsetOf: () => 20_000 }

test('the next run of an account is the scheduled time and its offset', () => {
  expect(nextRunOf(times, '8021', 9 * minute)).toEqual({ at: 10 * minute + 20_000, intervalMs: 5 * minute })
})

test('a run that has begun and waits for its offset is the next one', () => {
  expect(nextRunOf(times, '8021', 5 * minute + 19_999)?.at).toBe(5 * minute + 20_000)
  expect(nextRunOf(times, '8021', 5 * minute + 20_000)?.at).toBe(10 * minute + 20_000)
})

test('without a schedule there is no next run', () => {
  expect(nextRunOf({ ...times, next: () => [] }, '8021', 0)).toBeUndefined()
})
