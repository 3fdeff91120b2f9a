/** Commands in, responses out: what is handled, what is logged, and what a flood of commands does. */
import { expect, test } from 'vitest'
import type { CommandResult } from '../../../src/domain/commands.ts'
import { PublishRefused } from '../../../src/domain/errors.ts'
import { settle } from '../../support/fake-clock.ts'
import { commandFixture, counts, health, rescanned } from '../../support/subscriber-fixture.ts'

test('a command gets a response on the topic of its verb that expires after a minute', async () => {
  const commands = commandFixture()

  await commands.send(health, '{"transaction": "abc"}')

  expect(commands.handled).toEqual([{ verb: 'health' }])
  expect(commands.sent).toEqual([
    {
      topic: 'b/bridge/response/health',
      payload: JSON.stringify({ transaction: 'abc', status: 'ok', data: counts }),
      retain: false,
      answer: true,
      json: true,
      expirySeconds: 60,
      userProperties: { schema: '1' },
    },
  ])
  expect(commands.log.lines).toEqual([{ level: 'info', message: 'command done', fields: { verb: 'health' } }])
})

test('a button of one module is handled for that module, which the log names', async () => {
  const commands = commandFixture()
  const target = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }

  await commands.send('b/sync/8021/44107/350221/set/request_now', 'PRESS')

  expect(commands.handled).toEqual([{ verb: 'manifest/request', target }])
  expect(commands.responses()).toEqual([
    ['b/bridge/response/manifest/request', { transaction: null, status: 'ok', data: counts }],
  ])
  expect(commands.log.lines[0]?.fields).toEqual({ verb: 'manifest/request', ...target })
})

test('an unknown verb gets an error response and is not handled', async () => {
  const commands = commandFixture()

  await commands.send('b/bridge/request/dance', '{"transaction": 7}')

  expect(commands.handled).toEqual([])
  expect(commands.responses()).toMatchObject([
    ['b/bridge/response/dance', { transaction: 7, status: 'error', error: { code: 'unknown_verb' } }],
  ])
  expect(commands.log.lines).toMatchObject([{ message: 'command refused', fields: { code: 'unknown_verb' } }])
})

test('an error response says when to try again, and is logged', async () => {
  const error = { code: 'throttled', message: 'requested too often', retryable: true, retryAt: 0 }
  const commands = commandFixture({ handle: async () => ({ data: rescanned, error }) })

  await commands.send('b/bridge/request/manifest/request')

  expect(commands.responses()[0]?.[1]).toMatchObject({
    data: counts,
    error: { code: 'throttled', retryable: true, retry_at: '1970-01-01T00:00:00.000Z' },
  })
  const fields = { verb: 'manifest/request', code: 'throttled', detail: 'requested too often' }
  expect(commands.log.lines).toEqual([{ level: 'info', message: 'command refused', fields }])
})

test('retained commands are ignored and logged, the clearing of one is not', async () => {
  const commands = commandFixture()
  const retain = true

  await commands.send(health, '{}', { retain })
  await commands.send('b/sync/8021/44107/350221/set/polling', 'OFF', { retain })
  await commands.send('b/bridge/request/rescan', '', { retain })

  expect([...commands.listeners.values()].map(({ wish }) => wish)).toEqual([
    { retainAsPublished: true },
    { retainAsPublished: true },
  ])
  expect([...commands.handled, ...commands.sent]).toEqual([])
  expect(commands.log.lines.map(({ level, message, fields }) => [level, message, fields.topic])).toEqual([
    ['warn', 'retained command ignored', health],
    ['warn', 'retained command ignored', 'b/sync/8021/44107/350221/set/polling'],
  ])
})

test('while 64 commands are in work, the next gets `busy`, and later ones are handled', async () => {
  const turns: (() => void)[] = []
  const handle = () => new Promise<CommandResult>((resolve) => turns.push(() => resolve({ data: rescanned })))
  const commands = commandFixture({ handle })
  for (let number = 0; number < 64; number++) await commands.send('b/bridge/request/rescan')
  expect(commands.sent).toEqual([])

  await commands.send('b/bridge/request/rescan')
  expect(commands.responses()).toMatchObject([
    ['b/bridge/response/rescan', { error: { code: 'busy', retryable: true } }],
  ])
  turns[0]?.()
  await settle()
  await commands.send('b/bridge/request/rescan')

  expect(commands.handled).toHaveLength(65)
})

test('a response goes to the response topic too, with correlation data only there', async () => {
  const commands = commandFixture()
  const correlationData = new Uint8Array([1, 2])

  await commands.send(health, '', { properties: { responseTopic: 'b/answers/7', correlationData } })

  expect(commands.sent.map(({ topic, correlationData: data }) => [topic, data])).toEqual([
    ['b/bridge/response/health', undefined],
    ['b/answers/7', correlationData],
  ])
  expect(commands.sent[1]).toEqual({ ...commands.sent[0], topic: 'b/answers/7', correlationData })
})

test('a response topic that is the usual one gets one response with correlation data', async () => {
  const commands = commandFixture()
  const properties = { responseTopic: 'b/bridge/response/health', correlationData: new Uint8Array([1]) }

  await commands.send(health, '', { properties })

  expect(commands.sent).toHaveLength(1)
  expect(commands.sent[0]).toMatchObject({ correlationData: new Uint8Array([1]) })
})

test('a response topic outside the base topic is logged and not written to', async () => {
  const commands = commandFixture()

  const properties = { responseTopic: 'zigbee2mqtt/bridge/request/restart' }
  await commands.send(health, '', { properties })

  expect(commands.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  expect(new Set(commands.sent.map(({ topic }) => topic))).toEqual(new Set(['b/bridge/response/health']))
  expect(commands.log.lines).toContainEqual({
    level: 'warn',
    message: 'response topic that is not for responses ignored',
    fields: { topic: properties.responseTopic },
  })
})

test('a response that the broker refuses is logged, and the other one is sent', async () => {
  const refuses = (topic: string) =>
    topic === 'b/bridge/response/health' ? new PublishRefused('not authorized', 0x87) : undefined
  const commands = commandFixture({ refuses })

  await commands.send(health, '', { properties: { responseTopic: 'b/answers/7' } })

  expect(commands.sent.map(({ topic }) => topic)).toEqual(['b/answers/7'])
  const fields = { topic: 'b/bridge/response/health', reason_code: 0x87 }
  expect(commands.log.lines.at(-1)).toEqual({ level: 'warn', message: 'broker refused a response', fields })
  expect(commands.failures).toEqual([])
})

test('an unexpected error is reported as a bug, and the next command is handled', async () => {
  const bug = new TypeError('a bug')
  const commands = commandFixture({ handle: () => Promise.reject(bug) })

  for (let number = 0; number < 65; number++) await commands.send(health)

  expect(commands.failures).toHaveLength(65)
  expect(new Set(commands.failures)).toEqual(new Set([bug]))
  const broken = commandFixture({ refuses: () => bug })
  await broken.send(health)
  expect(broken.failures).toEqual([bug])
})

test('after the stop nothing is handled, and a lost response is no failure', async () => {
  const closed = new Error('closed')
  const commands = commandFixture({
    handle: async () => {
      commands.abort.abort(new Error('stopped'))
      return { data: rescanned }
    },
    refuses: () => closed,
  })

  await commands.send(health)
  await commands.send(health)

  expect(commands.handled).toHaveLength(1)
  expect(commands.failures).toEqual([])
})

test('a thousand retained commands fill five log lines, an hour later one more', async () => {
  const commands = commandFixture()
  for (let number = 0; number < 1_000; number++) {
    await commands.send(`b/bridge/request/${number}`, '{}', { retain: true })
  }
  expect(commands.log.lines).toHaveLength(5)

  await commands.clock.advance(3_600_000)
  await commands.send(health, '{}', { retain: true })

  expect(commands.log.lines.slice(5)).toMatchObject([
    { level: 'warn', message: 'retained command ignored', fields: { topic: health, suppressed: 995 } },
  ])
})

test('commands fill thirty log lines a minute, and what is left out is counted', async () => {
  const commands = commandFixture()

  for (let second = 0; second < 60; second++) {
    for (let number = 0; number < 10; number++) await commands.send(health)
    await commands.clock.advance(1_000)
  }

  expect(commands.sent).toHaveLength(600)
  const { lines } = commands.log
  expect(lines.length).toBeLessThanOrEqual(30)
  const left = lines
    .map(({ fields }) => Number(fields.suppressed ?? 0))
    .reduce((sum, count) => sum + count, 0)
  expect(left + lines.length).toBeGreaterThan(550)
})

test('commands are taken while there is room for responses, others wait unacknowledged', async () => {
  const { promise: acknowledging, resolve: acknowledge } = Promise.withResolvers<void>()
  const commands = commandFixture({ acknowledging })
  const taken: unknown[] = []

  for (let number = 0; number < 100; number++) {
    taken.push(commands.arrive('b/bridge/request/dance', '{}', { acknowledged: true }))
  }
  await settle()
  expect(taken.filter((each) => each === undefined)).toHaveLength(64)
  expect(commands.sent).toHaveLength(64)
  acknowledge()
  await Promise.all(taken)

  expect(commands.sent).toHaveLength(100)
  expect(commands.log.lines.filter(({ message }) => message === 'command dropped')).toEqual([])
})

test.each([
  ['nothing holds back', {}, 64],
  ['a broker without flow control sends', { acknowledged: true }, 128],
])('of commands that %s, those without room are dropped', async (_, more, kept) => {
  const { promise: acknowledging, resolve: acknowledge } = Promise.withResolvers<void>()
  const commands = commandFixture({ acknowledging })

  for (let number = 0; number < 1_000; number++) commands.arrive('b/bridge/request/dance', '{}', more)
  acknowledge()
  await settle()
  await settle()

  expect(commands.sent).toHaveLength(kept)
  expect(commands.log.lines).toContainEqual({
    level: 'warn',
    message: 'command dropped',
    fields: { reason: 'more than the broker takes responses for' },
  })
})

test.each([
  ['payload', `{"transaction": "${'x'.repeat(4_096)}"}`, {}],
  ['response topic', '{}', { properties: { responseTopic: `b/answers/${'x'.repeat(4_096)}` } }],
  ['correlation data', '{}', { properties: { correlationData: new Uint8Array(4_096) } }],
])('a command with a %s of more than 4 kB is refused', async (_, payload, more) => {
  const commands = commandFixture()

  await commands.send(health, payload, more)

  expect(commands.handled).toEqual([])
  expect(commands.responses()).toMatchObject([
    ['b/bridge/response/health', { transaction: null, error: { code: 'too_large' } }],
  ])
  expect(commands.sent[0]?.correlationData).toBeUndefined()
})

test('a topic of sixty thousand letters is cut in the log, and gets no response', async () => {
  const commands = commandFixture()
  const long = 'x'.repeat(60_000)

  await commands.send(`b/bridge/request/${long}`, '')
  await commands.send(`b/bridge/request/${long}`, '{}', { retain: true })

  expect(commands.sent).toEqual([])
  expect(commands.log.lines).toHaveLength(2)
  expect(JSON.stringify(commands.log.lines).length).toBeLessThan(2_000)
})
