/** What anybody who may write to the broker can send us: it may cost a connection, never the daemon. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeBroker, type Session } from '../../support/fake-broker.ts'
import { hostileText } from '../../support/hostile.ts'
import { message, never, shortPauses, until, wayTo } from '../../support/rig.ts'

/** A way that listens to everything, and the session it has at the moment. */
async function listening() {
  const peer = await fakeBroker()
  const way = wayTo(peer.url, { clock: shortPauses('none') })
  const heard: { topic: string; payload: string }[] = []
  way.broker.subscribe('#', ({ topic, payload }) =>
    heard.push({ topic, payload: Buffer.from(payload).toString() }),
  )
  await way.broker.connected(never)
  const session = (): Session => {
    const last = peer.sessions.at(-1)
    if (!last) throw new Error('no session')
    return last
  }
  const end = async () => {
    await way[Symbol.asyncDispose]()
    await peer[Symbol.asyncDispose]()
  }
  return { peer, way, heard, session, [Symbol.asyncDispose]: end }
}

const properties = fc.record(
  {
    responseTopic: hostileText,
    correlationData: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    contentType: hostileText,
    userProperties: fc.dictionary(hostileText, hostileText, { maxKeys: 3 }),
    messageExpiryInterval: fc.nat(),
    payloadFormatIndicator: fc.boolean(),
    subscriptionIdentifier: fc.integer({ min: 1, max: 1_000 }),
  },
  { requiredKeys: [] },
)

const publish = fc.record({
  cmd: fc.constant('publish'),
  topic: fc
    .oneof(fc.constantFrom('house/request/rescan', 'a/+/#', '$SYS/x', '/'), hostileText)
    .filter(Boolean),
  payload: fc.oneof(
    fc.json(),
    hostileText,
    fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
  ),
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  dup: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  properties,
})

test('any message on any topic with any properties does the client no harm', async () => {
  await using world = await listening()
  const { way, session } = world

  await fc.assert(
    fc.asyncProperty(publish, async (packet) => {
      session().send(packet)
      await way.broker.publish(message('still here'), never)
    }),
    { numRuns: 200 },
  )
  const before = world.heard.length
  session().send({ cmd: 'publish', topic: 'house/last', payload: 'heard', qos: 0 })
  await until('a good one is heard', () =>
    world.heard.slice(before).some(({ topic }) => topic === 'house/last'),
  )
})

test('any bytes from the broker cost a connection at most, and the next one works', async () => {
  await using world = await listening()
  const { way, peer, session } = world

  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async (bytes) => {
      session().sendBytes(bytes)
      session().hangUp()
      const next = peer.sessions.length + 1
      await until('it is back', () => peer.sessions.length >= next && way.broker.state.connected)
      await way.broker.publish(message('still here'), never)
    }),
    { numRuns: 60 },
  )
  expect(way.broker.state.connected).toBe(true)
})

test('a packet that announces too much ends the connection before it comes', async () => {
  await using world = await listening()
  const { way, session } = world

  // 100 MB, of which nothing is ever sent.
  session().sendBytes(Uint8Array.of(0x30, 0x80, 0xc2, 0xd7, 0x2f, 0, 1, 0x61))

  await until('the loss is logged', () => way.said('broker connection lost').length === 1)
  expect(way.said('broker connection lost')[0]?.fields.reason).toMatch(/more than 4194304 bytes/)
  await way.broker.publish(message('on the next connection'), never)
})
