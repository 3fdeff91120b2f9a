/** A broker that stays connected and says nothing: when we give it up, and when not. */
import { expect, test } from 'vitest'
import { PublishRefused } from '../../../src/domain/errors.ts'
import { type InFlight, watchPubackTimeout } from '../../../src/mqtt/publish-queue.ts'
import { fakeBroker } from '../../support/fake-broker.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { heldClock, message, never, pass, texts, until, wayTo } from '../../support/rig.ts'

/** A watch over one publish at a time. */
function watching() {
  const clock = fakeClock()
  const stop = new AbortController()
  const sent = (): InFlight => ({ sentAt: clock.elapsed() })
  let oldest: InFlight | undefined
  let givenUp = 0
  const giveUp = () => {
    givenUp++
  }
  void watchPubackTimeout({ oldest: () => oldest, giveUp }, clock, stop.signal)
  return {
    ...{ clock, stop },
    send() {
      oldest = sent()
    },
    answer() {
      oldest = undefined
    },
    givenUp: () => givenUp,
  }
}

test('a publish without an answer for a minute ends the connection, once', async () => {
  const { clock, send, givenUp } = watching()
  send()

  await clock.advance(59_999)
  expect(givenUp()).toBe(0)
  await clock.advance(40_000)
  expect(givenUp()).toBe(1)
  await clock.advance(600_000)
  expect(givenUp()).toBe(1)
})

test('a broker that is slow, or has nothing to answer, is not given up', async () => {
  const { clock, send, answer, givenUp } = watching()

  for (let publishes = 0; publishes < 20; publishes++) {
    send()
    await clock.advance(55_000)
  }
  answer()
  await clock.advance(600_000)

  expect(givenUp()).toBe(0)
})

test('a program that stood still does not blame the broker', async () => {
  const clock = fakeClock()
  let elapsed = 0
  let givenUp = 0
  const oldest: InFlight = { sentAt: 0 }
  const jumping = { ...clock, elapsed: () => elapsed }
  void watchPubackTimeout({ oldest: () => oldest, giveUp: () => givenUp++ }, jumping, never)

  elapsed = 3_600_000
  await clock.advance(20_000)

  expect(givenUp).toBe(0)
})

test('nothing is given up after the end of the connection', async () => {
  const { clock, stop, send, givenUp } = watching()
  send()
  stop.abort()

  await clock.advance(600_000)

  expect([givenUp(), clock.sleeping]).toEqual([0, 0])
})

test('a lost PUBACK costs a connection, and all messages arrive on the next', async () => {
  await using peer = await fakeBroker({
    publish: (session, { payload }) => session.number === 1 && String(payload) === '2',
  })
  const clock = heldClock()
  await using way = wayTo(peer.url, { clock })

  const all = Promise.all(['1', '2', '3'].map((text) => way.broker.publish(message(text), never)))
  await pass(clock, 500, ['the last is sent again', () => peer.published.length === 4])
  await all

  expect(texts(peer.published)).toEqual(['1', '2', '3', '2'])
  await until('the log tells', () => way.said('broker connection lost').length === 1)
  expect(way.said('broker connection lost')[0]?.fields.reason).toMatch(/not acknowledged a publish/)
})

test('a message never acknowledged is refused after three connections', async () => {
  await using peer = await fakeBroker({ publish: (_, { payload }) => String(payload) === '2' })
  const clock = heldClock()
  await using way = wayTo(peer.url, { clock })

  const [first, second, third] = ['1', '2', '3'].map((text) => way.broker.publish(message(text), never))
  let over = false
  void Promise.allSettled([first, second, third]).then(() => {
    over = true
  })
  await pass(clock, 500, ['all have ended', () => over])
  await expect(second).rejects.toThrow(PublishRefused)
  await Promise.all([first, third])

  expect(texts(peer.published)).toEqual(['1', '2', '3', '2', '2'])
  await pass(clock, 500, ['it is back', () => way.broker.state.connected])
  await way.broker.publish(message('4', { topic: 'house/other' }), never)
  expect(way.broker.state.connected).toBe(true)
})
