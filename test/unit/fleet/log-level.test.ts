import { expect, onTestFinished, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { SetLogLevel } from '../../../src/domain/fleet.ts'
import { followLogLevel } from '../../../src/fleet/log-level.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'

/** What is kept, and what an instance has taken over of it. */
async function following(before?: SetLogLevel) {
  const clock = fakeClock()
  const applied: string[] = []
  const kept: { level: SetLogLevel | undefined; isAway: boolean } = { level: before, isAway: false }
  const shared = {
    set: async () => undefined,
    async read() {
      if (kept.isAway) throw new StoreFailed('away')
      return kept.level
    },
  }
  const stopping = new AbortController()
  onTestFinished(() => stopping.abort())
  void followLogLevel({ shared, apply: (level) => applied.push(level), clock }, stopping.signal)
  await settle()
  return { clock, applied, kept }
}

test('a level that another instance sets is taken over, each time that it is set', async () => {
  const { clock, applied, kept } = await following()
  kept.level = { level: 'debug', at: 1 }
  await clock.advance(2_000)
  await clock.advance(2_000)
  expect(applied).toEqual(['debug'])

  kept.level = { level: 'debug', at: 2 }
  await clock.advance(2_000)

  expect(applied).toEqual(['debug', 'debug'])
})

test('a level of before the start is not taken over', async () => {
  const { clock, applied } = await following({ level: 'trace', at: 1 })

  await clock.advance(4_000)

  expect(applied).toEqual([])
})

test('a database that is away ends nothing', async () => {
  const { clock, applied, kept } = await following()
  kept.isAway = true
  await clock.advance(10_000)
  kept.isAway = false
  kept.level = { level: 'warn', at: 1 }

  await clock.advance(2_000)

  expect(applied).toEqual(['warn'])
})
