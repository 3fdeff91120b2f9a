import { expect, test } from 'vitest'
import { retryAfterMs } from '../../../src/blink/retry-after.ts'

const now = Date.parse('2026-11-23T09:00:00.000Z')

test('a pause is named in seconds or as a date', () => {
  expect(retryAfterMs('120', now)).toBe(120_000)
  expect(retryAfterMs(' 1 ', now)).toBe(1_000)
  expect(retryAfterMs('Mon, 23 Nov 2026 09:00:30 GMT', now)).toBe(30_000)
})

test.each([
  undefined,
  '',
  '0',
  '-5',
  '1.5',
  'soon',
  '1e9',
  'Mon, 23 Nov 2026 08:59:59 GMT',
  '2026-11-24',
  '9 9',
  'Xxx, 99 Yyy 2026 99:99:99 GMT',
])('a pause that makes no sense is none: %j', (header) => {
  expect(retryAfterMs(header, now)).toBeUndefined()
})

test('no pause is longer than a day', () => {
  expect(retryAfterMs('9'.repeat(400), now)).toBe(86_400_000)
  expect(retryAfterMs('Fri, 31 Dec 9999 23:59:59 GMT', now)).toBe(86_400_000)
})
