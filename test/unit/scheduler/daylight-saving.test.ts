/** The days on which the clocks change, in the two zones that change them differently, by day and by interval, and over restarts. */
import { expect, test } from 'vitest'
import { hour, minute, schedule } from '../../support/days.ts'

const changes = [
  ['Europe/Berlin', 'spring', '2026-03-28T23:00:00.000Z'],
  ['Europe/Berlin', 'autumn', '2026-10-24T22:00:00.000Z'],
  ['America/New_York', 'spring', '2026-03-08T05:00:00.000Z'],
  ['America/New_York', 'autumn', '2026-11-01T04:00:00.000Z'],
] as const

/** The distances of what was fired, in minutes. */
const gaps = (fired: readonly string[]) =>
  fired.slice(1).map((at, index) => (Date.parse(at) - Date.parse(fired[index] ?? '')) / minute)

for (const [zone, season, midnight] of changes) {
  test(`in ${zone} a daily run comes once on the day of the ${season} change, and so on the next`, async () => {
    const { fired, pass, stop, warnings } = await schedule('0 8 * * *', zone, midnight)

    await pass(34 * hour)
    await stop()

    const local = fired.map((at) => new Date(at).toLocaleTimeString('en-GB', { timeZone: zone }))
    expect(local).toEqual(['08:00:00', '08:00:00'])
    expect(warnings()).toEqual([])
  })

  test(`in ${zone} a run every 15 minutes goes through the ${season} change without a gap`, async () => {
    const { fired, kept, pass, stop, warnings } = await schedule('*/15 * * * *', zone, midnight)

    await pass(5 * hour)
    await stop()

    expect(new Set(gaps(fired))).toEqual(new Set([15]))
    expect(warnings()).toEqual([])
    expect(kept).toEqual([])
  })
}

const halfPastTwo = ['30 2 * * *', 'Europe/Berlin'] as const

test('a daily run in the hour that comes twice happens once, at the first time', async () => {
  const { fired, kept, pass, stop } = await schedule(...halfPastTwo, '2026-10-24T12:00:00Z')

  await pass(38 * hour)
  await stop()

  expect(fired).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'])
  expect(kept).toEqual(['2026-10-25T00:30:00.000Z'])
})

test('a daemon started between the two takes the second, if the first has not happened', async () => {
  const { fired, pass, stop } = await schedule(...halfPastTwo, '2026-10-25T00:50:00Z', {
    lastRun: '2026-10-24T00:30:00.000Z',
  })

  await pass(24 * hour)
  await stop()

  expect(fired).toEqual(['2026-10-25T01:30:00.000Z'])
})

test('of several times in that hour each happens once, whichever the start has cut off', async () => {
  const { fired, pass, stop } = await schedule('15,45 2 * * *', 'Europe/Berlin', '2026-10-25T00:20:00Z')

  await pass(5 * hour)
  await stop()

  expect(fired).toEqual(['2026-10-25T00:45:00.000Z', '2026-10-25T01:15:00.000Z'])
})

test('a daemon restarted between the two does not bring it again', async () => {
  const { fired, pass, stop } = await schedule(...halfPastTwo, '2026-10-25T00:50:00Z', {
    lastRun: '2026-10-25T00:30:00.000Z',
  })

  await pass(25 * hour)
  await stop()

  expect(fired).toEqual(['2026-10-26T01:30:00.000Z'])
})

test('a run made up for after sleep is not brought again by the second hour', async () => {
  const { fired, kept, pass, setClock, stop } = await schedule(...halfPastTwo, '2026-10-24T23:50:00Z')
  await pass(minute)

  setClock(hour)
  await pass(2 * hour)
  await stop()

  expect(fired).toEqual([expect.stringMatching(/^2026-10-25T00:51:/)])
  expect(kept).toEqual(fired)
})

test('in UTC, the default, a run every 15 minutes comes every 15 minutes on all these days', async () => {
  for (const [, , midnight] of changes) {
    const { fired, pass, stop } = await schedule('*/15 * * * *', 'UTC', midnight)
    await pass(5 * hour)
    await stop()

    expect(new Set(gaps(fired))).toEqual(new Set([15]))
  }
})
