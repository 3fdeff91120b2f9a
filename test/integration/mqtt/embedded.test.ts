import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { ConfigInvalid } from '../../../src/domain/errors.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { type EmbeddedBrokerOptions, startEmbeddedBroker } from '../../../src/mqtt/embedded.ts'
import { packetBytes } from '../../support/fake-broker.ts'
import { mosquittoTest } from '../../support/mosquitto.ts'
import { listenTo, message, never, readableLog, stateTopic, until, wayTo } from '../../support/rig.ts'

async function embedded(options: Partial<EmbeddedBrokerOptions> = {}) {
  const { log, lines } = readableLog()
  const broker = await startEmbeddedBroker({ host: '127.0.0.1', port: 0, log, ...options })
  return { ...broker, lines, [Symbol.asyncDispose]: () => broker.close() }
}

/** Bytes to the broker's port, as a client without manners would send them. */
async function rudeSocket(port: number, bytes: Uint8Array): Promise<Socket> {
  const socket = dial(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.resume()
  socket.write(bytes)
  return socket
}

test('the daemon falls back to MQTT 3.1.1 on it, and publishes and hears', async () => {
  await using broker = await embedded()
  await using way = wayTo(broker.url)
  await using knowing = wayTo(broker.url, { protocol: broker.protocol })
  const heard: string[] = []
  way.broker.subscribe('house/#', ({ topic, retain }) => heard.push(`${topic} ${retain}`))

  await knowing.broker.publish(message('{}', { json: true, expirySeconds: 60 }), never)
  await way.broker.publish(message('{}', { json: true, expirySeconds: 60 }), never)
  await until('it is heard', () => heard.includes('house/item false'))
  expect(way.broker.state.protocol).toBe(4)
  expect(knowing.lines.map(({ level }) => level)).toEqual(['info'])
})

test('what is retained is there for whoever comes later', async () => {
  await using broker = await embedded()
  await using way = wayTo(broker.url)
  await way.broker.announce(never)

  await using listener = await listenTo(broker.url, { version: 4 })
  await until('the state is read', () => listener.texts(stateTopic).length === 1)
  expect(listener.received[0]).toMatchObject({ text: 'online', retain: true })
})

const hello = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 }

test('the will of a client that is gone is published', async () => {
  await using broker = await embedded()
  await using listener = await listenTo(broker.url, { version: 4 })
  const will = { topic: 'its/state', payload: 'gone', qos: 1, retain: false }
  const socket = await rudeSocket(broker.port, packetBytes({ ...hello, clientId: 'short-lived', will }))
  await once(socket, 'data')

  socket.destroy()
  await until('the will is published', () => listener.texts('its/state').length === 1)
  expect(listener.texts('its/state')).toEqual(['gone'])
})

test('with a user name and password set, nobody else is let in', async () => {
  const password = new Secret('s:cret')
  await using broker = await embedded({ username: 'ann', password })
  await using right = wayTo(broker.url, { username: 'ann', password })
  await right.broker.publish(message('a'), never)

  for (const login of [
    {},
    { username: 'ann' },
    { username: 'ann', password: new Secret('guess') },
    { username: 'bob', password },
  ]) {
    await using wrong = wayTo(broker.url, login)
    await until('it is refused', () => wrong.said('cannot connect to broker').length > 0)
    expect(wrong.broker.state.lastError).toBe('Connection refused: Bad username or password (0x04)')
  }
  expect(JSON.stringify(broker.lines)).not.toMatch(/guess|s:cret/)
})

test('a port that is taken is a setting that cannot be used', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  const port = address !== null && typeof address !== 'string' ? address.port : 0

  const starting = embedded({ port })
  await expect(starting).rejects.toThrow(ConfigInvalid)
  await expect(starting).rejects.toThrow(
    `mqtt.listen: 127.0.0.1:${port} is in use; another MQTT broker, Mosquitto for instance, may be running`,
  )
  other.close()
})

test('an address of another machine is a setting that cannot be used', async () => {
  await expect(embedded({ host: '192.0.2.1' })).rejects.toThrow(
    'mqtt.listen: 192.0.2.1:0 is no address of this',
  )
})

test('it retains messages up to a limit, says so, and takes what replaces or clears one', async () => {
  await using broker = await embedded()
  await using way = wayTo(broker.url, { protocol: 4 })
  const text = 'x'.repeat(1_000_000)
  const leave = (number: number, payload = text) =>
    way.broker.publish(message(payload, { topic: `house/${number}`, retain: true }), never)
  for (let number = 0; number < 80; number++) await leave(number)
  await leave(0, 'short')
  await leave(90, 'another')

  await using listener = await listenTo(broker.url, { version: 4 })
  await until('all that is retained is there', () => listener.texts('house/90').length === 1)
  expect(listener.received.length).toBeGreaterThan(50)
  expect(listener.received.length).toBeLessThan(70)
  expect(broker.lines.filter(({ level }) => level === 'warn')).toMatchObject([
    {
      message: 'built-in broker retains no more messages',
      fields: { topic: expect.stringContaining('house/') },
    },
  ])
})

test.each([
  ['a web browser', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['zeros', Buffer.alloc(5_000)],
  ['ones', Buffer.alloc(5_000, 0xff)],
  ['a publish before CONNECT', Uint8Array.from([0x30, 5, 0, 1, 97, 98, 99])],
  ['an announcement of 256 MB', Uint8Array.from([0x32, 0xff, 0xff, 0xff, 0x7f])],
])('garbage ends its own connection and nothing else: %s', async (_, bytes) => {
  await using broker = await embedded()
  await using way = wayTo(broker.url, { protocol: 4 })
  await way.broker.connected(never)
  const socket = await rudeSocket(broker.port, bytes)

  await until('it is thrown out', () => socket.closed)
  await way.broker.publish(message('a'), never)
  expect(way.broker.state.reconnects).toBe(0)
})

test('a subscriber that does not read is disconnected, and the others go on', async () => {
  await using broker = await embedded()
  await using way = wayTo(broker.url, { protocol: 4 })
  const deaf = await rudeSocket(broker.port, packetBytes({ ...hello, clientId: 'deaf' }))
  await once(deaf, 'data')
  deaf.pause()
  const subscriptions = [{ topic: '#', qos: 1 }]
  deaf.write(packetBytes({ cmd: 'subscribe', messageId: 1, subscriptions }))
  await way.broker.connected(never)

  const text = 'x'.repeat(50_000)
  await Promise.all(Array.from({ length: 400 }, () => way.broker.publish(message(text), never)))
  const thrownOut = {
    level: 'debug',
    message: 'MQTT client failed',
    fields: { clientId: 'deaf', reason: 'drain timeout' },
  }
  expect(broker.lines).toContainEqual(expect.objectContaining(thrownOut))
  expect(way.broker.state.reconnects).toBe(0)
  deaf.destroy()
})

test('a subscriber for which too much waits is thrown out at once', async () => {
  await using broker = await embedded()
  await using way = wayTo(broker.url, { protocol: 4 })
  const deaf = await rudeSocket(broker.port, packetBytes({ ...hello, clientId: 'deaf' }))
  await once(deaf, 'data')
  deaf.pause()
  const subscriptions = [{ topic: '#', qos: 0 }]
  deaf.write(packetBytes({ cmd: 'subscribe', messageId: 1, subscriptions }))
  await way.broker.connected(never)
  await way.broker.publish(message('first'), never)

  const text = 'x'.repeat(900_000)
  await Promise.all(Array.from({ length: 60 }, () => way.broker.publish(message(text), never)))
  expect(broker.lines).toContainEqual(
    expect.objectContaining({
      fields: { clientId: 'deaf', reason: expect.stringContaining('bytes wait for this client to read') },
    }),
  )
  deaf.destroy()
})

test('close ends everyone and does not hang on those that say nothing', async () => {
  const broker = await embedded()
  await using way = wayTo(broker.url, { protocol: 4 })
  await way.broker.connected(never)
  const silent = await Promise.all(
    Array.from({ length: 20 }, () => rudeSocket(broker.port, Uint8Array.from([0x10]))),
  )

  await broker.close()
  await broker.close()
  await until('all are ended', () => silent.every(({ closed }) => closed) && !way.broker.state.connected)
  await expect(once(dial(broker.port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED')
})

mosquittoTest('mosquitto_pub and mosquitto_sub work with it', async () => {
  await using broker = await embedded()
  const address = ['-h', '127.0.0.1', '-p', String(broker.port), '-V', '311', '-t', 'a/b', '-q', '1']
  const subscriber = spawn('mosquitto_sub', [...address, '-C', '1'])
  const output = once(subscriber.stdout, 'data')
  const publisher = spawn('mosquitto_pub', [...address, '-m', 'hello', '-r'])
  const [code] = await once(publisher, 'exit')

  expect(code).toBe(0)
  expect(String((await output)[0])).toBe('hello\n')
  subscriber.kill()
})

mosquittoTest('a client that speaks only MQTT 5 gets that as the reason', async () => {
  await using broker = await embedded()
  const words = ['-h', '127.0.0.1', '-p', String(broker.port), '-V', '5', '-t', 'a', '-m', 'b']
  const publisher = spawn('mosquitto_pub', words)
  const [written] = await once(publisher.stderr, 'data')

  expect(String(written)).toContain('Unsupported Protocol Version')
})
