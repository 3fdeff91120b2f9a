/** A clock that is set, a machine that slept, a program that stood still: which runs follow. */
import { expect, test } from 'vitest'
import { day, hour, minute, schedule } from '../../support/days.ts'

const wallClock = 'the clock jumped: it was set, or the machine slept'
/** A walk through a year of runs takes 25 s of a processor; others on the machine do not lengthen this time. */
const walkMs = 10_000
const cpuMs = (since: NodeJS.CpuUsage) => process.cpuUsage(since).user / 1_000
const stoodStill = 'the program stood still: the machine slept or was too busy'

test('a clock set back an hour does not silence the schedule', async () => {
  const { fired, pass, setClock, stop, warnings } = await schedule(
    '*/5 * * * *',
    'UTC',
    '2026-11-23T09:58:00Z',
  )
  await pass(3 * minute)

  setClock(-hour)
  await pass(6 * minute)
  await stop()

  expect(fired).toEqual(['2026-11-23T10:00:00.000Z', '2026-11-23T09:05:00.000Z'])
  expect(warnings()).toMatchObject([{ message: wallClock, fields: { jump_s: -3600, run_missed: false } }])
})

test.each([
  -12_000, -20_000, -40_000,
])('a clock set back %i ms right after a run does not bring the run again', async (ms) => {
  const { fired, pass, setClock, stop } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T09:04:58Z')
  await pass(10_000)

  setClock(ms)
  await pass(6 * minute)
  await stop()

  expect(fired).toEqual(['2026-11-23T09:05:00.000Z', '2026-11-23T09:10:00.000Z'])
})

test('a clock set forward to right before the next run does not hurry it', async () => {
  const { fired, pass, setClock, stop } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T09:04:58Z')
  await pass(10_000)

  setClock(4 * minute + 45_000)
  await pass(6 * minute)
  await stop()

  expect(fired).toEqual(['2026-11-23T09:05:00.000Z', '2026-11-23T09:15:00.000Z'])
})

test('a clock set forward a year is one catch-up and no walk through a year of runs', async () => {
  const { fired, pass, setClock, stop, warnings } = await schedule(
    '*/5 * * * *',
    'UTC',
    '2026-11-23T08:57:00Z',
  )
  await pass(4 * minute)
  const begun = process.cpuUsage()

  setClock(365 * day)
  await pass(10 * minute)
  await stop()

  expect(cpuMs(begun)).toBeLessThan(walkMs)
  expect(fired.slice(1)).toEqual([
    expect.stringMatching(/^2027-11-23T09:01:0/),
    '2027-11-23T09:05:00.000Z',
    '2027-11-23T09:10:00.000Z',
  ])
  expect(warnings()).toMatchObject([{ fields: { jump_s: 365 * 86_400, run_missed: true } }])
})

test('a clock set forward shortly before a run walks through no year of runs', async () => {
  const { fired, pass, setClock, stop } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T08:57:00Z')
  await pass(3 * minute - 25)
  const begun = process.cpuUsage()

  setClock(365 * day)
  await pass(6 * minute)
  await stop()

  expect(cpuMs(begun)).toBeLessThan(walkMs)
  expect(fired).toEqual(['2027-11-23T09:00:00.000Z', '2027-11-23T09:05:00.000Z'])
})

test('after eight hours of sleep one run makes up for all of the night', async () => {
  const { fired, pass, setClock, stop, jumps } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T22:58:00Z')
  await pass(3 * minute)

  setClock(8 * hour)
  await pass(5 * minute)
  await stop()

  expect(fired).toEqual([
    '2026-11-23T23:00:00.000Z',
    expect.stringMatching(/^2026-11-24T07:01:0/),
    '2026-11-24T07:05:00.000Z',
  ])
  expect(jumps()).toBe(1)
})

test('a daily run that the machine slept through is made up for when it wakes', async () => {
  const { fired, pass, setClock, stop } = await schedule('0 7 * * *', 'Europe/Berlin', '2026-11-23T22:00:00Z')
  await pass(10 * minute)

  setClock(10 * hour)
  await pass(10_000)
  expect(fired).toEqual([expect.stringMatching(/^2026-11-24T08:10:/)])
  await pass(day)
  await stop()

  expect(fired.slice(1)).toEqual(['2026-11-25T06:00:00.000Z'])
})

test('a sleep without a run in it is logged, and nothing is made up for', async () => {
  const { fired, pass, setClock, stop, warnings } = await schedule('0 7 * * *', 'UTC', '2026-11-23T08:00:00Z')
  await pass(minute)

  setClock(8 * hour)
  await pass(hour)
  await stop()

  expect(fired).toEqual([])
  expect(warnings()).toMatchObject([{ fields: { jump_s: 8 * 3600, run_missed: false } }])
})

test('an event loop that was blocked for a minute across a run catches it up once', async () => {
  const { fired, pass, standStill, stop, warnings } = await schedule(
    '*/5 * * * *',
    'UTC',
    '2026-11-23T09:03:30Z',
  )
  await pass(minute)

  standStill(minute)
  await pass(5 * minute)
  await stop()

  expect(fired).toEqual([expect.stringMatching(/^2026-11-23T09:05:3/), '2026-11-23T09:10:00.000Z'])
  expect(warnings()).toMatchObject([{ message: stoodStill, fields: { jump_s: 60, run_missed: true } }])
})

test('a clock set to and fro every ten seconds causes one run a minute at most', async () => {
  const { fired, pass, setClock, stop } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T09:01:00Z')

  for (let times = 0; times < 30; times++) {
    setClock(hour)
    await pass(10_000)
    setClock(-hour)
    await pass(10_000)
  }
  await stop()

  expect(fired.length).toBeGreaterThan(1)
  expect(fired.length).toBeLessThanOrEqual(10)
})

test('after a jump the next runs are those of the new time', async () => {
  const { next, pass, setClock, stop } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T09:01:00Z')
  expect(next()).toEqual(['2026-11-23T09:05:00.000Z', '2026-11-23T09:10:00.000Z'])

  setClock(-hour)
  await pass(10_000)

  expect(next()).toEqual(['2026-11-23T08:05:00.000Z', '2026-11-23T08:10:00.000Z'])
  await stop()
})

test('a clock that is corrected by a second is no jump', async () => {
  const { fired, pass, setClock, stop, warnings } = await schedule(
    '*/5 * * * *',
    'UTC',
    '2026-11-23T09:04:30Z',
  )

  setClock(-1_000)
  await pass(minute)
  setClock(1_000)
  await pass(5 * minute)
  await stop()

  expect(fired).toEqual(['2026-11-23T09:05:00.000Z', '2026-11-23T09:10:00.000Z'])
  expect(warnings()).toEqual([])
})

test('a schedule that is stopped right after a jump stays stopped', async () => {
  const { fired, pass, setClock, sleeping, stop } = await schedule('* * * * *', 'UTC', '2026-11-23T09:00:30Z')

  setClock(hour)
  const passing = pass(5_000)
  await stop()
  await passing
  await pass(5 * minute)

  expect(fired.length).toBeLessThanOrEqual(1)
  expect(sleeping()).toBe(0)
})
