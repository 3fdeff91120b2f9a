/** What the broker sends is acknowledged when it has been taken, and not before. */
import { expect, test } from 'vitest'
import { fakeBroker } from '../../support/fake-broker.ts'
import { message, never, texts, until, wayTo } from '../../support/rig.ts'

test.each([5, 4] as const)('with MQTT version %i: taken in order, acknowledged in order', async (version) => {
  await using peer = await fakeBroker()
  await using way = wayTo(peer.url, version === 4 ? { protocol: version } : {})
  const takes: (() => void)[] = []
  way.broker.subscribe('house/#', ({ topic }) =>
    topic === 'house/slow' ? new Promise<void>((taken) => takes.push(taken)) : undefined,
  )
  await way.broker.connected(never)
  const [session] = peer.sessions

  for (const [messageId, topic] of [
    [1, 'house/a'],
    [2, 'house/slow'],
    [300, 'house/b'],
    [4, 'house/slow'],
  ] as const) {
    session?.send({ cmd: 'publish', topic, payload: 'x', qos: 1, messageId })
  }
  await until('all have come', () => takes.length === 2)
  // What we publish is acknowledged all the same: nothing stops reading.
  await way.broker.publish(message('meanwhile'), never)
  expect(peer.acknowledged).toEqual([1])
  takes[1]?.()
  takes[0]?.()
  await until('all are acknowledged', () => peer.acknowledged.length === 4)

  expect(peer.acknowledged).toEqual([1, 2, 300, 4])
  expect(way.broker.state.reconnects).toBe(0)
})

test('work items go before answers to commands that were there earlier', async () => {
  await using peer = await fakeBroker()
  await using way = wayTo(peer.url)
  const answers = [1, 2, 3].map((nth) => message(`answer ${nth}`, { answer: true }))

  const published = [...answers, message('item')].map((one) => way.broker.publish(one, never))
  await Promise.all(published)

  expect(texts(peer.published)).toEqual(['item', 'answer 1', 'answer 2', 'answer 3'])
})
