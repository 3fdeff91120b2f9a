/** Runs of real schedules, over days that pass in no time. */
import { expect, test } from 'vitest'
import { hour, minute, schedule } from '../../support/days.ts'

test('runs come at their minutes, with the scheduled time and not that of the call', async () => {
  const { fired, pass, stop } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T08:58:30.250Z')

  await pass(12 * minute)
  await stop()

  expect(fired).toEqual(['2026-11-23T09:00:00.000Z', '2026-11-23T09:05:00.000Z', '2026-11-23T09:10:00.000Z'])
})

test('six fields name seconds', async () => {
  const { fired, pass, stop } = await schedule('30 0 9 * * *', 'UTC', '2026-11-23T08:59:00.000Z')

  await pass(2 * minute)
  await stop()

  expect(fired).toEqual(['2026-11-23T09:00:30.000Z'])
})

test('hours are those of the time zone', async () => {
  const { fired, pass, stop } = await schedule('0 7 * * *', 'Asia/Kolkata', '2026-11-23T00:00:00.000Z')

  await pass(24 * hour)
  await stop()

  expect(fired).toEqual(['2026-11-23T01:30:00.000Z'])
})

test('a run inside the hour that spring leaves out does not happen on that day', async () => {
  const { fired, pass, stop } = await schedule('30 2 * * *', 'America/New_York', '2026-03-07T12:00:00.000Z')

  await pass(43 * hour)
  await stop()

  expect(fired).toEqual(['2026-03-09T06:30:00.000Z'])
})

test('the next two runs are known', async () => {
  const { next, pass, stop } = await schedule('*/5 * * * *', 'UTC', '2026-11-23T08:58:30.000Z')
  const iso = () => next().map((at) => new Date(at).toISOString())

  expect(iso()).toEqual(['2026-11-23T09:00:00.000Z', '2026-11-23T09:05:00.000Z'])
  await pass(2 * minute)
  expect(iso()).toEqual(['2026-11-23T09:05:00.000Z', '2026-11-23T09:10:00.000Z'])

  await stop()
})

test('a run whose work throws is logged as an error, and the next run comes', async () => {
  const { fired, log, pass, stop } = await schedule('* * * * *', 'UTC', '2026-11-23T09:00:30.000Z', {
    onRun() {
      throw new TypeError('x is not a function')
    },
  })

  await pass(2 * minute)
  await stop()

  expect(fired).toEqual(['2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z'])
  const errors = log.lines.filter(({ level }) => level === 'error')
  expect(errors.length).toBeGreaterThanOrEqual(2)
  expect(JSON.stringify(errors)).toContain('x is not a function')
})

test('a stopped schedule is silent, and may be stopped twice', async () => {
  const { fired, pass, sleeping, stop } = await schedule('* * * * *', 'UTC', '2026-11-23T09:00:30.000Z')
  await pass(minute)

  await stop()
  await stop()
  await pass(5 * minute)

  expect(fired).toHaveLength(1)
  expect(sleeping()).toBe(0)
})
