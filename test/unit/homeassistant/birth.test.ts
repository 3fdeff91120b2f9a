/** When Home Assistant's birth message is answered. */
import { expect, test } from 'vitest'
import { awaitBirths } from '../../../src/homeassistant/publisher.ts'
import { fakeClock } from '../../support/fake-clock.ts'

function listening(chance: number) {
  const clock = fakeClock(undefined, chance)
  const answered: number[] = []
  const abort = new AbortController()
  const heard = awaitBirths({ answer: () => answered.push(clock.elapsed()), clock }, abort.signal)
  const receive = (text: string, retain = false) =>
    heard({ topic: 'homeassistant/status', payload: new TextEncoder().encode(text), retain, properties: {} })
  return { clock, answered, abort, receive }
}

test('Home Assistant is answered after a random time of one to ten seconds', async () => {
  for (const [chance, wait] of [
    [0, 1_000],
    [0.999, 9_991],
  ] as const) {
    const { clock, answered, receive } = listening(chance)
    receive('online')
    await clock.advance(wait - 1)
    expect(answered).toEqual([])
    await clock.advance(1)

    expect(answered).toEqual([wait])
  }
})

test('a stored copy, `offline` and anything else are no birth message', async () => {
  const { clock, answered, receive } = listening(0)

  receive('online', true)
  receive('offline')
  receive('Online')
  await clock.advance(60_000)

  expect(answered).toEqual([])
})

test('birth messages close together are answered ten seconds apart, the last included', async () => {
  const { clock, answered, receive } = listening(0)
  receive('online')
  receive('online')
  await clock.advance(5_000)
  receive('online')
  receive('online')
  await clock.advance(60_000)

  expect(answered).toEqual([1_000, 11_000])
})

test('after the stop no birth message is answered', async () => {
  const { clock, answered, abort, receive } = listening(0)
  receive('online')
  abort.abort(new Error('stopped'))
  await clock.advance(60_000)

  expect(answered).toEqual([])
})
