/** The retained topics of a module: what it is, and its state. */
import { expect, test } from 'vitest'
import type { ModuleSnapshot, Outcome } from '../../../src/domain/model.ts'
import { moduleIdentity } from '../../../src/topics/state-topics.ts'
import {
  byTopic,
  document,
  newModule,
  progress,
  requestedOnce,
  snapshotOf,
  stem,
  topics,
} from '../../support/module-snapshots.ts'
import { aModule, failed, newRecord, recordAfter, start } from '../../support/samples.ts'

test('availability is plain text and info a document, both retained', () => {
  const messages = byTopic(moduleIdentity(topics, snapshotOf(newModule)))

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
    storage_used_percent: null,
    storage_warning: null,
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
  const snapshot = snapshotOf(newRecord(aModule(none)), { available: false })

  const messages = byTopic(moduleIdentity(topics, snapshot))

  expect(messages.availability?.payload).toBe('offline')
  expect(document(messages.info)).toEqual({
    name: 'Hall',
    network_name: null,
    serial: null,
    model: null,
    firmware: null,
    storage_status: null,
    storage_used_percent: null,
    storage_warning: null,
  })
})

test.each([
  [{ usedPercent: 93, full: false, warning: 3 }, 93, 3],
  [{ usedPercent: 31, full: false, warning: 0 }, 31, 0],
  [{ usedPercent: undefined, full: false, warning: undefined }, null, null],
  [{ usedPercent: 100, full: true, warning: undefined }, 100, 3],
  [{ usedPercent: 100, full: true, warning: 4 }, 100, 4],
])('a drive of %j is in info, and a full one is a warning', (reading, percent, warning) => {
  const drive = { ...reading, readAt: start }

  const { info } = byTopic(moduleIdentity(topics, snapshotOf(newModule, { drive })))

  expect(document(info)).toMatchObject({ storage_used_percent: percent, storage_warning: warning })
})

test('the state of a requested module is one retained document that never expires', () => {
  const { state } = progress(snapshotOf(requestedOnce))

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

test('the state of a module without requests has the same keys, with null', () => {
  const { state } = progress(snapshotOf(newModule, { intervalMs: undefined, nextAttemptAt: undefined }))

  expect(Object.keys(document(state))).toEqual(
    Object.keys(document(progress(snapshotOf(requestedOnce)).state)),
  )
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

test('the state of a module that failed has the error as its event does', () => {
  const record = recordAfter(requestedOnce, failed({ at: start + 300_000 }))

  expect(document(progress(snapshotOf(record)).state)).toMatchObject({
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

test('each outcome has a status', () => {
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
    ).map((lastOutcome) => [
      lastOutcome,
      document(progress(snapshotOf({ ...newModule, lastOutcome })).state).status,
    ]),
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

test('paused precedes throttled, that a missing module, that the last outcome', () => {
  const missing = { ...requestedOnce, missing: 1 }
  const status = (snapshot: ModuleSnapshot) => document(progress(snapshot).state).status

  expect(status(snapshotOf(missing, { paused: true, accountStatus: 'throttled' }))).toBe('paused')
  expect(status(snapshotOf(missing, { accountStatus: 'throttled' }))).toBe('backoff')
  expect(status(snapshotOf(missing))).toBe('offline')
})
