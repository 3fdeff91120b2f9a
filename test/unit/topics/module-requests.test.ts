/** The retained topics of a module that show its requests. */
import { expect, test } from 'vitest'
import { moduleExpired, moduleIdentity, moduleProgress } from '../../../src/topics/state-topics.ts'
import { retainedModuleTopics } from '../../../src/topics/topics.ts'
import {
  document,
  newModule,
  progress,
  requestedOnce,
  snapshotOf,
  stem,
  topics,
} from '../../support/module-snapshots.ts'
import { anItem, recordAfter, requested, someClips, start } from '../../support/samples.ts'

test('the last request ID is plain digits that expire with it', () => {
  const large = recordAfter(newModule, requested(anItem({ requestId: '9223372036854775807' })))

  const { request_id, requested_at, state } = progress(snapshotOf(large), start + 60_000)

  expect(request_id).toEqual({
    topic: `${stem}/request_id`,
    payload: '9223372036854775807',
    retain: true,
    expirySeconds: 540,
  })
  expect(requested_at).toEqual({
    topic: `${stem}/requested_at`,
    payload: '2026-11-23T09:00:00.000Z',
    retain: true,
  })
  expect(state?.payload).toContain('"request_id":9223372036854775807,')
})

test('an expired request ID is cleared, for brokers without message expiry', () => {
  const { request_id, requested_at } = progress(snapshotOf(requestedOnce), start + 600_000, { expired: true })

  expect(request_id).toEqual({ topic: `${stem}/request_id`, payload: '', retain: true })
  expect(requested_at?.payload).toBe('2026-11-23T09:00:00.000Z')
})

test('an expired request ID is cleared once, and when everything is published again', () => {
  const late = start + 600_000

  expect(Object.keys(progress(snapshotOf(requestedOnce), late - 1))).toHaveLength(4)
  expect(Object.keys(progress(snapshotOf(requestedOnce), late))).toEqual(['state'])
  expect(progress(snapshotOf(requestedOnce), late, { everything: true })).toMatchObject({
    request_id: { payload: '' },
    'manifest/pending': { payload: '[]' },
  })
})

test('a module without requests loses what an earlier installation left', () => {
  expect(Object.keys(progress(snapshotOf(newModule)))).toEqual(['state'])

  const { request_id, requested_at } = progress(snapshotOf(newModule), start, { everything: true })

  expect([request_id, requested_at].map((message) => [message?.payload, message?.retain])).toEqual([
    ['', true],
    ['', true],
  ])
})

test('requests that have not expired are a retained list, newest last', () => {
  const older = anItem({ requestId: '501', requestedAt: start - 600_000 })
  const [old, young] = [300_000, 0].map((ago) => anItem({ requestId: String(ago), requestedAt: start - ago }))
  const record = { ...requestedOnce, recent: [older, old, young].flatMap((item) => item ?? []) }

  const pending = progress(snapshotOf(record))['manifest/pending']

  expect(pending).toMatchObject({ retain: true, json: true, expirySeconds: 600 })
  expect(document(pending)).toMatchObject([
    { schema: 1, event_type: 'manifest_requested', request_id_str: '300000' },
    { schema: 1, event_type: 'manifest_requested', request_id_str: '0', event_id: young?.eventId },
  ])
})

test('without such a request the list is empty and does not expire', () => {
  expect(progress(snapshotOf(newModule), start, { everything: true })['manifest/pending']).toEqual({
    topic: `${stem}/manifest/pending`,
    payload: '[]',
    retain: true,
    json: true,
    userProperties: { schema: '1' },
  })
})

test('an expired request ID changes the list, and the last one its own topic too', () => {
  const [old, young] = [300_000, 0].map((ago) => anItem({ requestId: String(ago), requestedAt: start - ago }))
  const snapshot = snapshotOf({ ...requestedOnce, recent: [old, young].flatMap((item) => item ?? []) })

  const [first, ...others] = moduleExpired(topics, snapshot, start + 300_000)
  expect(first).toMatchObject({ topic: `${stem}/manifest/pending`, retain: true, expirySeconds: 300 })
  expect(document(first)).toMatchObject([{ request_id_str: '0' }])
  expect(others).toEqual([])

  const last = moduleExpired(topics, snapshot, start + 600_000)
  expect(last).toMatchObject([
    { topic: `${stem}/request_id`, payload: '', retain: true },
    { topic: `${stem}/manifest/pending`, payload: '[]', retain: true },
  ])
})

test('every topic of a module that is published is one that can be cleared', () => {
  const snapshot = snapshotOf(requestedOnce, { clips: someClips })
  const published = [
    ...moduleIdentity(topics, snapshot),
    ...moduleProgress(topics, snapshot, { now: start, everything: false, expired: false }),
  ]

  expect(published.map(({ topic }) => topic.slice(stem.length + 1)).sort()).toEqual(
    [...retainedModuleTopics].sort(),
  )
  expect(published.every(({ retain }) => retain)).toBe(true)
})
