/** The days on which the clocks change, in the two zones that change them differently, by day and by interval. */
import { afterEach, expect, test, vi } from 'vitest'
import { hour, minute, schedule } from './days.ts'

afterEach(() => {
  vi.useRealTimers()
})

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
  test(`in ${zone} a daily slot comes once on the day of the ${season} change, and so on the next`, async () => {
    const { fired, pass, stop, warnings } = await schedule('0 8 * * *', zone, midnight)

    await pass(48 * hour)
    await stop()

    const local = fired.map((at) => new Date(at).toLocaleTimeString('en-GB', { timeZone: zone }))
    expect(local).toEqual(['08:00:00', '08:00:00'])
    expect(warnings()).toEqual([])
  })

  test(`in ${zone} a slot every 15 minutes never comes twice and is not made up for at the ${season} change`, async () => {
    const { fired, pass, stop, warnings } = await schedule('*/15 * * * *', zone, midnight)

    await pass(12 * hour)
    await stop()

    // In autumn the second of the two equal hours has no slots; in spring nothing is missing.
    const silent = season === 'autumn' ? [75] : []
    expect(gaps(fired).filter((gap) => gap !== 15)).toEqual(silent)
    expect(new Set(fired).size).toBe(fired.length)
    expect(warnings()).toEqual([])
  })
}

test('in UTC, the default, a slot every 15 minutes comes every 15 minutes on all these days', async () => {
  for (const [, , midnight] of changes) {
    const { fired, pass, stop } = await schedule('*/15 * * * *', 'UTC', midnight)
    await pass(12 * hour)
    await stop()

    expect(new Set(gaps(fired))).toEqual(new Set([15]))
  }
})
