/**
 * Manifests and clips as MQTT messages: values in, messages out.
 */
import type { ClipName, ClipNew, ClipTrouble, ManifestReady } from '../domain/clip.ts'
import { iso } from '../domain/clock.ts'
import type { DurableEvent, Message, ModuleKey, ModuleSnapshot } from '../domain/model.ts'
import { ids, json, number, timeOrNull } from '../domain/text.ts'
import type * as wire from './schemas.ts'
import { durable, event as onceOnly, schema, secondsLeft, state, type Topics } from './topics.ts'

export interface ClipMessages {
  /** What `media_content_id` begins with. */
  readonly mediaPrefix: string | undefined
  /** Whether events and states of modules are published, and not only work items. */
  readonly modulesToo: boolean
}

type ClipEvent = Extract<DurableEvent, { readonly kind: 'manifest_ready' | 'clip_new' }>

/** The publishes of a durable event about manifests and clips. */
export function clipMessages(
  topics: Topics,
  event: ClipEvent,
  { mediaPrefix, modulesToo, now }: ClipMessages & { readonly now: number },
): readonly Message[] {
  const expirySeconds = Math.max(1, secondsLeft(event, now))
  const { eventId } = event.body
  if (event.kind === 'clip_new') {
    const payload = json(clipNew(event.body, mediaPrefix))
    return [durable(`${topics.camera(event.body)}/clip/new`, payload, { eventId, expirySeconds })]
  }
  const stem = topics.module(event.body)
  const payload = json(manifestReady(event.body))
  const message = durable(`${stem}/manifest/ready`, payload, { eventId, expirySeconds })
  const forRules = onceOnly(`${stem}/event`, payload, { eventId, expirySeconds })
  return modulesToo ? [message, forRules] : [message]
}

/** `last_clip` of a camera: the same document as its event, retained. */
export function lastClip(topics: Topics, clip: ClipNew, mediaPrefix: string | undefined): Message {
  return state(topics.lastClip(clip), json(clipNew(clip, mediaPrefix)))
}

/** `clips`: what is on the stick and on disk; nothing where manifests are not followed. */
export function clipState(stem: string, clips: ModuleSnapshot['clips']): readonly Message[] {
  if (!clips) return []
  const payload: wire.ClipState = {
    count: clips.count,
    new: clips.waiting,
    downloaded: clips.downloaded,
    failed: clips.failed,
    bytes: clips.bytes,
    newest_at: timeOrNull(clips.newestAt),
    oldest_at: timeOrNull(clips.oldestAt),
    last_error: clips.lastError ?? null,
  }
  return [state(`${stem}/clips`, json(payload))]
}

interface TroubleContext {
  readonly trouble: ClipTrouble
  readonly eventId: string
  readonly now: number
  readonly ttlMs: number
}

/** The event of a manifest or a clip that could not be had. */
export function clipTroubleEvent(
  topics: Topics,
  key: ModuleKey,
  { trouble, eventId, now, ttlMs }: TroubleContext,
): Message {
  const { requestId, reason } = trouble
  const common = { event_id: eventId, ts: iso(now), ...ids(key), request_id: number(requestId), reason }
  const payload: wire.ManifestFailed | wire.ClipFailed =
    trouble.kind === 'manifest_failed'
      ? { schema, event_type: 'manifest_failed', ...common }
      : {
          ...{ schema, event_type: 'clip_failed' as const, ...common },
          ...{ clip: listedClip(trouble.clip), retry_at: iso(trouble.retryAt) },
        }
  const expirySeconds = Math.round(ttlMs / 1000)
  return onceOnly(`${topics.module(key)}/event`, json(payload), { eventId, expirySeconds })
}

function manifestReady(body: ManifestReady): wire.ManifestReady {
  return {
    schema,
    event_type: 'manifest_ready',
    event_id: body.eventId,
    ts: iso(body.readyAt),
    ...ids(body),
    request_id: number(body.requestId),
    manifest_id: number(body.manifestId),
    clip_count: body.clipCount,
    new_count: body.newCount,
    latency_ms: body.latencyMs,
    clips: body.clips.map(listedClip),
  }
}

function listedClip({ createdAt, cameraName, listedSize }: ClipName) {
  return { camera: cameraName, created_at: iso(createdAt), size_kib: listedSize ?? null }
}

function clipNew(body: ClipNew, mediaPrefix: string | undefined): wire.ClipNew {
  const { camera, path } = body
  const address = path.split('/').map(encodeURIComponent).join('/')
  return {
    schema,
    event_type: 'clip_new',
    event_id: body.eventId,
    ts: iso(body.downloadedAt),
    ...ids(body),
    camera: body.cameraName,
    camera_id: /^\d+$/.test(camera) ? number(camera) : null,
    created_at: iso(body.createdAt),
    size_bytes: body.bytes,
    path,
    media_content_id: mediaPrefix === undefined ? null : `${mediaPrefix.replace(/\/+$/, '')}/${address}`,
    sha256: body.sha256,
    request_id: number(body.requestId),
    downloaded_at: iso(body.downloadedAt),
    ...(body.instance !== undefined && { instance: body.instance }),
  }
}
