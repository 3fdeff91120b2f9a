/** Commands in, answers out: what is obeyed, who is told, and what a desk does with those who shout. */
import { expect, test } from 'vitest'
import { PublishRefused } from '../../../src/domain/errors.ts'
import type { Result } from '../../../src/topics/commands.ts'
import { aDesk, health, rescanned } from '../../support/desk.ts'
import { settle } from '../../support/fake-clock.ts'

test('a command is obeyed and answered on the topic of its verb, as JSON that is forgotten after a minute', async () => {
  const desk = aDesk()

  await desk.send(health, '{"transaction": "abc"}')

  expect(desk.obeyed).toEqual([{ verb: 'health' }])
  expect(desk.sent).toEqual([
    {
      topic: 'b/bridge/response/health',
      payload: JSON.stringify({ transaction: 'abc', status: 'ok', data: rescanned }),
      retain: false,
      answer: true,
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
    ['b/bridge/response/manifest/request', { transaction: null, status: 'ok', data: rescanned }],
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
  const desk = aDesk({ obey: async () => ({ data: rescanned, refusal }) })

  await desk.send('b/bridge/request/manifest/request')

  expect(desk.answers()[0]?.[1]).toMatchObject({
    data: rescanned,
    error: { code: 'throttled', retryable: true, retry_at: '1970-01-01T00:00:00.000Z' },
  })
  const fields = { verb: 'manifest/request', code: 'throttled', detail: 'asked too often' }
  expect(desk.log.lines).toEqual([{ level: 'info', message: 'command refused', fields }])
})

test('retained commands are ignored and named, and clearing one is not worth a word', async () => {
  const desk = aDesk()
  const retain = true

  await desk.send(health, '{}', { retain })
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

test('while 64 commands wait for their turn, the next is told to come again, and is welcome afterwards', async () => {
  const turns: (() => void)[] = []
  const obey = () => new Promise<Result>((resolve) => turns.push(() => resolve({ data: rescanned })))
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

  const properties = { responseTopic: 'zigbee2mqtt/bridge/request/restart' }
  await desk.send(health, '', { properties })

  expect(desk.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  expect(new Set(desk.sent.map(({ topic }) => topic))).toEqual(new Set(['b/bridge/response/health']))
  expect(desk.log.lines).toContainEqual({
    level: 'warn',
    message: 'response topic that is not for answers ignored',
    fields: { topic: properties.responseTopic },
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
      return { data: rescanned }
    },
    refuses: () => closed,
  })

  await desk.send(health)
  await desk.send(health)

  expect(desk.obeyed).toHaveLength(1)
  expect(desk.failures).toEqual([])
})

test('a thousand retained commands fill five lines, and an hour later they are named again', async () => {
  const desk = aDesk()
  for (let number = 0; number < 1_000; number++) {
    await desk.send(`b/bridge/request/${number}`, '{}', { retain: true })
  }
  expect(desk.log.lines).toHaveLength(5)

  await desk.clock.advance(3_600_000)
  await desk.send(health, '{}', { retain: true })

  expect(desk.log.lines.slice(5)).toMatchObject([
    { level: 'warn', message: 'retained command ignored', fields: { topic: health, suppressed: 995 } },
  ])
})

test('commands fill thirty lines of the log in a minute, at debug too, and what is left out is counted', async () => {
  const desk = aDesk()

  for (let second = 0; second < 60; second++) {
    for (let number = 0; number < 10; number++) await desk.send(health)
    await desk.clock.advance(1_000)
  }

  expect(desk.sent).toHaveLength(600)
  const { lines } = desk.log
  expect(lines.length).toBeLessThanOrEqual(30)
  const left = lines
    .map(({ fields }) => Number(fields.suppressed ?? 0))
    .reduce((sum, count) => sum + count, 0)
  expect(left + lines.length).toBeGreaterThan(550)
})

test('commands are taken while there is room for answers, and the others wait unacknowledged', async () => {
  const { promise: acknowledging, resolve: acknowledge } = Promise.withResolvers<void>()
  const desk = aDesk({ acknowledging })
  const taken: unknown[] = []

  for (let number = 0; number < 100; number++) {
    taken.push(desk.arrive('b/bridge/request/dance', '{}', { acknowledged: true }))
  }
  await settle()
  expect(taken.filter((each) => each === undefined)).toHaveLength(64)
  expect(desk.sent).toHaveLength(64)
  acknowledge()
  await Promise.all(taken)

  expect(desk.sent).toHaveLength(100)
  expect(desk.log.lines.filter(({ message }) => message === 'command dropped')).toEqual([])
})

test.each([
  ['nothing holds back', {}, 64],
  ['a broker without flow control sends', { acknowledged: true }, 128],
])('of commands that %s, those without room are dropped and counted', async (_, more, kept) => {
  const { promise: acknowledging, resolve: acknowledge } = Promise.withResolvers<void>()
  const desk = aDesk({ acknowledging })

  for (let number = 0; number < 1_000; number++) desk.arrive('b/bridge/request/dance', '{}', more)
  acknowledge()
  await settle()
  await settle()

  expect(desk.sent).toHaveLength(kept)
  expect(desk.log.lines).toContainEqual({
    level: 'warn',
    message: 'command dropped',
    fields: { reason: 'more than the broker takes answers for' },
  })
})

test.each([
  ['payload', `{"transaction": "${'x'.repeat(4_096)}"}`, {}],
  ['response topic', '{}', { properties: { responseTopic: `b/answers/${'x'.repeat(4_096)}` } }],
  ['correlation data', '{}', { properties: { correlationData: new Uint8Array(4_096) } }],
])('a command with a %s of more than 4 kB is refused, and nothing of it is kept', async (_, payload, more) => {
  const desk = aDesk()

  await desk.send(health, payload, more)

  expect(desk.obeyed).toEqual([])
  expect(desk.answers()).toMatchObject([
    ['b/bridge/response/health', { transaction: null, error: { code: 'too_large' } }],
  ])
  expect(desk.sent[0]?.correlationData).toBeUndefined()
})

test('a topic of sixty thousand letters is cut in the log, and gets no answer', async () => {
  const desk = aDesk()
  const long = 'x'.repeat(60_000)

  await desk.send(`b/bridge/request/${long}`, '')
  await desk.send(`b/bridge/request/${long}`, '{}', { retain: true })

  expect(desk.sent).toEqual([])
  expect(desk.log.lines).toHaveLength(2)
  expect(JSON.stringify(desk.log.lines).length).toBeLessThan(2_000)
})
