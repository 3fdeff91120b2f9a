/** Limits of a broker, and another client in our place, seen from delivery to wire: it waits, and loses nothing. */
import { connectAsync } from 'mqtt'
import { expect, test } from 'vitest'
import type { DurableEvent } from '../../../src/domain/model.ts'
import { deliver } from '../../../src/outbox/delivery.ts'
import { fakeBroker, type Packet } from '../../support/fake-broker.ts'
import { fakeDisk } from '../../support/fake-outbox.ts'
import { mosquittoTest, startMosquitto } from '../../support/mosquitto.ts'
import { heldClock, message, never, pass, readableLog, texts, wayTo } from '../../support/rig.ts'
import { anItem } from '../../support/samples.ts'

const quotaExceeded = 0x97

test('a broker with a full quota is retried later and gets every item once, in order', async () => {
  let full = true
  const refused: Packet[] = []
  await using peer = await fakeBroker({
    publish(session, packet) {
      if (!full) return false
      refused.push(packet)
      session.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: quotaExceeded })
      return true
    },
  })
  const clock = heldClock()
  await using way = wayTo(peer.url, { clock })
  const disk = fakeDisk({ eager: true, changed: () => undefined })
  const { outbox, add } = disk.open()
  for (let number = 0; number < 12; number++) {
    const ids = { requestId: `${1_000 + number}`, syncModuleId: `${350_001 + (number % 3)}` }
    await add(anItem({ ...ids, expiresAt: clock.now() + 600_000 }))
  }
  const stop = new AbortController()
  const { log } = readableLog()
  const messagesFor = ({ orderKey, body }: DurableEvent) => [message(body.requestId, { topic: orderKey })]
  const delivering = deliver({ outbox, publisher: way.broker, messagesFor, clock, log }, stop.signal)

  await pass(clock, 1_000, ['each module was refused twice', () => refused.length >= 6])
  full = false
  await pass(clock, 1_000, ['all are delivered', () => disk.rows().length === 0])
  stop.abort(new Error('over'))
  await delivering

  const taken = texts(peer.published.slice(refused.length))
  expect(taken.toSorted()).toEqual(Array.from({ length: 12 }, (_, number) => `${1_000 + number}`))
  for (const module of [0, 1, 2]) {
    const own = taken.filter((text) => (Number(text) - 1_000) % 3 === module)
    expect(own).toEqual(own.toSorted())
  }
  expect(way.broker.state.reconnects).toBe(0)
})

mosquittoTest('when the other client with our id goes, we are back and publish what waited', async () => {
  await using mosquitto = await startMosquitto()
  const clock = heldClock()
  await using way = wayTo(mosquitto.url, { clientId: 'one-of-two', clock })
  await way.broker.connected(never)
  const options = { clientId: 'one-of-two', protocolVersion: 5 as const, reconnectPeriod: 20 }
  const other = await connectAsync(mosquitto.url, options)
  await pass(clock, 20, [
    'we give way',
    () => way.said('broker closes the connection again and again, waiting a minute').length > 0,
  ])
  const waiting = way.broker.publish(message('kept'), never)

  await other.endAsync(true)
  await pass(clock, 1_000, ['we are back', () => way.broker.state.connected])
  await waiting
  expect(way.broker.state.connected).toBe(true)
})
