/** The end of a request ID's life is noticed when it comes, not at the next tick. */
import { expect, test } from 'vitest'
import { keyOf, type WorkItem } from '../../../src/domain/model.ts'
import { watchEnds } from '../../../src/outbox/ends.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { anItem, start } from '../../support/samples.ts'
import { diskFull } from '../../support/scripted.ts'

const ttlMs = 600_000

function watching(...known: WorkItem[]) {
  const clock = fakeClock()
  const told: [string, number][] = []
  const abort = new AbortController()
  let refusing = false
  const items = {
    async clear(now: number) {
      if (refusing) throw diskFull
      const dead = known.filter(({ expiresAt }) => expiresAt <= now)
      for (const item of dead) known.splice(known.indexOf(item), 1)
      return [...new Map(dead.map((item) => [keyOf(item), item])).values()]
    },
    nextEnd: (now: number) => known.find(({ expiresAt }) => expiresAt > now)?.expiresAt,
  }
  const ended = (key: Parameters<typeof keyOf>[0]) => told.push([keyOf(key), clock.now() - start])
  const over = watchEnds({ items, ended, ttlMs, clock }, abort.signal)
  const refuse = (yes: boolean) => {
    refusing = yes
  }
  return { clock, told, abort, known, over, refuse }
}

test('the ids of before the start and those that come are told when they end', async () => {
  const { clock, told, known } = watching(anItem())
  await clock.advance(60_000)
  known.push(anItem({ syncModuleId: '9', requestedAt: start + 60_000 }))

  await clock.advance(539_000)
  expect(told).toEqual([])
  await clock.advance(200_000)

  expect(told.map(([key]) => key)).toEqual(['8021/44107/350221', '8021/44107/9'])
  const late = told.map(([, at], index) => at - (index === 0 ? 600_000 : 660_000))
  expect(late.every((ms) => ms >= 0 && ms <= 100)).toBe(true)
})

test('an id that comes after idle time is published, and none after the stop', async () => {
  const { clock, told, known, abort, over } = watching()
  await clock.advance(700_000)
  known.push(anItem({ requestedAt: clock.now() }))
  await clock.advance(ttlMs + 100)
  expect(told).toHaveLength(1)

  known.push(anItem({ requestedAt: clock.now() }))
  abort.abort(new Error('stopped'))
  await over
  await clock.advance(700_000)

  expect(told).toHaveLength(1)
})

test('a disk that refuses is tried again', async () => {
  const { clock, told, refuse } = watching(anItem())
  refuse(true)
  await clock.advance(ttlMs + 30_000)
  await settle()
  expect(told).toEqual([])

  refuse(false)
  await clock.advance(60_100)

  expect(told).toHaveLength(1)
})
