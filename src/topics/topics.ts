/**
 * Topic names, and the kinds of message: plain state, JSON state, and events.
 *
 * State is retained, events never are: a retained event fires its subscribers' rules again at every reconnect. Paths hold Blink's numeric ids, never names, since owners rename things.
 */
import type { CameraKey } from '../domain/clip.ts'
import type { BlinkId, Failure, Message, ModuleKey } from '../domain/model.ts'
import { timeOrNull } from '../domain/text.ts'
import type * as wire from './schemas.ts'

/** Version of the documents' shapes; additions do not raise it, removals and changes of meaning do. */
export const schema = 1

export interface Topics {
  readonly base: string
  readonly bridgeState: string
  /** Whether one of several daemons is connected. */
  instanceState(name: string): string
  readonly bridgeInfo: string
  readonly bridgeEvent: string
  accountState(accountId: BlinkId): string
  /** `<base>/sync/<account_id>/<network_id>/<sync_module_id>`, the stem of a module's topics. */
  module(key: ModuleKey): string
  /** The stem of a camera's topics. */
  camera(of: CameraKey): string
  lastClip(of: CameraKey): string
}

/** The topic names below a base topic. */
export function topicsBelow(base: string): Topics {
  return {
    base,
    bridgeState: `${base}/bridge/state`,
    instanceState: (name) => `${base}/bridge/instance/${name}/state`,
    bridgeInfo: `${base}/bridge/info`,
    bridgeEvent: `${base}/bridge/event`,
    accountState: (accountId) => `${base}/account/${accountId}/state`,
    module: ({ accountId, networkId, syncModuleId }) =>
      `${base}/sync/${accountId}/${networkId}/${syncModuleId}`,
    camera: ({ accountId, networkId, camera }) => `${base}/camera/${accountId}/${networkId}/${camera}`,
    lastClip: ({ accountId, networkId, camera }) =>
      `${base}/camera/${accountId}/${networkId}/${camera}/last_clip`,
  }
}

/** The retained topics of a module, for clearing them when it is gone. */
export const retainedModuleTopics = [
  'availability',
  'info',
  'state',
  'request_id',
  'requested_at',
  'manifest/pending',
  'clips',
] as const

/** The `error` object of docs/mqtt-api.md, "Events". */
export function failure(value: Failure): wire.Failure {
  return {
    code: value.code,
    message: value.message,
    http_status: value.httpStatus ?? null,
    body_code: value.bodyCode ?? null,
    retryable: value.retryable,
    retry_at: timeOrNull(value.retryAt),
  }
}

/** Whole seconds until `expiresAt`, rounded up. */
export function secondsLeft(item: { readonly expiresAt: number }, now: number): number {
  return Math.ceil((item.expiresAt - now) / 1000)
}

/** Retained text. */
export function plain(topic: string, payload: string): Message {
  return { topic, payload, retain: true }
}

/** A retained JSON document. */
export function state(topic: string, payload: string): Message {
  return { topic, payload, retain: true, json: true, userProperties: { schema: String(schema) } }
}

/** The JSON document of an event: never retained, for rules. */
export function event(topic: string, payload: string, of: EventProperties): Message {
  return { ...document(topic, payload, of), event: true }
}

/** The JSON document of a work item: never retained, for pollers. */
export function durable(topic: string, payload: string, of: EventProperties): Message {
  return { ...document(topic, payload, of), durable: true }
}

interface EventProperties {
  readonly eventId: string
  readonly expirySeconds: number
}

function document(topic: string, payload: string, { eventId, expirySeconds }: EventProperties): Message {
  const userProperties = { schema: String(schema), event_id: eventId }
  return { topic, payload, retain: false, json: true, expirySeconds, userProperties }
}
