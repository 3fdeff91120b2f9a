/** Commands in, answers out: what is obeyed, who is told, and what a desk does with those who shout. */
import { expect, test } from 'vitest'
import { PublishRefused } from '../../src/errors.ts'
import type { Incoming, OutgoingMessage } from '../../src/mqtt/broker.ts'
import { openDesk } from '../../src/mqtt/command-desk.ts'
import type { Order, Result } from '../../src/mqtt/commands.ts'
import type { MessageListener, Wish } from '../../src/mqtt/subscriptions.ts'
import { topicsBelow } from '../../src/mqtt/topics.ts'
import { settle } from '../fake-clock.ts'
import { readableLog } from '../samples.ts'

interface Desk {
  /** Does what is ordered; without it, everything is done at once. */
  readonly obey?: (order: Order) => Promise<Result>
  readonly refuses?: (topic: string) => Error | undefined
}

/** A desk at a broker that passes on what the test sends. */
function aDesk({ obey = async () => ({ data: { done: true } }), refuses }: Desk = {}) {
  const listeners = new Map<string, { readonly listener: MessageListener; readonly wish: Wish | undefined }>()
  const sent: OutgoingMessage[] = []
  const obeyed: Order[] = []
  const failures: unknown[] = []
  const log = readableLog()
  const abort = new AbortController()
  openDesk(
    {
      topics: topicsBelow('b'),
      broker: {
        subscribe(filter, listener, wish) {
          listeners.set(filter, { listener, wish })
          return () => listeners.delete(filter)
        },
        async publish(message) {
          const refusal = refuses?.(message.topic)
          if (refusal) throw refusal
          sent.push(message)
        },
      },
      obey(order) {
        obeyed.push(order)
        return obey(order)
      },
      log,
      fail: (error) => failures.push(error),
    },
    abort.signal,
  )
  const bytes = (text: string) => new TextEncoder().encode(text)
  return {
    ...{ listeners, sent, obeyed, failures, log, abort },
    /** Sends and lets everything happen that follows at once. */
    async send(topic: string, payload = '', more: Partial<Incoming> = {}) {
      const filter = topic.startsWith('b/bridge/') ? 'b/bridge/request/#' : 'b/sync/+/+/+/set/+'
      const message = { topic, payload: bytes(payload), retain: false, properties: {}, ...more }
      listeners.get(filter)?.listener(message)
      await settle()
    },
    answers: () => sent.map(({ topic, payload }) => [topic, JSON.parse(payload) as unknown]),
  }
}

const health = 'b/bridge/request/health'

test('a command is obeyed and answered on the topic of its verb, as JSON that is forgotten after a minute', async () => {
  const desk = aDesk()

  await desk.send(health, '{"transaction": "abc"}')

  expect(desk.obeyed).toEqual([{ verb: 'health' }])
  expect(desk.sent).toEqual([
    {
      topic: 'b/bridge/response/health',
      payload: '{"transaction":"abc","status":"ok","data":{"done":true}}',
      retain: false,
      json: true,
      expirySeconds: 60,
      userProperties: { schema: '1' },
    },
  ])
  expect(desk.log.lines).toEqual([{ level: 'info', message: 'command done', fields: { verb: 'health' } }])
})

test('a button of one module is obeyed for that module, and the log says for which', async () => {
  const desk = aDesk()
  const target = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }

  await desk.send('b/sync/8021/44107/350221/set/request_now', 'PRESS')

  expect(desk.obeyed).toEqual([{ verb: 'manifest/request', target }])
  expect(desk.answers()).toEqual([
    ['b/bridge/response/manifest/request', { transaction: null, status: 'ok', data: { done: true } }],
  ])
  expect(desk.log.lines[0]?.fields).toEqual({ verb: 'manifest/request', ...target })
})

test('what means nothing is answered with what is known, and nobody is troubled with it', async () => {
  const desk = aDesk()

  await desk.send('b/bridge/request/dance', '{"transaction": 7}')

  expect(desk.obeyed).toEqual([])
  expect(desk.answers()).toMatchObject([
    ['b/bridge/response/dance', { transaction: 7, status: 'error', error: { code: 'unknown_verb' } }],
  ])
  expect(desk.log.lines).toMatchObject([{ message: 'command refused', fields: { code: 'unknown_verb' } }])
})

test('a refusal of what was ordered is answered with when to try again, and logged', async () => {
  const refusal = { code: 'throttled', message: 'asked too often', retryable: true, retryAt: 0 }
  const desk = aDesk({ obey: async () => ({ data: { requested: 0 }, refusal }) })

  await desk.send('b/bridge/request/manifest/request')

  expect(desk.answers()[0]?.[1]).toMatchObject({
    data: { requested: 0 },
    error: { code: 'throttled', retryable: true, retry_at: '1970-01-01T00:00:00.000Z' },
  })
  const fields = { verb: 'manifest/request', code: 'throttled', detail: 'asked too often' }
  expect(desk.log.lines).toEqual([{ level: 'info', message: 'command refused', fields }])
})

test('retained commands are ignored, each topic is named once, and clearing one is not worth a word', async () => {
  const desk = aDesk()
  const retain = true

  for (const _ of [1, 2]) await desk.send(health, '{}', { retain })
  await desk.send('b/sync/8021/44107/350221/set/polling', 'OFF', { retain })
  await desk.send('b/bridge/request/rescan', '', { retain })

  expect([...desk.listeners.values()].map(({ wish }) => wish)).toEqual([
    { retainAsPublished: true },
    { retainAsPublished: true },
  ])
  expect([...desk.obeyed, ...desk.sent]).toEqual([])
  expect(desk.log.lines.map(({ level, message, fields }) => [level, message, fields.topic])).toEqual([
    ['warn', 'retained command ignored', health],
    ['warn', 'retained command ignored', 'b/sync/8021/44107/350221/set/polling'],
  ])
})

test('a thousand retained commands of different topics do not fill the log', async () => {
  const desk = aDesk()

  for (let number = 0; number < 1_000; number++) {
    await desk.send(`b/bridge/request/${number}`, '{}', { retain: true })
  }

  expect(desk.log.lines.length).toBeLessThanOrEqual(64)
})

test('while 64 commands wait for their turn, the next is told to come again, and is welcome afterwards', async () => {
  const turns: (() => void)[] = []
  const obey = () => new Promise<Result>((resolve) => turns.push(() => resolve({})))
  const desk = aDesk({ obey })
  for (let number = 0; number < 64; number++) await desk.send('b/bridge/request/rescan')
  expect(desk.sent).toEqual([])

  await desk.send('b/bridge/request/rescan')
  expect(desk.answers()).toMatchObject([
    ['b/bridge/response/rescan', { error: { code: 'busy', retryable: true } }],
  ])
  turns[0]?.()
  await settle()
  await desk.send('b/bridge/request/rescan')

  expect(desk.obeyed).toHaveLength(65)
})

test('the answer goes to the response topic as well, with the correlation data there and only there', async () => {
  const desk = aDesk()
  const correlationData = new Uint8Array([1, 2])

  await desk.send(health, '', { properties: { responseTopic: 'b/answers/7', correlationData } })

  expect(desk.sent.map(({ topic, correlationData: data }) => [topic, data])).toEqual([
    ['b/bridge/response/health', undefined],
    ['b/answers/7', correlationData],
  ])
  expect(desk.sent[1]).toEqual({ ...desk.sent[0], topic: 'b/answers/7', correlationData })
})

test('a response topic that is the usual one gets one answer, with the correlation data', async () => {
  const desk = aDesk()
  const properties = { responseTopic: 'b/bridge/response/health', correlationData: new Uint8Array([1]) }

  await desk.send(health, '', { properties })

  expect(desk.sent).toHaveLength(1)
  expect(desk.sent[0]).toMatchObject({ correlationData: new Uint8Array([1]) })
})

test('a response topic outside of ours is not written to, and told of in the log', async () => {
  const desk = aDesk()

  await desk.send(health, '', { properties: { responseTopic: 'zigbee2mqtt/bridge/request/restart' } })

  expect(desk.sent.map(({ topic }) => topic)).toEqual(['b/bridge/response/health'])
  expect(desk.log.lines.at(-1)).toMatchObject({
    level: 'warn',
    message: 'response topic outside of ours ignored',
    fields: { topic: 'zigbee2mqtt/bridge/request/restart' },
  })
})

test('an answer that the broker refuses is told of, and the other one is sent all the same', async () => {
  const refuses = (topic: string) =>
    topic === 'b/bridge/response/health' ? new PublishRefused('not authorized', 0x87) : undefined
  const desk = aDesk({ refuses })

  await desk.send(health, '', { properties: { responseTopic: 'b/answers/7' } })

  expect(desk.sent.map(({ topic }) => topic)).toEqual(['b/answers/7'])
  const fields = { topic: 'b/bridge/response/health', reason_code: 0x87 }
  expect(desk.log.lines.at(-1)).toEqual({ level: 'warn', message: 'broker refused an answer', fields })
  expect(desk.failures).toEqual([])
})

test('what nobody expected is told as a bug, and the turn it took is free again', async () => {
  const bug = new TypeError('a bug')
  const desk = aDesk({ obey: () => Promise.reject(bug) })

  for (let number = 0; number < 65; number++) await desk.send(health)

  expect(desk.failures).toHaveLength(65)
  expect(new Set(desk.failures)).toEqual(new Set([bug]))
  const broken = aDesk({ refuses: () => bug })
  await broken.send(health)
  expect(broken.failures).toEqual([bug])
})

test('once stopped, nothing is obeyed, and an answer that cannot be sent any more is no failure', async () => {
  const closed = new Error('closed')
  const desk = aDesk({
    obey: async () => {
      desk.abort.abort(new Error('stopped'))
      return {}
    },
    refuses: () => closed,
  })

  await desk.send(health)
  await desk.send(health)

  expect(desk.obeyed).toHaveLength(1)
  expect(desk.failures).toEqual([])
})
