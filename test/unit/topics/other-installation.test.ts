import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MessageListener, Subscriptions } from '../../../src/mqtt/subscriptions.ts'
import { watchForOthers } from '../../../src/topics/other-installation.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { anyCharacter } from '../../support/characters.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { readableLog } from '../../support/samples.ts'

const [own, foreign] = ['0a1b2c3d', 'ffffffff']
const info = (installId: string) => JSON.stringify({ version: '0.1.0', install_id: installId })

/** A broker's messages to a watcher, and what is logged. */
function watched() {
  const [log, clock, subscriptions] = [readableLog(), fakeClock(), new Subscriptions()]
  const subscribe = (filter: string, listener: MessageListener) => {
    subscriptions.add(filter, listener)
    return () => void subscriptions.remove(filter, listener)
  }
  const stop = watchForOthers({ topics: topicsBelow('b'), installId: own, subscribe, clock, log })
  const receive = (topic: string, payload: string | Uint8Array, retain: boolean) => {
    void subscriptions.dispatch({ topic, payload: Buffer.from(payload), retain, properties: {} })
  }
  return { log, clock, receive, stop, errors: () => log.lines.filter(({ level }) => level === 'error') }
}

test('another installation below the base topic is an error with a remedy', () => {
  const { receive, errors } = watched()

  receive('b/bridge/info', info(foreign), false)

  expect(errors()).toMatchObject([
    {
      message: 'another installation publishes below this base topic',
      fields: {
        install_id: own,
        other_install_id: foreign,
        remedy: expect.stringContaining('mqtt.baseTopic'),
      },
    },
  ])
})

test.each([
  ['its state', ['b/bridge/state', 'b/bridge/info']],
  ['its name', ['b/bridge/info', 'b/bridge/state']],
])('one that runs already is seen on connecting, whether %s comes first or last', (_, order) => {
  const { receive, errors } = watched()

  for (const topic of order) receive(topic, topic.endsWith('info') ? info(foreign) : 'online', true)
  expect(errors()).toHaveLength(1)
})

test('an installation that is gone left its name, and that is no error', () => {
  const { receive, errors } = watched()

  receive('b/bridge/info', info(foreign), true)
  receive('b/bridge/state', 'offline', true)
  receive('b/bridge/state', 'online', false)

  expect(errors()).toEqual([])
})

test('our own messages never count, retained or coming back', () => {
  const { receive, errors } = watched()

  for (const retain of [true, false]) {
    receive('b/bridge/state', 'online', retain)
    receive('b/bridge/info', info(own), retain)
  }
  expect(errors()).toEqual([])
})

test('it is logged once an hour, and not after the end', async () => {
  const { receive, errors, clock, stop } = watched()

  for (let tick = 0; tick < 12; tick++) receive('b/bridge/info', info(foreign), false)
  expect(errors()).toHaveLength(1)
  await clock.advance(3_600_000)
  receive('b/bridge/info', info(foreign), false)
  expect(errors()).toHaveLength(2)
  await clock.advance(3_600_000)
  stop()
  receive('b/bridge/info', info(foreign), false)
  expect(errors()).toHaveLength(2)
})

test('whatever anybody publishes there is no more than ignored', () => {
  const { receive, errors } = watched()

  fc.assert(
    fc.property(
      fc.constantFrom('b/bridge/info', 'b/bridge/state'),
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json(), fc.string({ unit: anyCharacter })),
      fc.boolean(),
      (topic, payload, retain) => void receive(topic, payload, retain),
    ),
  )
  receive('b/bridge/info', JSON.stringify({ install_id: '\u001b[2J' }), false)
  receive('b/bridge/info', JSON.stringify({ install_id: foreign, pad: 'x'.repeat(100_000) }), false)
  expect(errors()).toEqual([])
})
