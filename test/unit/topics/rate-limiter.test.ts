/** The rate limit of events. */
import { expect, test } from 'vitest'
import type { Message } from '../../../src/domain/model.ts'
import { rateLimited } from '../../../src/topics/rate-limiter.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'

function limited() {
  const clock = fakeClock()
  const sent: [text: string, at: number][] = []
  const abort = new AbortController()
  const exceeded: string[] = []
  const publisher = rateLimited(
    {
      async publish({ topic, payload }) {
        sent.push([`${topic} ${payload}`, clock.elapsed()])
      },
    },
    clock,
    (topic) => exceeded.push(topic),
  )
  const publish = (topic: string, payload: string, more: Partial<Message> = {}) =>
    publisher.publish({ topic, payload, retain: false, event: true, ...more }, abort.signal)
  return { clock, sent, abort, exceeded, publish }
}

test('events of a module are at least ten milliseconds apart and keep their order', async () => {
  const { clock, sent, publish } = limited()
  for (const text of ['1', '2', '3']) void publish('a/event', text)
  await clock.advance(100)
  void publish('a/event', '4')
  await settle()

  expect(sent).toEqual([
    ['a/event 1', 0],
    ['a/event 2', 10],
    ['a/event 3', 20],
    ['a/event 4', 100],
  ])
})

test('events of different modules, work items and state do not wait', async () => {
  const { sent, publish } = limited()
  await publish('a/event', '1')
  await publish('b/event', '1')
  for (const text of ['1', '2']) await publish('a/manifest/requested', text, { event: false, durable: true })
  for (const text of ['1', '2']) await publish('a/state', text, { event: false, retain: true })

  expect(sent.every(([, at]) => at === 0)).toBe(true)
})

test('an event that does not wait leaves no timer behind', async () => {
  const { clock, publish } = limited()
  for (let module = 0; module < 100; module++) await publish(`${module}/event`, '1')

  expect(clock.sleeping).toBe(0)
})

test('an event that waits is not published after the stop', async () => {
  const { sent, abort, publish } = limited()
  await publish('a/event', '1')
  const waiting = publish('a/event', '2')
  abort.abort(new Error('stopped'))

  await expect(waiting).rejects.toThrow('stopped')
  expect(sent).toHaveLength(1)
})

test('of a flood the first thousand events are published, the rest is logged once', async () => {
  const { clock, sent, exceeded, publish } = limited()
  for (let number = 0; number < 1_500; number++) void publish('bridge/event', String(number))
  await clock.advance(11_000)

  expect(sent).toHaveLength(1_001)
  expect(sent.at(-1)).toEqual(['bridge/event 1000', 10_000])
  expect(exceeded).toEqual(['bridge/event'])

  for (let number = 0; number < 1_500; number++) void publish('bridge/event', 'again')
  await clock.advance(11_000)

  expect(sent).toHaveLength(2_002)
  expect(exceeded).toEqual(['bridge/event', 'bridge/event'])
})
