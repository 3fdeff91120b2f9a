import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { fakeBroker } from '../../support/fake-broker.ts'
import { freePort } from '../../support/mosquitto.ts'
import { heldClock, message, never, pass, shortPauses, texts, until, wayTo } from '../../support/rig.ts'

test('what was not acknowledged is sent again in its order, before anything newer', async () => {
  await using peer = await fakeBroker({
    connect(session) {
      const properties = { receiveMaximum: 2 }
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties })
      return true
    },
    publish: (session) => session.number === 1,
  })
  await using way = wayTo(peer.url)
  const first = ['1', '2', '3', '4'].map((text) => way.broker.publish(message(text), never))
  await until('as many as allowed are sent', () => peer.published.length === 2)
  peer.sessions[0]?.hangUp()
  await until('the loss is seen', () => !way.broker.state.connected)
  const later = way.broker.publish(message('5'), never)

  await Promise.all([...first, later])
  expect(texts(peer.published)).toEqual(['1', '2', '1', '2', '3', '4', '5'])
})

test('1,000 publishes survive many lost connections, each at least once and in order', async () => {
  await using peer = await fakeBroker({
    publish(session) {
      if (peer.published.length % 97 === 0) session.hangUp()
      // Taken, but the acknowledgement is lost.
      return peer.published.length % 97 > 90
    },
  })
  await using way = wayTo(peer.url, { clock: shortPauses('none') })
  const wanted = Array.from({ length: 1_000 }, (_, index) => String(index))
  let next = 0
  const worker = async () => {
    while (next < wanted.length) await way.broker.publish(message(wanted[next++] ?? ''), never)
  }

  await Promise.all(Array.from({ length: 32 }, worker))
  expect([...new Set(texts(peer.published))]).toEqual(wanted)
  expect(peer.sessions.length).toBeGreaterThan(10)
  peer.behave({})
})

test('a publish whose signal aborts is rejected with the reason and never sent again', async () => {
  await using peer = await fakeBroker({ publish: (session) => session.number === 1 })
  await using way = wayTo(peer.url)
  const reason = new Error('enough')
  const stop = new AbortController()
  const dropped = way.broker.publish(message('dropped'), stop.signal)
  const kept = way.broker.publish(message('kept'), never)
  await until('both are sent', () => peer.published.length === 2)

  stop.abort(reason)
  await expect(dropped).rejects.toBe(reason)
  await expect(way.broker.publish(message('late'), stop.signal)).rejects.toBe(reason)
  peer.sessions[0]?.hangUp()
  await kept
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  expect(texts(peer.published)).toEqual(['dropped', 'kept', 'kept'])
})

test('publishes that share a signal share one listener', async () => {
  await using peer = await fakeBroker()
  await using way = wayTo(peer.url)
  const stop = new AbortController()

  await Promise.all(Array.from({ length: 50 }, () => way.broker.publish(message('a'), stop.signal)))
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
})

test('a broker that allows no publish at all is no connection, with a reason', async () => {
  let allowed = 0
  await using peer = await fakeBroker({
    connect(session) {
      const properties = { receiveMaximum: allowed }
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties })
      return true
    },
  })
  await using way = wayTo(peer.url)
  const kept = way.broker.publish(message('1'), never)

  await until('the log tells', () => way.said('cannot connect to broker').length > 0)
  expect(way.broker.state.connected).toBe(false)
  expect(way.said('cannot connect to broker')[0]?.fields.reason).toMatch(/allows no publish/)
  allowed = 1
  await kept
})

test('no more publishes are unacknowledged than the broker allows', async () => {
  let open = 0
  let most = 0
  await using peer = await fakeBroker({
    connect(session) {
      const properties = { receiveMaximum: 3 }
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties })
      return true
    },
    publish(session, { messageId = 0 }) {
      most = Math.max(most, ++open)
      setImmediate(() => {
        open--
        session.send({ cmd: 'puback', messageId })
      })
      return true
    },
  })
  await using way = wayTo(peer.url)

  await Promise.all(Array.from({ length: 50 }, (_, index) => way.broker.publish(message(`${index}`), never)))
  expect(most).toBe(3)
})

test('a message that ends the connection three times is refused, others delivered', async () => {
  let ends = 0
  await using peer = await fakeBroker({
    publish(session, { payload }) {
      if (String(payload) !== 'poison') return false
      ends++
      session.send({ cmd: 'disconnect', reasonCode: 0x99 })
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url, { clock: shortPauses('none') })
  await way.broker.connected(never)
  const [before, poison, after] = ['before', 'poison', 'after'].map((text) =>
    way.broker.publish(message(text), never),
  )

  await expect(poison).rejects.toMatchObject({ code: 'publish_refused', reasonCode: 0x99 })
  await Promise.all([before, after])
  expect(ends).toBeLessThanOrEqual(4)
})

test('under MQTT 3.1.1, where there are no reasons, such a message is refused as well', async () => {
  await using peer = await fakeBroker({
    publish(session, { payload }) {
      if (String(payload) !== 'poison') return false
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url, { protocol: 4, clock: shortPauses('none') })
  way.broker.subscribe('house/request/#', () => undefined)
  const poison = way.broker.publish(message('poison', { topic: 'house/forbidden' }), never)
  const after = way.broker.publish(message('after'), never)

  await expect(poison).rejects.toMatchObject({ code: 'publish_refused', reasonCode: 0x80, by: 'close' })
  await after
  expect(texts(peer.published).filter((text) => text === 'poison')).toHaveLength(3)
})

test('a life that passes before the broker takes a message is taken off its expiry', async () => {
  const port = await freePort()
  await using way = wayTo(`mqtt://127.0.0.1:${port}`)
  const stop = new AbortController()
  const publishing = way.broker.publish(message('a', { expirySeconds: 3_600 }), stop.signal)
  await until('a try has failed', () => way.broker.state.lastError !== undefined)
  stop.abort(new Error('over'))
  await expect(publishing).rejects.toThrow('over')

  await using peer = await fakeBroker({ publish: (session) => session.number === 1 })
  const clock = heldClock()
  await using other = wayTo(peer.url, { clock })
  const later = other.broker.publish(message('b', { expirySeconds: 3_600 }), never)
  await until('it is sent', () => peer.published.length === 1)
  await clock.advance(10_000)
  peer.sessions[0]?.hangUp()
  await pass(clock, 500, ['it is sent again', () => peer.published.length === 2])
  await later
  const [first, second] = peer.published.map(({ properties }) => Number(properties?.messageExpiryInterval))
  expect(first).toBeGreaterThan(3_000)
  expect(second).toBeLessThan(first ?? 0)
})
