/** Brokers that refuse without a word, or with a code of their own: what they refuse is named, all else flows. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { type Behaviour, fakeBroker, type Session } from '../../support/fake-broker.ts'
import { message, never, shortPauses, texts, until, wayTo } from '../../support/rig.ts'

const versions = [5, 4] as const
const item = (number: number, text = `item ${number}`) =>
  message(text, { topic: `house/sync/1/2/${number}/manifest/requested`, durable: true })
const state = (topic: string, payload: string) => message(payload, { topic, retain: true })

/** Hangs up over what is published below a topic. */
function forbidding(stem: string): Behaviour {
  return {
    publish(session, { topic }) {
      if (!topic?.startsWith(stem)) return false
      session.hangUp()
      return true
    },
  }
}

test.each(
  versions,
)('a broker of MQTT %i that hangs up over forbidden topics gets all others, and each kind costs three', async (protocol) => {
  await using peer = await fakeBroker(forbidding('homeassistant/'))
  await using way = wayTo(peer.url, { protocol, clock: shortPauses() })
  way.broker.subscribe('house/request/#', () => undefined)
  const documents = Promise.allSettled(
    Array.from({ length: 30 }, (_, id) =>
      way.broker.publish(state(`homeassistant/device/blink_manifestd_${id}/config`, '{}'), never),
    ),
  )
  const others = Array.from({ length: 30 }, (_, id) => way.broker.publish(item(id), never))

  await Promise.all(others)
  const ends = await documents
  expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']))
  expect(ends[0]).toMatchObject({
    reason: { by: 'close', remedy: 'Let this user write homeassistant/device/+/config on the broker.' },
  })
  expect(peer.sessions).toHaveLength(4)
  expect(way.said('broker closes the connection again and again, waiting a minute')).toEqual([])
})

test.each(
  versions,
)('a broker of MQTT %i that hangs up over a forbidden subscription gets everything else', async (protocol) => {
  await using peer = await fakeBroker({
    subscribe(session, { subscriptions }) {
      if (!subscriptions?.some(({ topic }) => topic.startsWith('homeassistant/'))) return false
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url, { protocol, clock: shortPauses() })
  way.broker.subscribe('homeassistant/status', () => undefined)
  way.broker.subscribe('house/request/#', () => undefined)

  await Promise.all(Array.from({ length: 10 }, (_, id) => way.broker.publish(item(id), never)))
  await until('the subscription is refused', () => way.said('broker refuses a subscription').length > 0)
  await until('the other one stands', () => peer.subscribed.at(-1) === 'house/request/#')
  await way.broker.publish(item(11), never)
  expect(peer.sessions).toHaveLength(4)
  expect(way.said('broker refuses a subscription')[0]?.fields).toMatchObject({
    filter: 'homeassistant/status',
  })
})

test('what the broker hangs up over is not sent again within the hour, and alone once it is over', async () => {
  await using peer = await fakeBroker(forbidding('house/forbidden'))
  let endHour = () => {}
  const hurried = shortPauses()
  const clock = {
    ...hurried,
    after(ms: number, work: () => void) {
      if (ms < 3_600_000) return hurried.after(ms, work)
      endHour = work
      return () => undefined
    },
  }
  await using way = wayTo(peer.url, { clock })
  let introductions = 0
  way.broker.onConnect(() => introductions++)
  const attempt = () =>
    way.broker.publish(state('house/forbidden', 'text'), never).then(
      () => 'taken',
      () => 'refused',
    )
  const sent = () => texts(peer.published).filter((text) => text === 'text').length
  expect(await attempt()).toBe('refused')
  await way.broker.connected(never)
  expect([await attempt(), sent()]).toEqual(['refused', 3])

  const before = introductions
  endHour()
  expect(introductions).toBe(before + 1)
  expect([await attempt(), sent()]).toEqual(['refused', 4])

  peer.behave({})
  await way.broker.connected(never)
  endHour()
  expect(await attempt()).toBe('taken')
})

test('a work item that the broker hangs up over costs one connection a try, and no other item', async () => {
  await using peer = await fakeBroker(forbidding('house/sync/1/2/1/'))
  // The half minute until a work item is tried again passes in a third of a second.
  const clock = { ...shortPauses(), elapsed: () => systemClock.elapsed() * 100 }
  await using way = wayTo(peer.url, { clock })
  await expect(way.broker.publish(item(1), never)).rejects.toMatchObject({ by: 'close' })
  const tries = () => texts(peer.published).filter((text) => text === 'item 1').length
  expect(tries()).toBe(3)
  await Promise.all([2, 3, 4].map((id) => way.broker.publish(item(id), never)))
  const before = peer.sessions.length

  while (tries() === 3)
    await expect(way.broker.publish(item(1), never)).rejects.toMatchObject({ by: 'close' })
  await Promise.all([2, 3, 4].map((id) => way.broker.publish(item(id), never)))
  expect([tries(), peer.sessions.length]).toEqual([4, before + 1])
})

test.each([
  ['a reason code that belongs to another packet', 0x95],
  ['a reason code that nobody has defined', 0xef],
])('%s refuses one message, and the connection lives on', async (_, reasonCode) => {
  await using peer = await fakeBroker({
    publish(session, { messageId = 0, payload }) {
      if (String(payload) !== 'large') return false
      session.send({ cmd: 'puback', messageId, reasonCode })
      return true
    },
  })
  await using way = wayTo(peer.url)

  await expect(way.broker.publish(message('large'), never)).rejects.toMatchObject({ reasonCode })
  await way.broker.publish(message('small'), never)
  expect(peer.sessions).toHaveLength(1)
})

test('a size that the broker has refused is not sent again within the hour, work items aside', async () => {
  await using peer = await fakeBroker({
    publish(session, { messageId = 0, payload = '' }) {
      if (payload.length <= 2_000) return false
      session.send({ cmd: 'puback', messageId, reasonCode: 0x95 })
      return true
    },
  })
  await using way = wayTo(peer.url)
  const refusal = expect.objectContaining({ reasonCode: 0x95, bytes: 3_000 })

  await expect(way.broker.publish(state('a', 'x'.repeat(3_000)), never)).rejects.toEqual(refusal)
  await expect(way.broker.publish(state('b', 'x'.repeat(3_000)), never)).rejects.toEqual(refusal)
  await way.broker.publish(state('c', 'x'.repeat(1_500)), never)
  await expect(way.broker.publish(item(1, 'x'.repeat(3_000)), never)).rejects.toEqual(refusal)
  expect(peer.published.map(({ topic }) => topic)).toEqual(['a', 'c', item(1).topic])
})

const connack = (session: Session, properties: object, reasonCode = 0) => {
  session.send({ cmd: 'connack', reasonCode, sessionPresent: false, properties })
  return true
}

test.each([
  ['says so when it accepts us', (session: Session) => connack(session, { retainAvailable: false })],
  [
    'refuses a retained will',
    (session: Session) =>
      session.connect.will?.retain === true
        ? connack(session, {}, 0x9a)
        : connack(session, { retainAvailable: false }),
  ],
])('a broker without retained messages that %s gets what needs none', async (_, connect) => {
  await using peer = await fakeBroker({ connect })
  await using way = wayTo(peer.url)

  await way.broker.publish(item(1), never)
  await way.broker.announce(never)
  const refused = way.broker.publish(state('house/state', 'text'), never)
  await expect(refused).rejects.toMatchObject({
    reasonCode: 0x9a,
    remedy: expect.stringContaining('retain_available'),
  })
  expect(peer.published.map(({ retain }) => retain)).toEqual([false, false])
})

test('a broker that takes QoS 0 only is refused with a sentence', async () => {
  await using peer = await fakeBroker({ connect: (session) => connack(session, { maximumQoS: 0 }) })
  await using way = wayTo(peer.url)

  await until('the log tells', () => way.said('cannot connect to broker').length > 0)
  expect(way.said('cannot connect to broker')[0]?.fields).toMatchObject({
    reason: expect.stringContaining('QoS not supported'),
    remedy: expect.stringContaining('max_qos'),
  })
  expect(peer.published).toEqual([])
})
