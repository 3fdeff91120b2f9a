/** The expiry of a request ID is noticed when it comes, not at the next run. */
import { expect, test } from 'vitest'
import { keyOf, type ModuleKey, type WorkItem } from '../../../src/domain/model.ts'
import { watchExpiry } from '../../../src/outbox/expiry.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { anItem, start } from '../../support/samples.ts'
import { diskFull } from '../../support/scripted.ts'

const ttlMs = 600_000

function watching(...known: WorkItem[]) {
  const clock = fakeClock()
  const reported: [string, number][] = []
  const abort = new AbortController()
  let refusing = false
  const ledger = {
    async deleteExpired(now: number) {
      if (refusing) throw diskFull
      const dead = known.filter(({ expiresAt }) => expiresAt <= now)
      for (const item of dead) known.splice(known.indexOf(item), 1)
      return [...new Map(dead.map((item) => [keyOf(item), item])).values()]
    },
    nextExpiry: async (now: number) => known.find(({ expiresAt }) => expiresAt > now)?.expiresAt,
  }
  const expired = (key: ModuleKey) => reported.push([keyOf(key), clock.now() - start])
  const over = watchExpiry({ ledger, expired, ttlMs, clock }, abort.signal)
  const refuse = (yes: boolean) => {
    refusing = yes
  }
  return { clock, reported, abort, known, over, refuse }
}

test('ids from before the start and new ones are reported when they expire', async () => {
  const { clock, reported, known } = watching(anItem())
  await clock.advance(60_000)
  known.push(anItem({ syncModuleId: '9', requestedAt: start + 60_000 }))

  await clock.advance(539_000)
  expect(reported).toEqual([])
  await clock.advance(200_000)

  expect(reported.map(([key]) => key)).toEqual(['8021/44107/350221', '8021/44107/9'])
  const late = reported.map(([, at], index) => at - (index === 0 ? 600_000 : 660_000))
  expect(late.every((ms) => ms >= 0 && ms <= 100)).toBe(true)
})

test('an id that comes after idle time is published, and none after the stop', async () => {
  const { clock, reported, known, abort, over } = watching()
  await clock.advance(700_000)
  known.push(anItem({ requestedAt: clock.now() }))
  await clock.advance(ttlMs + 100)
  expect(reported).toHaveLength(1)

  known.push(anItem({ requestedAt: clock.now() }))
  abort.abort(new Error('stopped'))
  await over
  await clock.advance(700_000)

  expect(reported).toHaveLength(1)
})

test('a disk that refuses is tried again', async () => {
  const { clock, reported, refuse } = watching(anItem())
  refuse(true)
  await clock.advance(ttlMs + 30_000)
  await settle()
  expect(reported).toEqual([])

  refuse(false)
  await clock.advance(60_100)

  expect(reported).toHaveLength(1)
})
