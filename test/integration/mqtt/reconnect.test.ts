import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { Secret } from '../../../src/domain/secret.ts'
import { fakeBroker } from '../../support/fake-broker.ts'
import { freePort } from '../../support/mosquitto.ts'
import {
  heldClock,
  message,
  never,
  pass,
  type Rig,
  shortPauses,
  stateTopic,
  until,
  wayTo,
} from '../../support/rig.ts'

const remedies = ({ lines }: Rig) => lines.flatMap(({ fields: { remedy } }) => remedy ?? [])

test('a refused login is tried again, logged once, and the password is nowhere', async () => {
  const password = new Secret('hunter2-hunter2')
  await using peer = await fakeBroker({
    connect(session) {
      if (session.number > 20) return false
      session.send({ cmd: 'connack', reasonCode: 0x86, sessionPresent: false })
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url, { username: 'ann', password, clock: shortPauses('none') })

  await way.broker.connected(never)
  expect(String(peer.sessions[0]?.connect.password)).toBe(password.reveal())
  expect(way.said('cannot connect to broker').filter(({ level }) => level === 'warn')).toHaveLength(1)
  expect(remedies(way)).toContain(
    'Check mqtt.username and mqtt.password, and what the broker lets this user do.',
  )
  expect(JSON.stringify([way.lines, way.broker.state])).not.toContain(password.reveal())
})

test.each([
  ['MQTT 5 says so', { reasonCode: 0x84 }, 5],
  ['MQTT 3.1.1 says so', { returnCode: 1 }, 4],
])('without MQTT 5 the properties are left out: %s', async (_, refusal, answerVersion) => {
  await using peer = await fakeBroker({
    connect(session) {
      if (session.version === 4) return false
      session.send({ cmd: 'connack', sessionPresent: false, ...refusal }, answerVersion)
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url)
  const sessions: number[] = []
  way.broker.onConnect(({ protocol }) => sessions.push(protocol))

  await way.broker.publish(message('{}', { json: true, expirySeconds: 9, userProperties: { a: 'b' } }), never)
  expect(peer.published[0]?.properties).toBeUndefined()
  peer.sessions[1]?.hangUp()
  await until('it has connected again', () => sessions.length === 2)
  expect(sessions).toEqual([4, 4])
  expect(peer.sessions.map(({ connect }) => connect.protocolVersion)).toEqual([5, 4, 4])
  expect(way.said('broker refuses MQTT 5, using MQTT 3.1.1 without expiry and properties')).toHaveLength(1)
})

test('a broker that hangs up on MQTT 5 without a word is spoken to in MQTT 3.1.1', async () => {
  await using peer = await fakeBroker({
    connect(session) {
      if (session.version === 4) return false
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url)

  await way.broker.publish(message('a'), never)
  expect(way.broker.state.protocol).toBe(4)
  // The try that only wanted to know took its leave: a broker that misses it would publish the will.
  expect(peer.goodbyes).toHaveLength(1)
})

test('a broker that is only starting is not taken for an old one', async () => {
  await using peer = await fakeBroker({
    connect(session) {
      if (session.number > 2) return false
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url)

  await way.broker.connected(never)
  expect(peer.sessions.map(({ version }) => version)).toEqual([5, 5, 4, 5])
  expect(way.broker.state.protocol).toBe(5)
})

test('taken over three times in a minute, it stays away and says why', async () => {
  await using peer = await fakeBroker({
    connect(session) {
      if (session.number > 3) return false
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false })
      session.send({ cmd: 'disconnect', reasonCode: 0x8e })
      return true
    },
  })
  const clock = heldClock()
  await using way = wayTo(peer.url, { clock })
  await pass(clock, 100, [
    'it gives way',
    () => way.said('another client uses our client id, staying away for five minutes').length > 0,
  ])
  const since = clock.elapsed()
  expect(peer.sessions).toHaveLength(3)

  await pass(clock, 5_000, ['it is back', () => way.broker.state.connected])
  expect(clock.elapsed() - since).toBeGreaterThan(290_000)
  const [line] = way.said('another client uses our client id, staying away for five minutes')
  expect(line?.level).toBe('error')
  expect(remedies(way)).toEqual(['Stop the other instance, or give each its own mqtt.clientId.'])
})

test('disconnected again and again soon after connecting, it says why', async () => {
  await using peer = await fakeBroker({
    connect(session) {
      if (session.number > 4) return false
      session.send({ cmd: 'connack', returnCode: 0, sessionPresent: false })
      session.hangUp()
      return true
    },
  })
  const clock = heldClock()
  await using way = wayTo(peer.url, { protocol: 4, clock })

  await pass(clock, 100, [
    'it is logged',
    () => way.said('broker closes the connection again and again, waiting a minute').length > 0,
  ])
  await pass(clock, 1_000, ['it stands', () => peer.sessions.length === 5 && way.broker.state.connected])
})

test('a broker that is away for a day does not fill the log', async () => {
  const clock = heldClock()
  await using way = wayTo(`mqtt://127.0.0.1:${await freePort()}`, { clock })
  const start = clock.elapsed()

  await pass(clock, 600_000, ['a day has passed', () => clock.elapsed() - start > 24 * 3_600_000])
  const logged = way.lines.filter(({ level }) => level !== 'debug')
  expect(logged.length).toBeGreaterThan(1)
  expect(logged.length).toBeLessThanOrEqual(25)
  expect(remedies(way)[0]).toBe('Is the broker running, and does mqtt.url name its host and port?')
})

test('1,000 lost connections leave no listener, socket or warning behind', async () => {
  const warnings: Error[] = []
  const warned = (warning: Error) => warnings.push(warning)
  process.on('warning', warned)
  await using peer = await fakeBroker({
    connect(session) {
      if (session.number > 1_000) return false
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false })
      session.hangUp()
      return true
    },
  })
  await using way = wayTo(peer.url, { clock: shortPauses('none') })
  const stop = new AbortController()
  const waiting = way.broker.publish(message('a'), stop.signal)

  await until('all are lost', () => peer.sessions.length === 1_001 && way.broker.state.connected)
  await waiting
  expect(getEventListeners(stop.signal, 'abort').length).toBeLessThanOrEqual(1)
  await until('the sockets have gone', () => peer.openSockets === 1)
  expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([])
  const logged = way.lines.filter(({ level }) => level !== 'debug')
  expect(logged.length).toBeLessThan(30)
  process.off('warning', warned)
})

test('garbage from the other end costs a connection and nothing else', async () => {
  await using peer = await fakeBroker({
    connect(session) {
      if (session.number > 3) return false
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false })
      session.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false })
      return true
    },
  })
  await using way = wayTo(peer.url)

  await until('it stands', () => peer.sessions.length === 4 && way.broker.state.connected)
  await way.broker.publish(message('a'), never)
})

test("only a process's first connection starts clean, so the will waits for the next", async () => {
  await using peer = await fakeBroker()
  await using way = wayTo(peer.url)
  await way.broker.connected(never)
  peer.sessions[0]?.hangUp()
  await until('it is back', () => peer.sessions.length === 2 && way.broker.state.connected)

  expect(peer.sessions.map(({ connect }) => connect.clean)).toEqual([true, false])
  expect(peer.sessions[0]?.connect).toMatchObject({
    properties: { sessionExpiryInterval: 60 },
    will: {
      topic: stateTopic,
      qos: 1,
      retain: true,
      properties: { willDelayInterval: 5, payloadFormatIndicator: true },
    },
  })
})
