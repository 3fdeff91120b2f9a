/** The end of a request ID's life is noticed when it comes, not at the next tick. */
import { expect, test } from 'vitest'
import { watchExpiries } from '../../src/daemon/expiries.ts'
import { keyOf } from '../../src/model.ts'
import { fakeClock } from '../fake-clock.ts'
import { anItem, start } from '../samples.ts'

function watching(known = [anItem()]) {
  const clock = fakeClock()
  const told: [string, number][] = []
  const abort = new AbortController()
  const expired = (key: Parameters<typeof keyOf>[0]) => told.push([keyOf(key), clock.now() - start])
  return { clock, told, abort, expiries: watchExpiries({ expired, clock }, known, abort.signal) }
}

test('the ids of before the start and those that come are told when they end', async () => {
  const { clock, told, expiries } = watching()
  await clock.advance(60_000)
  expiries.add(anItem({ syncModuleId: '9', requestedAt: start + 60_000 }))

  await clock.advance(539_000)
  expect(told).toEqual([])
  await clock.advance(200_000)

  expect(told.map(([key]) => key)).toEqual(['8021/44107/350221', '8021/44107/9'])
  const late = told.map(([, at], index) => at - (index === 0 ? 600_000 : 660_000))
  expect(late.every((ms) => ms >= 0 && ms <= 100)).toBe(true)
})

test('what ended together is told once for each module', async () => {
  const { clock, told } = watching([anItem(), anItem({ requestId: '5' }), anItem({ syncModuleId: '9' })])
  await clock.advance(700_000)

  expect(told.map(([key]) => key)).toEqual(['8021/44107/350221', '8021/44107/9'])
})

test('after everything has ended, a new id is watched again; after the stop none is', async () => {
  const { clock, told, abort, expiries } = watching([])
  await clock.advance(700_000)
  expiries.add(anItem({ requestedAt: clock.now() }))
  await clock.advance(601_000)
  expect(told).toHaveLength(1)

  expiries.add(anItem({ requestedAt: clock.now() }))
  abort.abort(new Error('stopped'))
  await clock.advance(700_000)

  expect(told).toHaveLength(1)
})
