import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Message, ModuleReport } from '../../../src/domain/model.ts'
import {
  moduleChanged,
  moduleEvent,
  requestedEvent,
  tickDone,
  workItemMessage,
} from '../../../src/topics/events.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { anyCharacter } from '../../support/characters.ts'
import { aModule, anItem, failed, skipped, start } from '../../support/samples.ts'

const topics = topicsBelow('blink-manifestd')
const stem = 'blink-manifestd/sync/8021/44107/350221'
const context = {
  eventId: 'e-1',
  tickId: '2026-11-23T09:00:00.000Z',
  trigger: 'schedule',
  repeated: false,
  ttlMs: 600_000,
} as const
const event = (report: Exclude<ModuleReport, { kind: 'requested' }>, repeated = false) =>
  moduleEvent(topics, report, { ...context, repeated })
const document = ({ payload }: Message) => JSON.parse(payload) as Record<string, unknown>
const ids = { account_id: 8021, network_id: 44107, sync_module_id: 350221 }

test('an accepted request is a work item for pollers and an event for rules', () => {
  const item = anItem({ attempt: 2 })
  const expected = {
    schema: 1,
    event_type: 'manifest_requested',
    event_id: item.eventId,
    ts: '2026-11-23T09:00:00.000Z',
    ...ids,
    request_id: 670555852,
    request_id_str: '670555852',
    trigger: 'schedule',
    tick_id: '2026-11-23T09:00:00.000Z',
    attempt: 2,
    poll_path: `/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage/manifest/request/670555852`,
    poll_url: `https://rest-e008.immedia-semi.com${item.pollPath}`,
    requested_at: '2026-11-23T09:00:00.000Z',
    expires_at: '2026-11-23T09:10:00.000Z',
  }

  const messages = [workItemMessage(topics, item, start), requestedEvent(topics, item, start)]

  expect(messages.map(({ topic }) => topic)).toEqual([`${stem}/manifest/requested`, `${stem}/event`])
  expect(messages.map(({ durable, event }) => [durable, event])).toEqual([
    [true, undefined],
    [undefined, true],
  ])
  for (const message of messages) {
    expect(document(message)).toEqual(expected)
    expect(Object.keys(document(message))).toEqual(Object.keys(expected))
    expect(message).toMatchObject({
      retain: false,
      json: true,
      expirySeconds: 600,
      userProperties: { schema: '1', event_id: item.eventId },
    })
  }
})

test('a work item that waited expires at the broker when its request ID does', () => {
  const expiries = [0, 1, 599_000, 599_999, 600_000, 900_000].map(
    (waitedMs) => workItemMessage(topics, anItem(), start + waitedMs).expirySeconds,
  )

  expect(expiries).toEqual([600, 600, 1, 1, 1, 1])
})

test('ids beyond what a JavaScript number can hold keep their digits', () => {
  const large = {
    accountId: '9223372036854775801',
    networkId: '9223372036854775802',
    syncModuleId: '9007199254740993',
  }
  const item = anItem({ ...large, requestId: '9223372036854775807' })

  const payload = workItemMessage(topics, item, start).payload

  expect(payload).toContain('"account_id":9223372036854775801,"network_id":9223372036854775802')
  expect(payload).toContain('"sync_module_id":9007199254740993,')
  expect(payload).toContain('"request_id":9223372036854775807,"request_id_str":"9223372036854775807"')
})

test('a work item has its documented keys and nothing of the owner or the device', () => {
  const more = { ...anItem(), serial: 'G8V1', email: 'me@home.test', token: 'eyJ', name: 'Hall' }

  const message = workItemMessage(topics, more, start)

  for (const hidden of ['G8V1', 'me@home.test', 'eyJ', 'Hall']) expect(message.payload).not.toContain(hidden)
})

test('a failed request is an event with the error in place of the request', () => {
  const failure = {
    code: 'throttled',
    message: 'too many requests',
    remedy: 'Wait.',
    httpStatus: 429,
    bodyCode: 111,
    retryable: false,
    retryAt: start + 300_000,
  }

  const message = event(failed({ outcome: 'throttled', attempts: 2, failure }))

  expect(message).toMatchObject({ topic: `${stem}/event`, retain: false, json: true, expirySeconds: 600 })
  expect(message.userProperties).toEqual({ schema: '1', event_id: 'e-1' })
  expect(document(message)).toEqual({
    schema: 1,
    event_type: 'manifest_request_failed',
    event_id: 'e-1',
    ts: '2026-11-23T09:00:00.000Z',
    ...ids,
    trigger: 'schedule',
    tick_id: '2026-11-23T09:00:00.000Z',
    attempt: 2,
    outcome: 'throttled',
    error: {
      code: 'throttled',
      message: 'too many requests',
      http_status: 429,
      body_code: 111,
      retryable: false,
      retry_at: '2026-11-23T09:05:00.000Z',
    },
  })
})

test('what is not known of an error is null and not missing', () => {
  expect(document(event(failed())).error).toEqual({
    code: 'cloud_refused',
    message: 'manifest request: 400',
    http_status: null,
    body_code: null,
    retryable: false,
    retry_at: null,
  })
})

test('a skipped module is an event with the reason', () => {
  const message = event(skipped('not_onboarded'))

  expect(message).toMatchObject({ topic: `${stem}/event`, retain: false, expirySeconds: 600 })
  expect(document(message)).toEqual({
    schema: 1,
    event_type: 'manifest_request_skipped',
    event_id: 'e-1',
    ts: '2026-11-23T09:00:00.000Z',
    ...ids,
    trigger: 'schedule',
    tick_id: '2026-11-23T09:00:00.000Z',
    attempt: 0,
    outcome: 'skipped',
    reason: 'not_onboarded',
    repeated: false,
  })
  expect(document(event(skipped('offline'), true))).toMatchObject({ reason: 'offline', repeated: true })
})

test('a module that came, went or was renamed is an event of the bridge, for an hour', () => {
  for (const change of ['sync_module_found', 'sync_module_gone', 'sync_module_renamed'] as const) {
    const module = aModule({ networkName: undefined })

    const message = moduleChanged(topics, change, { module, eventId: 'e-2', now: start })

    expect(message).toMatchObject({
      topic: 'blink-manifestd/bridge/event',
      retain: false,
      expirySeconds: 3_600,
    })
    expect(document(message)).toEqual({
      schema: 1,
      event_type: change,
      event_id: 'e-2',
      ts: '2026-11-23T09:00:00.000Z',
      ...ids,
      name: 'Hall',
      network_name: null,
    })
  }
})

test('the end of a run is an event of the bridge with its counts, for an hour', () => {
  const counts = { requested: 2, failed: 1, skipped: 3, elapsedMs: 812 }

  const message = tickDone(topics, { ...context, budgetMs: 1 }, { eventId: 'e-3', now: start, counts })

  expect(message).toMatchObject({ topic: 'blink-manifestd/bridge/event', expirySeconds: 3_600 })

  expect(document(message)).toEqual({
    schema: 1,
    event_type: 'tick_done',
    event_id: 'e-3',
    ts: '2026-11-23T09:00:00.000Z',
    tick_id: '2026-11-23T09:00:00.000Z',
    trigger: 'schedule',
    requested: 2,
    failed: 1,
    skipped: 3,
    duration_ms: 812,
  })
})

test('names of any kind reach the payload as they are and never a topic', () => {
  const name = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc.constantFrom(
      'a/b',
      '+',
      '#',
      '$SYS/#',
      '\0\u001b[31m',
      '😀',
      '\ud800',
      '<img src=x onerror=alert(1)>',
      'x'.repeat(10_000),
    ),
  )
  fc.assert(
    fc.property(name, name, (first, second) => {
      const module = aModule({ name: first, networkName: second })

      const change = moduleChanged(topics, 'sync_module_found', { module, eventId: 'e', now: start })
      const turn = event(skipped('paused', { module }))

      expect([change.topic, turn.topic]).toEqual(['blink-manifestd/bridge/event', `${stem}/event`])
      expect(document(change)).toMatchObject({ name: first, network_name: second })
      expect(change.payload).not.toMatch(/[\u0000-\u001f]/)
    }),
  )
})
