import { expect, test } from 'vitest'
import {
  DeadlineReached,
  deadline,
  iso,
  systemClock,
  thisMoment,
  timeOrderedId,
} from '../../../src/domain/clock.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { start } from '../../support/samples.ts'

const reason = new Error('stopped')

test('the wall clock has the time of day, and what has elapsed only grows', () => {
  const [before, from] = [systemClock.elapsed(), Date.now()]
  const now = systemClock.now()

  expect(now).toBeGreaterThanOrEqual(from)
  expect(now).toBeLessThanOrEqual(Date.now())
  expect(systemClock.elapsed()).toBeGreaterThanOrEqual(before)
})

test('sleeping for no time, or less, is over at once', async () => {
  await systemClock.sleep(0)
  await systemClock.sleep(-5)

  expect(true).toBe(true)
})

test('a sleep that is interrupted ends with the reason that was given', async () => {
  const abort = new AbortController()
  const sleeping = systemClock.sleep(3_600_000, abort.signal)
  abort.abort(reason)

  await expect(sleeping).rejects.toBe(reason)
  await expect(systemClock.sleep(0, abort.signal)).rejects.toBe(reason)
})

test('a sleep longer than a timer can hold does not end at once', async () => {
  const abort = new AbortController()
  let over = false
  const sleeping = systemClock.sleep(2 ** 31, abort.signal).then(
    () => (over = true),
    () => undefined,
  )
  // A timer that is set too far ahead fires after a millisecond.
  for (const begun = systemClock.elapsed(); systemClock.elapsed() - begun < 5; ) await settle()

  expect(over).toBe(false)
  abort.abort(reason)
  await sleeping
})

test('chance is at least 0 and less than 1, and bytes are as many as wanted', () => {
  const chances = Array.from({ length: 100 }, () => systemClock.random())

  expect(chances.every((chance) => chance >= 0 && chance < 1)).toBe(true)
  expect(systemClock.randomBytes(16)).toHaveLength(16)
  expect(systemClock.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('ids of later moments sort after earlier ones, and two of one moment differ', () => {
  const clock = { ...systemClock, now: () => start }
  const later = { ...systemClock, now: () => start + 1 }
  const ids = Array.from({ length: 1_000 }, () => timeOrderedId(clock))

  const last = timeOrderedId(later)

  expect(new Set(ids).size).toBe(1_000)
  expect([last, ...ids].sort().at(-1)).toBe(last)
})

test('an id of time is a version 7 UUID that holds the wall clock', () => {
  const id = timeOrderedId({ ...systemClock, now: () => start })

  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(start)
})

test('a deadline aborts when its time is over, and says so', async () => {
  const clock = fakeClock()
  const { signal } = deadline(clock, 20_000)

  await clock.advance(19_999)
  expect(signal.aborted).toBe(false)
  await clock.advance(1)

  expect(signal.reason).toBeInstanceOf(DeadlineReached)
  expect(String(signal.reason)).toContain('20000 ms')
})

test('a deadline aborts with its parent and for the reason of its parent', () => {
  const parent = new AbortController()
  const during = deadline(fakeClock(), 20_000, parent.signal)
  parent.abort(reason)
  const after = deadline(fakeClock(), 20_000, parent.signal)

  expect([during.signal.reason, after.signal.reason]).toEqual([reason, reason])
})

test('a deadline that is done never aborts and leaves no timer behind', async () => {
  const clock = fakeClock()
  const parent = new AbortController()
  const { signal, done } = deadline(clock, 20_000, parent.signal)

  done()
  parent.abort(reason)
  await clock.advance(60_000)

  expect(signal.aborted).toBe(false)
  expect(clock.sleeping).toBe(0)
})

test('a published time is ISO 8601 in UTC with milliseconds', () => {
  expect(iso(start + 7)).toBe('2026-11-23T09:00:00.007Z')
})

test('what is to happen after a while happens then, and not when it is called off', async () => {
  const happened: string[] = []
  const callOff = systemClock.after(5, () => happened.push('called off'))
  systemClock.after(5, () => happened.push('first'))
  callOff()

  await systemClock.sleep(30)

  expect(happened).toEqual(['first'])
})

test('chance comes in any length, and no piece of it twice', () => {
  const lengths = [16, 0, 5_000, 1, ...Array.from({ length: 1_000 }, () => 16)]
  const pieces = lengths.map((length) => systemClock.randomBytes(length))

  expect(pieces.map(({ length }) => length)).toEqual(lengths)
  const long = pieces.filter(({ length }) => length >= 16).map((piece) => piece.slice(0, 16).join())
  expect(new Set(long).size).toBe(long.length)
  const [first] = pieces
  const before = first?.slice()
  first?.fill(0)
  expect(systemClock.randomBytes(16)).not.toEqual(first)
  expect(before).not.toEqual(first)
})

test('a moment of before the clock was set is counted back once it is', () => {
  const clock = { at: 5_000, ran: 5_000, now: () => clock.at, elapsed: () => clock.ran }
  const unset = thisMoment(clock)
  clock.ran += 60_000
  clock.at += 60_000
  expect(unset()).toBe(5_000)

  clock.at = Date.parse('2026-11-23T09:01:00.000Z')
  const set = thisMoment(clock)
  expect(unset()).toBe(Date.parse('2026-11-23T09:00:00.000Z'))

  // Right by then: an hour of sleep, or a clock that is set back, changes nothing.
  clock.at += 3_600_000
  expect(set()).toBe(Date.parse('2026-11-23T09:01:00.000Z'))
})
