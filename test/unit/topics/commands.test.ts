/** What a command on the broker means, and what is said to one that means nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerOf, isOrder, mayAnswerOn, readCommand } from '../../../src/topics/commands.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'

const topics = topicsBelow('home/blink')
const bytes = (text: string) => new TextEncoder().encode(text)
const request = (verb: string, payload = '') =>
  readCommand(topics, `home/blink/bridge/request/${verb}`, bytes(payload))
const setting = (path: string, payload = '') => readCommand(topics, `home/blink/sync/${path}`, bytes(payload))

test('a request names all modules, an account, a network or one module', () => {
  const target = (payload: string) => request('manifest/request', payload).order

  expect(target('')).toEqual({ verb: 'manifest/request', target: {} })
  expect(target('{}')).toEqual({ verb: 'manifest/request', target: {} })
  expect(target('{"account_id": 8021}')).toMatchObject({ target: { accountId: '8021' } })
  expect(target('{"account_id": "8021", "network_id": 44107, "sync_module_id": 350221}')).toMatchObject({
    target: { accountId: '8021', networkId: '44107', syncModuleId: '350221' },
  })
})

test('an id keeps all its digits', () => {
  const { order } = request('pause', '{"account_id": 9223372036854775807}')

  expect(order).toEqual({ verb: 'pause', target: { accountId: '9223372036854775807' } })
})

test('what Home Assistant sends as plain values are the same orders', () => {
  const target = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }

  expect(setting('8021/44107/350221/set/request_now', 'PRESS').order).toEqual({
    verb: 'manifest/request',
    target,
  })
  expect(setting('8021/44107/350221/set/polling', 'ON').order).toEqual({ verb: 'resume', target })
  expect(setting('8021/44107/350221/set/polling', 'OFF').order).toEqual({ verb: 'pause', target })
  expect(setting('8021/44107/350221/set/polling', 'on').order).toMatchObject({ code: 'malformed' })
  expect(setting('8021/44107/350221/set/volume', '3').order).toMatchObject({
    message: 'no such setting; known are request_now, polling',
  })
  expect(setting('8021/x/350221/set/polling', 'ON').order).toMatchObject({ code: 'malformed' })
})

const refused: readonly (readonly [verb: string, payload: string, code: string, says: RegExp])[] = [
  [
    'manifest/fetch',
    '{}',
    'unknown_verb',
    /known are manifest\/request, rescan, pause, resume, options, health/,
  ],
  ['rescan', 'now', 'malformed', /JSON object/],
  ['rescan', '[1]', 'malformed', /JSON object/],
  ['rescan', '{"account_id": 1}', 'unknown_key', /rescan knows transaction/],
  ['options', '{"loglevel": "debug"}', 'unknown_key', /options knows log_level, transaction/],
  ['options', '{"log_level": "loud"}', 'malformed', /one of trace, debug, info/],
  ['pause', '{"network_id": 5}', 'malformed', /network_id needs account_id/],
  ['pause', '{"account_id": -5}', 'malformed', /account_id must be/],
  ['pause', '{"account_id": 1.5}', 'malformed', /account_id must be/],
  ['pause', '{"account_id": null}', 'malformed', /account_id must be/],
  ['health', '{"transaction": {}}', 'malformed', /transaction/],
  ['__proto__', '{}', 'unknown_verb', /no such verb/],
]

for (const [verb, payload, code, says] of refused) {
  test(`${verb} with ${payload} is refused with what is known`, () => {
    const { order } = request(verb, payload)

    expect(order).toEqual({ code, message: expect.stringMatching(says) })
  })
}

test('bytes that are no text are refused', () => {
  const { order } = readCommand(topics, 'home/blink/bridge/request/health', Uint8Array.of(0xff, 0xfe))

  expect(order).toMatchObject({ code: 'malformed' })
})

test('a transaction comes back as it was, also with a refusal, and is null without one', () => {
  expect(request('health', '{"transaction": "abc"}').transaction).toBe('abc')
  expect(request('health', '{"transaction": 7, "x": 1}')).toMatchObject({
    transaction: 7,
    order: { code: 'unknown_key' },
  })
  expect(request('health').transaction).toBeNull()
})

test('responses have the shape that docs/mqtt-api.md shows', () => {
  const retryAt = Date.parse('2026-11-23T09:00:00Z')
  const refusal = { code: 'throttled', message: 'later', retryable: true, retryAt }

  expect(JSON.parse(answerOf({ transaction: 'abc' }, { data: { modules: 2, paused: true } }))).toEqual({
    transaction: 'abc',
    status: 'ok',
    data: { modules: 2, paused: true },
  })
  expect(JSON.parse(answerOf({ transaction: null }, { refusal }))).toEqual({
    transaction: null,
    status: 'error',
    data: {},
    error: { code: 'throttled', message: 'later', retryable: true, retry_at: '2026-11-23T09:00:00.000Z' },
  })
})

test('an answer goes only below our own topic, and never where it would be a command', () => {
  expect(mayAnswerOn(topics, 'home/blink/answers/node-red')).toBe(true)
  expect(mayAnswerOn(topics, 'home/blink/bridge/response/rescan/node-red')).toBe(true)
  expect(mayAnswerOn(topics, 'home/blink/synced')).toBe(true)
  for (const topic of [
    'home/other',
    'home/blink',
    'home/blinky/x',
    'home/blink/#',
    'home/blink/bridge/request/rescan',
    'home/blink/sync/1/2/3/set/polling',
    'home/blink/sync/1/2/3/manifest/requested',
    'home/blink/account/1/state',
    'home/blink/bridge/state',
    'home/blink/bridge',
  ]) {
    expect(mayAnswerOn(topics, topic)).toBe(false)
  }
})

test('nothing that can be sent is more than an order or a refusal', () => {
  const verbs = fc.oneof(fc.constantFrom('manifest/request', 'pause', 'options', 'health'), fc.string())
  const payloads = fc.oneof(
    fc.string(),
    fc.json(),
    fc.object().map((value) => JSON.stringify(value)),
  )
  fc.assert(
    fc.property(verbs, payloads, (verb, payload) => {
      const { order } = request(verb, payload)
      expect(isOrder(order) || order.message.length < 400).toBe(true)
    }),
  )
})
