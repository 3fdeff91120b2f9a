/** Commands read from topics and payloads, and their responses. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isCommand, mayRespondOn, readCommand, responseTo } from '../../../src/topics/commands.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'

const topics = topicsBelow('home/blink')
const bytes = (text: string) => new TextEncoder().encode(text)
const request = (verb: string, payload = '') =>
  readCommand(topics, `home/blink/bridge/request/${verb}`, bytes(payload))
const setting = (path: string, payload = '') => readCommand(topics, `home/blink/sync/${path}`, bytes(payload))

test('a request names all modules, an account, a network or one module', () => {
  const target = (payload: string) => request('manifest/request', payload).command

  expect(target('')).toEqual({ verb: 'manifest/request', target: {} })
  expect(target('{}')).toEqual({ verb: 'manifest/request', target: {} })
  expect(target('{"account_id": 8021}')).toMatchObject({ target: { accountId: '8021' } })
  expect(target('{"account_id": "8021", "network_id": 44107, "sync_module_id": 350221}')).toMatchObject({
    target: { accountId: '8021', networkId: '44107', syncModuleId: '350221' },
  })
})

test('an id keeps all its digits', () => {
  const { command } = request('pause', '{"account_id": 9223372036854775807}')

  expect(command).toEqual({ verb: 'pause', target: { accountId: '9223372036854775807' } })
})

test('the plain values that Home Assistant sends are the same commands', () => {
  const target = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }

  expect(setting('8021/44107/350221/set/request_now', 'PRESS').command).toEqual({
    verb: 'manifest/request',
    target,
  })
  expect(setting('8021/44107/350221/set/polling', 'ON').command).toEqual({ verb: 'resume', target })
  expect(setting('8021/44107/350221/set/polling', 'OFF').command).toEqual({ verb: 'pause', target })
  expect(setting('8021/44107/350221/set/polling', 'on').command).toMatchObject({ code: 'malformed' })
  expect(setting('8021/44107/350221/set/volume', '3').command).toMatchObject({
    message: 'no such setting; known are request_now, polling',
  })
  expect(setting('8021/x/350221/set/polling', 'ON').command).toMatchObject({ code: 'malformed' })
})

const refused: readonly (readonly [verb: string, payload: string, code: string, says: RegExp])[] = [
  [
    'manifest/fetch',
    '{}',
    'unknown_verb',
    /known are manifest\/request, clips\/sync, rescan, pause, resume, options, health/,
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
    const { command } = request(verb, payload)

    expect(command).toEqual({ code, message: expect.stringMatching(says) })
  })
}

test('bytes that are no text are refused', () => {
  const { command } = readCommand(topics, 'home/blink/bridge/request/health', Uint8Array.of(0xff, 0xfe))

  expect(command).toMatchObject({ code: 'malformed' })
})

test('a transaction comes back as it was, also with an error, and is null without one', () => {
  expect(request('health', '{"transaction": "abc"}').transaction).toBe('abc')
  expect(request('health', '{"transaction": 7, "x": 1}')).toMatchObject({
    transaction: 7,
    command: { code: 'unknown_key' },
  })
  expect(request('health').transaction).toBeNull()
})

test('responses have the shape that docs/mqtt-api.md shows', () => {
  const retryAt = Date.parse('2026-11-23T09:00:00Z')
  const error = { code: 'throttled', message: 'later', retryable: true, retryAt }

  expect(
    JSON.parse(responseTo({ transaction: 'abc' }, { data: { verb: 'pause', modules: 2, paused: true } })),
  ).toEqual({
    transaction: 'abc',
    status: 'ok',
    data: { modules: 2, paused: true },
  })
  expect(JSON.parse(responseTo({ transaction: null }, { error }))).toEqual({
    transaction: null,
    status: 'error',
    data: {},
    error: { code: 'throttled', message: 'later', retryable: true, retry_at: '2026-11-23T09:00:00.000Z' },
  })
})

test('a response goes only below the base topic, and never where commands or state are', () => {
  expect(mayRespondOn(topics, 'home/blink/answers/node-red')).toBe(true)
  expect(mayRespondOn(topics, 'home/blink/bridge/response/rescan/node-red')).toBe(true)
  expect(mayRespondOn(topics, 'home/blink/synced')).toBe(true)
  for (const topic of [
    'home/other',
    'home/blink',
    'home/blinky/x',
    'home/blink/#',
    'home/blink/bridge/request/rescan',
    'home/blink/sync/1/2/3/set/polling',
    'home/blink/sync/1/2/3/manifest/requested',
    'home/blink/account/1/state',
    'home/blink/camera/1/2/9/clip/new',
    'home/blink/bridge/state',
    'home/blink/bridge',
  ]) {
    expect(mayRespondOn(topics, topic)).toBe(false)
  }
})

test('every payload is read as a command or as an error', () => {
  const verbs = fc.oneof(fc.constantFrom('manifest/request', 'pause', 'options', 'health'), fc.string())
  const payloads = fc.oneof(
    fc.string(),
    fc.json(),
    fc.object().map((value) => JSON.stringify(value)),
  )
  fc.assert(
    fc.property(verbs, payloads, (verb, payload) => {
      const { command } = request(verb, payload)
      expect(isCommand(command) || command.message.length < 400).toBe(true)
    }),
  )
})
