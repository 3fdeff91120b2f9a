/** When Home Assistant's birth message is answered. */
import { expect, test } from 'vitest'
import { awaitBirths } from '../../../src/homeassistant/birth.ts'
import { fakeClock } from '../../support/fake-clock.ts'

function listening(chance: number) {
  const clock = fakeClock(undefined, chance)
  const answered: number[] = []
  const abort = new AbortController()
  const heard = awaitBirths({ answer: () => answered.push(clock.elapsed()), clock }, abort.signal)
  const say = (text: string, retain = false) =>
    heard({ topic: 'homeassistant/status', payload: new TextEncoder().encode(text), retain, properties: {} })
  return { clock, answered, abort, say }
}

test('Home Assistant is answered after one to ten seconds of chance', async () => {
  for (const [chance, wait] of [
    [0, 1_000],
    [0.999, 9_991],
  ] as const) {
    const { clock, answered, say } = listening(chance)
    say('online')
    await clock.advance(wait - 1)
    expect(answered).toEqual([])
    await clock.advance(1)

    expect(answered).toEqual([wait])
  }
})

test('a stored copy, a good-bye and anything else are no birth', async () => {
  const { clock, answered, say } = listening(0)

  say('online', true)
  say('offline')
  say('Online')
  await clock.advance(60_000)

  expect(answered).toEqual([])
})

test('births close together are answered ten seconds apart, the last one too', async () => {
  const { clock, answered, say } = listening(0)
  say('online')
  say('online')
  await clock.advance(5_000)
  say('online')
  say('online')
  await clock.advance(60_000)

  expect(answered).toEqual([1_000, 11_000])
})

test('a daemon that stops does not answer any more', async () => {
  const { clock, answered, abort, say } = listening(0)
  say('online')
  abort.abort(new Error('stopped'))
  await clock.advance(60_000)

  expect(answered).toEqual([])
})
