/** The moments at which an expression fires: compared with the wall clock of the zone, and with lists written by hand. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runTimes } from '../../../src/scheduler/run-times.ts'

function runs(
  expression: string,
  timezone: string,
  { from, count, lastRun }: { readonly from: string; readonly count: number; readonly lastRun?: string },
): readonly string[] {
  const last = Date.parse(lastRun ?? '1970-01-01T00:00:00Z')
  const times = runTimes({ expression, timezone, hasRun: (first) => first <= last })
  return times.after(Date.parse(from), count).map((at) => new Date(at).toISOString().replace(':00.000Z', 'Z'))
}

test.each([
  [
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:30:00Z',
    ['10-25T00:00Z', '10-25T00:30Z', '10-25T01:00Z', '10-25T01:30Z', '10-25T02:00Z'],
  ],
  // A step of hours: 2 o'clock comes twice, and 3 o'clock is not meant.
  [
    '0 */2 * * *',
    'Europe/Berlin',
    '2026-10-24T21:00:00Z',
    ['10-24T22:00Z', '10-25T00:00Z', '10-25T01:00Z', '10-25T03:00Z'],
  ],
  [
    '15,45 2 * * *',
    'Europe/Berlin',
    '2026-10-24T12:00:00Z',
    ['10-25T00:15Z', '10-25T00:45Z', '10-26T01:15Z'],
  ],
  // The first comes before the start, the second has its first time still before it.
  [
    '15,45 2 * * *',
    'Europe/Berlin',
    '2026-10-25T00:20:00Z',
    ['10-25T00:45Z', '10-25T01:15Z', '10-26T01:15Z'],
  ],
  [
    '0 1-3 * * *',
    'America/New_York',
    '2026-11-01T04:00:00Z',
    ['11-01T05:00Z', '11-01T07:00Z', '11-01T08:00Z', '11-02T06:00Z'],
  ],
  ['30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00:00Z', ['03-28T01:30Z', '03-30T00:30Z']],
  ['*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:15:00Z', ['03-29T00:30Z', '03-29T01:00Z', '03-29T01:30Z']],
  // Half an hour only, at half past one.
  ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', ['04-04T14:45Z', '04-05T15:15Z']],
  [
    '*/15 * * * *',
    'Australia/Lord_Howe',
    '2026-04-04T14:30:00Z',
    ['04-04T14:45Z', '04-04T15:00Z', '04-04T15:15Z'],
  ],
  ['0 7 * * *', 'Asia/Kolkata', '2026-11-23T00:00:00Z', ['11-23T01:30Z', '11-24T01:30Z']],
  ['@hourly', 'Europe/Berlin', '2026-10-24T23:30:00Z', ['10-25T00:00Z', '10-25T01:00Z', '10-25T02:00Z']],
])('%s in %s behind %s', (expression, timezone, from, expected) => {
  const wanted = expected.map((at) => `${from.slice(0, 4)}-${at}`)

  expect(runs(expression, timezone, { from, count: wanted.length })).toEqual(wanted)
})

test('a run of before the start is not brought again, one of the day before has no say', () => {
  const from = '2026-10-25T00:50:00Z'
  const next = (lastRun: string) => runs('30 2 * * *', 'Europe/Berlin', { from, count: 1, lastRun })

  expect(next('2026-10-25T00:30:00Z')).toEqual(['2026-10-26T01:30Z'])
  expect(next('2026-10-24T00:30:00Z')).toEqual(['2026-10-25T01:30Z'])
})

test('rare days are found, and an expression without more days ends', () => {
  expect(runs('0 0 29 2 *', 'UTC', { from: '2097-01-01T00:00:00Z', count: 1 })).toEqual(['2104-02-29T00:00Z'])
  expect(runs('0 12 * * MON', 'Europe/Berlin', { from: '2026-11-23T12:00:00Z', count: 2 })).toEqual([
    '2026-11-30T11:00Z',
    '2026-12-07T11:00Z',
  ])
})

test('an interval fires at every moment at which the wall clock shows it, and at no other', () => {
  const zones = [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'America/St_Johns',
    'Africa/Casablanca',
  ]
  const [year, quarter] = [Date.parse('2026-01-01T00:00:00Z'), 15 * 60_000]
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.integer({ min: 0, max: 365 * 96 }), (timeZone, start) => {
      const from = year + start * quarter
      const shown = new Intl.DateTimeFormat('en-GB', { timeZone, minute: '2-digit', second: '2-digit' })
      const expected = Array.from({ length: 200 }, (_, nth) => from + (nth + 1) * quarter).filter(
        (at) => shown.format(at) === '45:00',
      )

      const times = runTimes({ expression: '45 * * * *', timezone: timeZone, hasRun: () => false })
      expect(times.after(from, expected.length)).toEqual(expected)
    }),
    { numRuns: 100 },
  )
})

test('a daily time comes at most once a day, and each day but for those that leave it out', () => {
  for (const [hour, days] of [
    [2, 364],
    [3, 365],
  ] as const) {
    const times = runTimes({
      expression: `30 ${hour} * * *`,
      timezone: 'Europe/Berlin',
      hasRun: () => false,
    })
    const end = Date.parse('2026-12-31T23:00:00Z')
    const found = times.after(Date.parse('2025-12-31T23:00:00Z'), 400).filter((at) => at < end)
    const dates = found.map((at) => new Date(at).toLocaleDateString('en-GB', { timeZone: 'Europe/Berlin' }))

    expect(dates.length).toBe(days)
    expect(new Set(dates).size).toBe(days)
  }
})
