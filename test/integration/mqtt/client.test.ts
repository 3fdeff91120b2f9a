import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { PublishRefused } from '../../../src/domain/errors.ts'
import { BrokerClosed } from '../../../src/mqtt/client.ts'
import { fakeBroker } from '../../support/fake-broker.ts'
import { freePort } from '../../support/mosquitto.ts'
import { endlessPauses, message, never, stateTopic, texts, until, wayTo } from '../../support/rig.ts'

test('a publish is acknowledged by the broker, not by the client', async () => {
  let release = () => {}
  await using peer = await fakeBroker({
    publish(session, { messageId }) {
      release = () => session.send({ cmd: 'puback', messageId: messageId ?? 0 })
      return true
    },
  })
  await using way = wayTo(peer.url)
  let acknowledged = false
  const publishing = way.broker.publish(message('a'), never).then(() => {
    acknowledged = true
  })
  await until('it is sent', () => peer.published.length === 1)
  expect(acknowledged).toBe(false)

  release()
  await publishing
  peer.behave({})
})

test('a refusal in the acknowledgement rejects, and nobody listening is no refusal', async () => {
  const codes = [0x97, 0x10]
  await using peer = await fakeBroker({
    publish(session, { messageId = 0, topic }) {
      if (topic === stateTopic) return false
      session.send({ cmd: 'puback', messageId, reasonCode: codes.shift() ?? 0 })
      return true
    },
  })
  await using way = wayTo(peer.url)

  const refused = way.broker.publish(message('over quota'), never)
  await expect(refused).rejects.toMatchObject({ code: 'publish_refused', reasonCode: 0x97 })
  await way.broker.publish(message('unheard'), never)
  expect(way.broker.state.reconnects).toBe(0)
})

test('a message larger than the broker takes is refused and the connection lives on', async () => {
  await using peer = await fakeBroker({
    connect(session) {
      const properties = { maximumPacketSize: 200 }
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties })
      return true
    },
  })
  await using way = wayTo(peer.url)

  const large = way.broker.publish(message('x'.repeat(200)), never)
  await expect(large).rejects.toMatchObject({ reasonCode: 0x95 })
  await way.broker.publish(message('small'), never)
  expect(texts(peer.published)).toEqual(['small'])
})

test.each([
  ['empty', ''],
  ['a wildcard for a level', 'a/+'],
  ['a wildcard for all levels', 'a/#'],
  ['holding a NUL', 'a\0b'],
  ['too long', 'x'.repeat(65_536)],
])('no message is published to a topic that is %s', async (_, topic) => {
  await using peer = await fakeBroker()
  await using way = wayTo(peer.url)

  await expect(way.broker.publish(message('a', { topic }), never)).rejects.toThrow(PublishRefused)
  expect(peer.published).toEqual([])
})

test('subscriptions are renewed on every connection, each with its own messages', async () => {
  const asked: string[] = []
  await using peer = await fakeBroker()
  await using way = wayTo(peer.url)
  const stop = way.broker.subscribe('house/request/#', ({ topic, payload, properties }) => {
    asked.push(`${topic} ${Buffer.from(payload)} ${properties.responseTopic}`)
  })
  way.broker.subscribe('other/+', () => asked.push('other'))
  await way.broker.connected(never)
  peer.sessions[0]?.hangUp()
  await until('it is back', () => peer.sessions.length === 2 && way.broker.state.connected)
  const send = (topic: string) =>
    peer.sessions[1]?.send({
      cmd: 'publish',
      topic,
      payload: '{}',
      qos: 0,
      properties: { responseTopic: 'r' },
    })
  await until('it is subscribed', () => peer.subscribed.length === 4)
  expect(peer.subscribed).toEqual(['house/request/#', 'other/+', 'house/request/#', 'other/+'])

  send('house/request/rescan')
  await until('it has arrived', () => asked.length === 1)
  stop()
  send('house/request/rescan')
  send('other/a')
  await until('the other has arrived', () => asked.includes('other'))
  expect(asked).toEqual(['house/request/rescan {} r', 'other'])
})

test('close publishes offline after all else, disconnects and ends the session', async () => {
  await using peer = await fakeBroker()
  const { broker } = wayTo(peer.url)
  await broker.connected(never)
  const last = broker.publish(message('last'), never)

  await broker.close({ deadlineMs: 100_000 })
  await last
  expect(peer.published.map(({ topic, payload, retain }) => [topic, String(payload), retain])).toEqual([
    ['house/item', 'last', false],
    [stateTopic, 'offline', true],
  ])
  expect(peer.goodbyes).toMatchObject([{ properties: { sessionExpiryInterval: 0 } }])
  expect(broker.state).toMatchObject({ connected: false })
})

test.each([
  ['acknowledges nothing', { publish: () => true }],
  ['does not answer at all', { connect: () => true }],
])('close never hangs on a broker that %s, and no promise is left waiting', async (_, behaviour) => {
  await using peer = await fakeBroker(behaviour)
  const { broker } = wayTo(peer.url)
  const waiting = broker.publish(message('a'), never)
  const connected = broker.connected(never)
  const ends = Promise.allSettled([waiting, connected])
  await until('it is there', () => peer.sessions.length === 1)

  await broker.close({ deadlineMs: 200 })
  const [publishing] = await ends
  expect(publishing).toMatchObject({ status: 'rejected', reason: expect.any(BrokerClosed) })
  await expect(broker.publish(message('b'), never)).rejects.toThrow(BrokerClosed)
  await expect(broker.connected(never)).rejects.toThrow(BrokerClosed)
  await broker.close({ deadlineMs: 0 })
})

test('close returns at once when the broker goes away meanwhile', async () => {
  await using peer = await fakeBroker({
    publish(session) {
      session.hangUp()
      return true
    },
  })
  const { broker } = wayTo(peer.url, { clock: endlessPauses() })
  await broker.connected(never)

  await broker.close({ deadlineMs: 3_600_000 })
})

test('close ends a pause between two tries at once', async () => {
  const { broker } = wayTo(`mqtt://127.0.0.1:${await freePort()}`, { clock: endlessPauses() })
  await until('it pauses', () => broker.state.lastError !== undefined)

  await broker.close({ deadlineMs: 1 })
})

test('a listener for connections is called at once when one stands already', async () => {
  await using peer = await fakeBroker()
  await using way = wayTo(peer.url)
  await way.broker.connected(never)
  const seen: number[] = []

  const stop = way.broker.onConnect(({ protocol }) => seen.push(protocol))
  expect(seen).toEqual([5])
  stop()
  await way.broker.announce(never)
  expect(peer.published[0]).toMatchObject({ topic: stateTopic, retain: true, qos: 1 })
})

test('waiting for a connection ends with the signal', async () => {
  await using way = wayTo(`mqtt://127.0.0.1:${await freePort()}`)
  const stop = new AbortController()
  const waiting = way.broker.connected(stop.signal)

  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
})
