/** The requests of a module, as its retained topics tell them. */
import { expect, test } from 'vitest'
import { moduleEnd, moduleIdentity, moduleProgress } from '../../../src/topics/module-topics.ts'
import { retainedModuleTopics } from '../../../src/topics/topics.ts'
import { asked, document, fresh, progress, stem, topics, viewOf } from '../../support/module-view.ts'
import { anItem, recordAfter, requested, start } from '../../support/samples.ts'

test('the last request ID is plain digits that end with its life', () => {
  const large = recordAfter(fresh, requested(anItem({ requestId: '9223372036854775807' })))

  const { request_id, requested_at, state } = progress(viewOf(large), start + 60_000)

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

test('an expired request ID is cleared, for brokers that do not do it', () => {
  const { request_id, requested_at } = progress(viewOf(asked), start + 600_000, { ended: true })

  expect(request_id).toEqual({ topic: `${stem}/request_id`, payload: '', retain: true })
  expect(requested_at?.payload).toBe('2026-11-23T09:00:00.000Z')
})

test('what told of a request ID is cleared once, and again when all is republished', () => {
  const late = start + 600_000

  expect(Object.keys(progress(viewOf(asked), late - 1))).toHaveLength(4)
  expect(Object.keys(progress(viewOf(asked), late))).toEqual(['state'])
  expect(progress(viewOf(asked), late, { everything: true })).toMatchObject({
    request_id: { payload: '' },
    'manifest/pending': { payload: '[]' },
  })
})

test('a module never requested is cleared of an older life when all is republished', () => {
  expect(Object.keys(progress(viewOf(fresh)))).toEqual(['state'])

  const { request_id, requested_at } = progress(viewOf(fresh), start, { everything: true })

  expect([request_id, requested_at].map((message) => [message?.payload, message?.retain])).toEqual([
    ['', true],
    ['', true],
  ])
})

test('the live request IDs are a retained list, newest last, that ends with the newest', () => {
  const older = anItem({ requestId: '501', requestedAt: start - 600_000 })
  const [old, young] = [300_000, 0].map((ago) => anItem({ requestId: String(ago), requestedAt: start - ago }))
  const record = { ...asked, recent: [older, old, young].flatMap((item) => item ?? []) }

  const pending = progress(viewOf(record))['manifest/pending']

  expect(pending).toMatchObject({ retain: true, json: true, expirySeconds: 600 })
  expect(document(pending)).toMatchObject([
    { schema: 1, event_type: 'manifest_requested', request_id_str: '300000' },
    { schema: 1, event_type: 'manifest_requested', request_id_str: '0', event_id: young?.eventId },
  ])
})

test('with no living request the list is empty and has no end', () => {
  expect(progress(viewOf(fresh), start, { everything: true })['manifest/pending']).toEqual({
    topic: `${stem}/manifest/pending`,
    payload: '[]',
    retain: true,
    json: true,
    userProperties: { schema: '1' },
  })
})

test('the end of a request ID shows in the list, that of the last in its topic too', () => {
  const [old, young] = [300_000, 0].map((ago) => anItem({ requestId: String(ago), requestedAt: start - ago }))
  const view = viewOf({ ...asked, recent: [old, young].flatMap((item) => item ?? []) })

  const [first, ...others] = moduleEnd(topics, view, start + 300_000)
  expect(first).toMatchObject({ topic: `${stem}/manifest/pending`, retain: true, expirySeconds: 300 })
  expect(document(first)).toMatchObject([{ request_id_str: '0' }])
  expect(others).toEqual([])

  const last = moduleEnd(topics, view, start + 600_000)
  expect(last).toMatchObject([
    { topic: `${stem}/request_id`, payload: '', retain: true },
    { topic: `${stem}/manifest/pending`, payload: '[]', retain: true },
  ])
})

test('every topic of a module that is published is one that can be cleared', () => {
  const published = [
    ...moduleIdentity(topics, viewOf(asked)),
    ...moduleProgress(topics, viewOf(asked), { now: start, everything: false, ended: false }),
  ]

  expect(published.map(({ topic }) => topic.slice(stem.length + 1)).sort()).toEqual(
    [...retainedModuleTopics].sort(),
  )
  expect(published.every(({ retain }) => retain)).toBe(true)
})
