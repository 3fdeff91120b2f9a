/**
 * Rows back to values. SQLite guards its pages but not the bytes in them, so a flipped bit in a text is met here.
 */
import { z } from 'zod'
import type { Attempt } from '../domain/attempt.ts'
import type { ClipCamera, ClipModule, KeptReading, KnownClip } from '../domain/clip.ts'
import type { DurableEvent, EventBodies, EventKind, Progress, SyncModule, WorkItem } from '../domain/model.ts'
import type { Row } from './connection.ts'
import { damaged } from './sqlite-errors.ts'
import { parseJson } from './state-files.ts'

const id = z.string().regex(/^\d+$/)
const key = { accountId: id, networkId: id, syncModuleId: id }

const trigger = z.enum(['schedule', 'start', 'command', 'once'])

const workItem = z.looseObject({
  ...key,
  eventId: z.uuid(),
  requestId: id,
  trigger,
  tickId: z.string(),
  attempt: z.number(),
  pollPath: z.string(),
  pollUrl: z.string(),
  requestedAt: z.number(),
  expiresAt: z.number(),
})

/** What nobody can do without; the rest is copied into topics as it is. */
const syncModule = z.looseObject({ ...key, name: z.string() })

const accepted = { requestId: id, trigger, requestedAt: z.number(), expiresAt: z.number() }

const progress = z.looseObject({
  requestsTotal: z.number(),
  failuresInARow: z.number(),
  lastAccepted: z.looseObject({ ...accepted }).optional(),
})

const recent = z.array(z.tuple([z.number(), z.number()]))

const clipName = { createdAt: z.number(), listedSize: z.number().optional(), cameraName: z.string() }

const clipFile = {
  eventId: z.uuid(),
  path: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  camera: z.string(),
  requestId: id,
  downloadedAt: z.number(),
  instance: z.string().optional(),
}

const clip = z.discriminatedUnion('state', [
  z.object({ ...clipName, state: z.enum(['listed', 'removed']) }),
  z.object({ ...clipName, state: z.enum(['ready', 'saved']), file: z.object(clipFile) }),
  z.object({ ...clipName, state: z.literal('failed'), retryAt: z.number(), reason: z.string() }),
])

const clipModule = z.object({
  requestId: id,
  compared: z.boolean(),
  counts: z.object({
    count: z.number(),
    waiting: z.number(),
    newestAt: z.number().optional(),
    oldestAt: z.number().optional(),
    lastError: z.string().optional(),
  }),
})

const manifestReady = z.object({
  ...key,
  eventId: z.uuid(),
  requestId: id,
  manifestId: id,
  readyAt: z.number(),
  clipCount: z.number(),
  newCount: z.number(),
  latencyMs: z.number(),
  clips: z.array(z.object(clipName)),
})

const clipNew = z.object({ ...key, ...clipFile, cameraName: z.string(), createdAt: z.number() })

const clipCamera = z.object({
  ...{ ...key, camera: z.string(), cameraName: z.string(), moved: z.boolean() },
  last: clipNew.optional(),
})

const bodies: { readonly [Kind in EventKind]: z.ZodType<EventBodies[Kind]> } = {
  manifest_requested: workItem,
  manifest_ready: withAbsent(manifestReady),
  clip_new: clipNew,
}

/** The columns of an event's row. */
export const eventColumns = 'seq, kind, order_key, expires_at, body'

/** The event of a row, or `undefined` when it is none. */
export function eventIn(row: Row): DurableEvent | undefined {
  const kind = String(row.kind)
  if (!isKind(kind)) return undefined
  const body = bodies[kind].safeParse(parseJson(String(row.body))).data
  const event = { kind, orderKey: String(row.order_key), expiresAt: Number(row.expires_at), body }
  // Kind and body belong together by `bodies`.
  return body && (event as DurableEvent)
}

/** The clip of a row's text, or `undefined` when it is none. */
export function clipIn(text: unknown): KnownClip | undefined {
  return withAbsent<KnownClip>(clip).safeParse(parseJson(String(text))).data
}

/** What is kept of a module's clips, or `undefined` when it is not readable. */
export function clipModuleIn(text: unknown): ClipModule | undefined {
  return withAbsent<ClipModule>(clipModule).safeParse(parseJson(String(text))).data
}

/** A camera of which a clip was saved, or `undefined` when it is not readable. */
export function clipCameraIn(text: unknown): ClipCamera | undefined {
  return withAbsent<ClipCamera>(clipCamera).safeParse(parseJson(String(text))).data
}

const keptReading = z.object({
  usedPercent: z.number().optional(),
  full: z.boolean(),
  warning: z.number().optional(),
  readAt: z.number(),
})

/** What was read last of a module's drive, or `undefined` when it is not readable. */
export function keptReadingIn(text: unknown): KeptReading | undefined {
  return withAbsent<KeptReading>(keptReading).safeParse(parseJson(String(text))).data
}

/** JSON leaves out what is `undefined`; read again it is `undefined` again. */
function withAbsent<T>(schema: z.ZodType): z.ZodType<T> {
  return schema as z.ZodType<T>
}

/** The work item of a row's text, or `undefined` when it is none. */
export function workItemIn(text: unknown): WorkItem | undefined {
  return workItem.safeParse(parseJson(String(text))).data
}

function isKind(text: string): text is EventKind {
  return Object.hasOwn(bodies, text)
}

/** The sync module of a row's text, or `undefined` when it is none. */
export function moduleIn(text: unknown): SyncModule | undefined {
  const value = parseJson(String(text))
  // Written from a SyncModule; absent values were left out by JSON and read as undefined again.
  return syncModule.safeParse(value).success ? (value as SyncModule) : undefined
}

/** The progress of a row's text, or `undefined` when it is none. */
export function progressIn(text: unknown): Progress | undefined {
  const value = parseJson(String(text))
  return progress.safeParse(value).success ? (value as Progress) : undefined
}

/** A live item of a module. */
export interface Recent {
  readonly seq: number
  readonly expiresAt: number
}

/** More than any TTL and schedule that make sense produce; bounds what a module's topics show. */
const mostRecent = 50

/** The newest of a module's live items, as its row holds them. */
export function recentText(items: readonly Recent[]): string {
  return JSON.stringify(items.slice(-mostRecent).map(({ seq, expiresAt }) => [seq, expiresAt]))
}

/** The live items of a row's text, or `undefined` when it is not what we wrote. */
export function recentIn(text: unknown): readonly Recent[] | undefined {
  const pairs = recent.safeParse(parseJson(String(text))).data
  return pairs?.map(([seq, expiresAt]) => ({ seq, expiresAt }))
}

/** The value, which must be there. @throws DatabaseDamaged when it is not */
export function readable<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw damaged(`cannot read ${what}`)
  return value
}

/** The columns of an attempt's row. */
export const attemptColumns = 'module, at, outcome, latency_ms, request_id, expires_at, delivered_at'

const attemptRow = z.object({
  at: z.int(),
  outcome: z.enum([
    ...(['requested', 'busy', 'offline', 'no_storage', 'incompatible', 'skipped'] as const),
    ...(['throttled', 'login_required', 'unreachable', 'error', 'unknown'] as const),
  ]),
  latency_ms: z.number().nullable(),
  request_id: id.nullable(),
  expires_at: z.int().nullable(),
  delivered_at: z.int().nullable(),
})

/** The attempt of a row, or `undefined` when it is none. */
export function attemptIn(row: Row): Attempt | undefined {
  const whole = attemptRow.safeParse(row).data
  if (!whole) return undefined
  const { at, outcome, latency_ms: latencyMs, request_id: requestId } = whole
  const { expires_at: expiresAt, delivered_at: deliveredAt } = whole
  const accepted =
    requestId !== null && expiresAt !== null
      ? { requestId, expiresAt, deliveredAt: deliveredAt ?? undefined }
      : undefined
  return { at, outcome, latencyMs: latencyMs ?? undefined, accepted }
}

/** The values of an attempt's row, in the order of its columns. */
export function attemptValues(module: string, { at, outcome, latencyMs, accepted }: Attempt) {
  const { requestId, expiresAt, deliveredAt } = accepted ?? {}
  const request = [requestId ?? null, expiresAt ?? null, deliveredAt ?? null] as const
  return [module, at, outcome, latencyMs ?? null, ...request] as const
}
