/** Who is the bridge, and until when. */
import { expect, onTestFinished, test } from 'vitest'
import { BridgeLease } from '../../../src/fleet/bridge.ts'
import { fakeClock } from '../../support/fake-clock.ts'

test('a bridge whose database does not answer stops before another one begins', async () => {
  const clock = fakeClock()
  const course: string[] = []
  let asked = 0
  const lease = new BridgeLease({
    named: {
      hold: async () => ++asked < 2 || new Promise<never>(() => undefined),
      free: async () => undefined,
    },
    gained: async () => void course.push('gained'),
    lost: async (why) => void course.push(why),
    clock,
  })
  const stop = new AbortController()
  onTestFinished(() => stop.abort(new Error('over')))
  void lease.keep(stop.signal)

  await clock.advance(12_999)
  expect(course).toEqual(['gained'])
  await clock.advance(2_000)
  expect(course).toEqual(['gained', 'lost'])
})

test('a bridge that is renewed stays', async () => {
  const clock = fakeClock()
  const course: string[] = []
  const lease = new BridgeLease({
    named: { hold: async () => true, free: async () => undefined },
    gained: async () => void course.push('gained'),
    lost: async (why) => void course.push(why),
    clock,
  })
  const stop = new AbortController()
  const keeping = lease.keep(stop.signal)

  await clock.advance(120_000)
  stop.abort(new Error('stopped'))
  await keeping

  expect(course).toEqual(['gained', 'stopped'])
})
