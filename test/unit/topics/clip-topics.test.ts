import { expect, test } from 'vitest'
import type { ClipNew } from '../../../src/domain/clip.ts'
import type { DurableEvent, Message } from '../../../src/domain/model.ts'
import { clipMessages, clipTroubleEvent, lastClip } from '../../../src/topics/clip-topics.ts'
import { clipNew, manifestReady, moduleEvent } from '../../../src/topics/schemas.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { start } from '../../support/samples.ts'

const topics = topicsBelow('b')
const module = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }
const eventId = '0197a1c0-0000-7000-8000-000000000001'
const saved: ClipNew = {
  ...module,
  ...{ eventId, requestId: '501', cameraName: 'FrontDoor', camera: '610003', createdAt: start },
  ...{ bytes: 440_320, path: 'Home/Front Door/a.mp4', sha256: 'ab'.repeat(32), downloadedAt: start + 9_000 },
}
const clip = (differing: Partial<ClipNew> = {}): DurableEvent & { kind: 'clip_new' } => ({
  ...{ kind: 'clip_new', orderKey: 'clip', expiresAt: start + 60_000 },
  body: { ...saved, ...differing },
})
const namesOf = (messages: readonly Message[]) => messages.map(({ topic }) => topic)
const all = { mediaPrefix: undefined, modulesToo: true, now: start }

test('a saved clip is an event, and the last clip of a camera is the same document, retained', () => {
  const stem = 'b/camera/8021/44107/610003'

  const [event, ...more] = clipMessages(topics, clip(), all)

  expect(event).toMatchObject({ topic: `${stem}/clip/new`, retain: false, expirySeconds: 60, durable: true })
  expect(more).toEqual([])
  clipNew.parse(JSON.parse(event?.payload ?? ''))
  expect(lastClip(topics, saved, undefined)).toMatchObject({
    ...{ topic: `${stem}/last_clip`, retain: true, payload: event?.payload },
  })
})

test('the media address is the prefix and the path, encoded for a URL', () => {
  const mediaPrefix = 'media-source://media_source/local/blink/'

  const { media_content_id } = JSON.parse(lastClip(topics, saved, mediaPrefix).payload)

  expect(media_content_id).toBe('media-source://media_source/local/blink/Home/Front%20Door/a.mp4')
})

test('a camera that nobody knows has no id', () => {
  const [event] = clipMessages(topics, clip({ camera: 'unknown/0a1b2c3d' }), all)

  expect(event?.topic).toBe('b/camera/8021/44107/unknown/0a1b2c3d/clip/new')
  expect(clipNew.parse(JSON.parse(event?.payload ?? '')).camera_id).toBeNull()
})

test('a manifest is published for programs and for rules; a fleet has only the first', () => {
  const ready: DurableEvent & { kind: 'manifest_ready' } = {
    ...{ kind: 'manifest_ready', orderKey: 'manifest', expiresAt: start + 60_000 },
    body: {
      ...module,
      ...{ eventId, requestId: '501', manifestId: '8977', readyAt: start, latencyMs: 4_000 },
      ...{ clipCount: 1, newCount: 1 },
      clips: [{ createdAt: start, listedSize: undefined, cameraName: 'FrontDoor' }],
    },
  }
  const stem = 'b/sync/8021/44107/350221'

  const messages = clipMessages(topics, ready, all)

  expect(namesOf(messages)).toEqual([`${stem}/manifest/ready`, `${stem}/event`])
  manifestReady.parse(JSON.parse(messages[0]?.payload ?? ''))
  moduleEvent.parse(JSON.parse(messages[1]?.payload ?? ''))
  expect(namesOf(clipMessages(topics, ready, { ...all, modulesToo: false }))).toEqual([
    `${stem}/manifest/ready`,
  ])
})

test.each([
  { kind: 'manifest_failed', requestId: '501', reason: 'late' } as const,
  {
    kind: 'clip_failed',
    requestId: '501',
    reason: 'cut',
    clip: { ...saved, listedSize: 430 },
    retryAt: start,
  } as const,
])('the event of $kind is as its schema says', (trouble) => {
  const context = { trouble, eventId, now: start, ttlMs: 600_000 }

  const { topic, payload } = clipTroubleEvent(topics, module, context)

  expect(topic).toBe('b/sync/8021/44107/350221/event')
  moduleEvent.parse(JSON.parse(payload))
})
