/** The way to the broker against a real Mosquitto. */
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import { expect } from 'vitest'
import { Secret } from '../../../src/domain/secret.ts'
import { freePort, mosquittoTest, startMosquitto } from '../../support/mosquitto.ts'
import { heldClock, listenTo, message, never, pass, stateTopic, until, wayTo } from '../../support/rig.ts'

mosquittoTest('a subscriber sees what MQTT 5 adds to a message', async () => {
  await using mosquitto = await startMosquitto()
  await using listener = await listenTo(mosquitto.url)
  await using way = wayTo(mosquitto.url)
  const userProperties = { schema: '1', event_id: '0197a1' }

  await way.broker.publish(message('{}', { json: true, expirySeconds: 600, userProperties }), never)
  await way.broker.publish(message('plain', { correlationData: Buffer.from('abc') }), never)
  await until('both have arrived', () => listener.received.length === 2)
  const [json, plain] = listener.received.map(({ properties }) => properties)
  expect(json).toMatchObject({
    payloadFormatIndicator: true,
    contentType: 'application/json',
    userProperties,
  })
  expect(json?.messageExpiryInterval).toBeGreaterThan(300)
  expect(plain).toEqual({ payloadFormatIndicator: true, correlationData: Buffer.from('abc') })
  expect(way.broker.state).toMatchObject({ connected: true, protocol: 5, reconnects: 0 })
})

mosquittoTest('a publish made while the broker is away is acknowledged after it returns', async () => {
  await using mosquitto = await startMosquitto()
  await using way = wayTo(mosquitto.url)
  await way.broker.connected(never)
  await mosquitto.kill()
  await until('the loss is seen', () => !way.broker.state.connected)
  const publishing = way.broker.publish(message('kept', { retain: true }), never)

  await mosquitto.restart({ forget: true })
  await publishing
  await using listener = await listenTo(mosquitto.url)
  await until('it has arrived', () => listener.texts('house/item').includes('kept'))
  expect(way.broker.state.reconnects).toBe(1)
})

mosquittoTest('order is kept over three killed brokers, and every publish is acknowledged', async () => {
  await using mosquitto = await startMosquitto()
  await using listener = await listenTo(mosquitto.url)
  await using way = wayTo(mosquitto.url)
  let next = 0
  let acknowledged = 0
  const worker = async () => {
    while (next < 1_000) {
      await way.broker.publish(message(String(next++)), never)
      acknowledged++
    }
  }
  const workers = Array.from({ length: 32 }, worker)
  for (const moment of [200, 500, 800]) {
    await until(`${moment} are acknowledged`, () => acknowledged >= moment)
    await mosquitto.kill()
    await mosquitto.restart()
  }

  await Promise.all(workers)
  await until('the last has arrived', () => listener.texts('house/item').includes('999'))
  const seen = [...new Set(listener.texts('house/item').map(Number))]
  expect(acknowledged).toBe(1_000)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  // A killed Mosquitto may lose what it acknowledged but had not passed on; never more than a window for each.
  expect(seen.length).toBeGreaterThan(900)
})

mosquittoTest('user name and password are sent; wrong ones are refused and tried again', async () => {
  await using mosquitto = await startMosquitto({ users: { ann: 'p:w@d/?#' } })
  await using right = wayTo(mosquitto.url, { username: 'ann', password: new Secret('p:w@d/?#') })
  await using wrong = wayTo(mosquitto.url, { username: 'ann', password: new Secret('guessed') })

  await right.broker.connected(never)
  const refused = () => mosquitto.log.filter((line) => line.includes('not authorised')).length
  await until(
    'it was refused three times',
    () => refused() > 2 || wrong.said('cannot connect to broker').length > 2,
  )
  expect(wrong.broker.state.lastError).toBe('Connection refused: Not authorized (0x87)')
  expect(JSON.stringify([wrong.lines, wrong.broker.state])).not.toContain('guessed')
})

mosquittoTest('a topic this user may not write to is refused by name, and the rest goes on', async () => {
  const acl = 'user ann\ntopic readwrite house/#\n'
  await using mosquitto = await startMosquitto({ users: { ann: 'secret' }, acl })
  await using way = wayTo(mosquitto.url, { username: 'ann', password: new Secret('secret') })

  const elsewhere = way.broker.publish(message('a', { topic: 'garden/item' }), never)
  await expect(elsewhere).rejects.toMatchObject({ code: 'publish_refused', reasonCode: 0x87 })
  await way.broker.publish(message('b'), never)
  expect(way.broker.state.reconnects).toBe(0)
})

mosquittoTest('a message too large for Mosquitto is refused, and the connection stays', async () => {
  await using mosquitto = await startMosquitto({ config: ['max_packet_size 2000'] })
  await using way = wayTo(mosquitto.url)

  // Up to the last byte that fits: our reckoning may be a few bytes too careful, never too bold.
  const fits = way.broker.publish(message('x'.repeat(1_970)), never)
  const large = way.broker.publish(message('x'.repeat(1_981)), never)
  await expect(large).rejects.toMatchObject({ reasonCode: 0x95 })
  await fits
  expect(way.broker.state.reconnects).toBe(0)
})

mosquittoTest('the will is not sent for a short loss, and is sent for a client that is gone', async () => {
  await using mosquitto = await startMosquitto()
  await using listener = await listenTo(mosquitto.url)
  await using wire = await cuttableWire(mosquitto.port)
  const will = (topic: string) => ({ will: { topic, payload: 'offline' } })
  await using blip = wayTo(wire.url, will('blip/state'))
  await blip.broker.connected(never)
  await blip.broker.announce(never)
  wire.cut()
  await until('the loss is seen', () => !blip.broker.state.connected)
  await until('it is back', () => blip.broker.state.connected)

  await using gone = wayTo(wire.url, will('gone/state'))
  await gone.broker.connected(never)
  wire.cutForGood()
  await until('the will of the gone one is sent', () => listener.texts('gone/state').length > 0)
  const [first] = listener.texts('blip/state')
  expect(first).toBe('online')
})

mosquittoTest('the will of a client is dropped when another process takes its id over', async () => {
  await using mosquitto = await startMosquitto()
  await using listener = await listenTo(mosquitto.url)
  const will = { topic: 'bridge/state', payload: 'offline', delaySeconds: 1 }
  const shared = { clientId: 'the-bridge', takesOver: true, will }
  await using first = wayTo(mosquitto.url, shared)
  await first.broker.announce(never)
  await first.broker.close({ deadlineMs: 1_000, isFollowed: true })

  await using second = wayTo(mosquitto.url, shared)
  await second.broker.announce(never)
  // One that nobody follows, later: when its will is there, the other one would be as well.
  const lone = { ...will, topic: 'lone/state' }
  await using third = wayTo(mosquitto.url, { will: lone })
  await third.broker.announce(never)
  await third.broker.close({ deadlineMs: 1_000, isFollowed: true })
  await until('the will of the lone one is sent', () => listener.texts('lone/state').includes('offline'))

  expect(listener.texts('bridge/state')).toEqual(['online', 'online'])
})

mosquittoTest('a fight with another client over one id ends in a pause and an advice', async () => {
  await using mosquitto = await startMosquitto()
  const clock = heldClock()
  const options = { clientId: 'one-of-two', clock }
  await using first = wayTo(mosquitto.url, options)
  await using second = wayTo(mosquitto.url, options)
  // Mosquitto 2.0.11 throws the older one out without the reason that MQTT 5 has for it.
  const sentence = 'broker closes the connection again and again, waiting a minute'

  await pass(clock, 20, [
    'one gives way',
    () => first.said(sentence).length + second.said(sentence).length > 0,
  ])
  const [line] = [...first.said(sentence), ...second.said(sentence)]
  expect(line?.fields.remedy).toContain('mqtt.clientId')
})

mosquittoTest('TLS: the right authority is trusted and no other', async () => {
  await using mosquitto = await startMosquitto({ tls: 'server' })
  const { ca, otherCa } = mosquitto.certificates ?? {}
  await using trusting = wayTo(mosquitto.url, { ca })
  await using doubting = wayTo(mosquitto.url, { ca: otherCa })
  await using bare = wayTo(mosquitto.url.replace('mqtts:', 'mqtt:'))

  await trusting.broker.publish(message('a'), never)
  await until('the others have failed', () =>
    Boolean(doubting.broker.state.lastError && bare.broker.state.lastError),
  )
  expect(doubting.lines[0]?.fields.remedy).toContain('mqtt.ca')
  expect(doubting.broker.state.connected || bare.broker.state.connected).toBe(false)
})

mosquittoTest('TLS: a certificate of our own is shown to a broker that wants one', async () => {
  await using mosquitto = await startMosquitto({ tls: 'mutual' })
  const { ca, cert, key } = mosquitto.certificates ?? {}
  await using known = wayTo(mosquitto.url, { ca, cert, key })
  await using unknown = wayTo(mosquitto.url, { ca })

  await known.broker.publish(message('a'), never)
  await until('the other has failed', () => unknown.broker.state.lastError !== undefined)
  expect(unknown.broker.state.connected).toBe(false)
})

mosquittoTest('commands arrive again after a broker has forgotten everything', async () => {
  await using mosquitto = await startMosquitto()
  await using way = wayTo(mosquitto.url)
  const heard: string[] = []
  way.broker.subscribe('house/request/+', ({ payload, retain }) =>
    heard.push(`${Buffer.from(payload)} ${retain}`),
  )
  await way.broker.connected(never)
  await mosquitto.restart({ forget: true })
  await until('it is back', () => way.broker.state.connected && way.broker.state.reconnects > 0)

  await way.broker.publish(message('live', { topic: 'house/request/a' }), never)
  await until('it is heard', () => heard.length > 0)
  expect(heard).toEqual(['live false'])
})

mosquittoTest('close leaves offline behind, and birth replaces it', async () => {
  await using mosquitto = await startMosquitto()
  const first = wayTo(mosquitto.url)
  await first.broker.connected(never)
  await first.broker.announce(never)
  await first.broker.close({ deadlineMs: 100_000 })
  await using listener = await listenTo(mosquitto.url)
  await until('the retained state is read', () => listener.texts(stateTopic).length === 1)
  await using second = wayTo(mosquitto.url)

  await second.broker.announce(never)
  await until('it is online', () => listener.texts(stateTopic).length === 2)
  expect(listener.texts(stateTopic)).toEqual(['offline', 'online'])
  expect(listener.received[0]?.retain).toBe(true)
})

/** A wire to a port that can be cut without either end saying good-bye. */
async function cuttableWire(port: number) {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = dial(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  const wirePort = await freePort()
  server.listen(wirePort, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
    sockets.clear()
  }
  return {
    url: `mqtt://127.0.0.1:${wirePort}`,
    cut,
    cutForGood() {
      server.close()
      cut()
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) server.close()
      cut()
    },
  }
}
