/** What a module is and how it does, as its retained topics tell it. */
import { expect, test } from 'vitest'
import type { Outcome } from '../../../src/domain/model.ts'
import { type ModuleView, moduleIdentity } from '../../../src/topics/module-topics.ts'
import { asked, byTopic, document, fresh, progress, stem, topics, viewOf } from '../../support/module-view.ts'
import { aModule, failed, newRecord, recordAfter, start } from '../../support/samples.ts'

test('availability is plain text, information a document, and both are retained', () => {
  const messages = byTopic(moduleIdentity(topics, viewOf(fresh)))

  expect(messages.availability).toEqual({ topic: `${stem}/availability`, payload: 'online', retain: true })
  expect(messages.info).toMatchObject({ topic: `${stem}/info`, retain: true, json: true })
  expect(messages.info).not.toHaveProperty('expirySeconds')
  expect(document(messages.info)).toEqual({
    name: 'Hall',
    network_name: 'Home',
    serial: 'G8V1-SERIAL-1',
    model: 'sm2',
    firmware: '4.5.14',
    storage_status: 'active',
  })
})

test('what is not known of a module is null and not missing', () => {
  const none = {
    networkName: undefined,
    serial: undefined,
    model: undefined,
    firmware: undefined,
    storage: undefined,
  }
  const view = viewOf(newRecord(aModule(none)), { available: false })

  const messages = byTopic(moduleIdentity(topics, view))

  expect(messages.availability?.payload).toBe('offline')
  expect(document(messages.info)).toEqual({
    name: 'Hall',
    network_name: null,
    serial: null,
    model: null,
    firmware: null,
    storage_status: null,
  })
})

test('the state of a module that was asked is one retained document without an end', () => {
  const { state } = progress(viewOf(asked))

  expect(state).toMatchObject({
    topic: `${stem}/state`,
    retain: true,
    json: true,
    userProperties: { schema: '1' },
  })
  expect(state).not.toHaveProperty('expirySeconds')
  expect(document(state)).toEqual({
    status: 'idle',
    request_id: 670555852,
    requested_at: '2026-11-23T09:00:00.000Z',
    last_attempt_at: '2026-11-23T09:00:00.000Z',
    last_outcome: 'requested',
    last_error: null,
    latency_ms: 120,
    requests_total: 1,
    failures_in_a_row: 0,
    paused: false,
    interval_s: 300,
    next_attempt_at: '2026-11-23T09:05:00.000Z',
  })
})

test('the state of a module never requested has the same keys, with null', () => {
  const { state } = progress(viewOf(fresh, { intervalMs: undefined, nextAttemptAt: undefined }))

  expect(Object.keys(document(state))).toEqual(Object.keys(document(progress(viewOf(asked)).state)))
  expect(document(state)).toEqual({
    status: 'idle',
    request_id: null,
    requested_at: null,
    last_attempt_at: null,
    last_outcome: null,
    last_error: null,
    latency_ms: null,
    requests_total: 0,
    failures_in_a_row: 0,
    paused: false,
    interval_s: null,
    next_attempt_at: null,
  })
})

test('the state of a module that failed tells the error as its event does', () => {
  const record = recordAfter(asked, failed({ at: start + 300_000 }))

  expect(document(progress(viewOf(record)).state)).toMatchObject({
    status: 'error',
    request_id: 670555852,
    last_attempt_at: '2026-11-23T09:05:00.000Z',
    last_outcome: 'error',
    last_error: {
      code: 'cloud_refused',
      message: 'manifest request: 400',
      http_status: null,
      body_code: null,
      retryable: false,
      retry_at: null,
    },
    failures_in_a_row: 1,
  })
})

test('one word tells what the requests of a module are doing', () => {
  const words = Object.fromEntries(
    (
      [
        'requested',
        'busy',
        'skipped',
        'offline',
        'no_storage',
        'incompatible',
        'throttled',
        'login_required',
        'unreachable',
        'error',
        'unknown',
      ] satisfies readonly Outcome[]
    ).map((lastOutcome) => [lastOutcome, document(progress(viewOf({ ...fresh, lastOutcome })).state).status]),
  )

  expect(words).toEqual({
    requested: 'idle',
    busy: 'idle',
    skipped: 'idle',
    offline: 'offline',
    no_storage: 'unsupported',
    incompatible: 'unsupported',
    throttled: 'backoff',
    login_required: 'error',
    unreachable: 'error',
    error: 'error',
    unknown: 'error',
  })
})

test('paused wins over throttled, that over missing, that over the last outcome', () => {
  const missing = { ...asked, missing: 1 }
  const status = (view: ModuleView) => document(progress(view).state).status

  expect(status(viewOf(missing, { paused: true, accountStatus: 'throttled' }))).toBe('paused')
  expect(status(viewOf(missing, { accountStatus: 'throttled' }))).toBe('backoff')
  expect(status(viewOf(missing))).toBe('offline')
})
