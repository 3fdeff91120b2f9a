/**
 * One schema for each document that leaves over MQTT: shapes, and the words in them. Those of commands and their
 * responses are in `command-schemas.ts`.
 *
 * The types of these documents are inferred from here, so tsc checks what the mappers build. Nothing is validated
 * while the daemon runs: it imports the types only; the schemas run in tests and in `npm run generate`.
 * Objects are strict, which finds a key that nobody has documented. `docs/schemas` is open where we write and
 * others read, because an additional key does not raise `schema`.
 */
import { z } from 'zod'
import type { RawJson } from '../domain/text.ts'

/** ISO 8601 in UTC, with milliseconds and `Z`. */
export const time = z.iso.datetime({ precision: 3 })

/** An id of Blink's in decimal digits. */
export const digits = z.string().regex(/^[1-9]\d*$/)

/**
 * An id of Blink's as a JSON number of up to 64 bits. A JavaScript number cannot hold each of them: a large one is
 * raw JSON in this process, and its readers need a parser that keeps digits, or the form `_str`.
 */
export const id = z
  .union([z.int().min(1), z.custom<RawJson>((value) => JSON.isRawJSON(value))])
  .meta({ type: 'integer', format: 'int64', minimum: 1 })

const schema = z.literal(1).describe('Version of the shape. Additional keys do not raise it.')
export const eventId = z.uuidv7().describe('The same on a redelivery: distinguishes copies.')
const trigger = z.enum(['schedule', 'start', 'command', 'once'])
export const count = z.int().min(0)
export const moduleIds = { account_id: id, network_id: id, sync_module_id: id }
export const storageStatus = z.enum([
  'active',
  'memory_full',
  'format_required',
  'unmounted',
  'unavailable',
  'incompatible',
  'unknown',
])
export const outcome = z
  .enum([
    'requested',
    'busy',
    'offline',
    'no_storage',
    'incompatible',
    'skipped',
    'throttled',
    'login_required',
    'unreachable',
    'error',
    'unknown',
  ])
  .describe('What became of one module in one run.')
export const skipReason = z
  .enum([
    'excluded',
    'paused',
    'not_onboarded',
    'offline',
    'no_storage',
    'incompatible',
    'asked_recently',
    'out_of_time',
  ])
  .describe('Why a module was not requested.')
export const accountStatus = z.enum([
  'ok',
  'login_required',
  'two_factor_required',
  'throttled',
  'unreachable',
])
export const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])

export const failure = z
  .strictObject({
    code: z.string().min(1),
    message: z.string(),
    http_status: z.int().nullable(),
    body_code: z.int().nullable(),
    retryable: z.boolean().describe('The request certainly did nothing and may be sent again.'),
    retry_at: time.nullable(),
  })
  .describe('What went wrong; never the text of an answer of the cloud.')
export type Failure = z.infer<typeof failure>

// Plain texts

export const presence = z.enum(['online', 'offline'])
export const onOff = z.enum(['ON', 'OFF'])
export const anything = z.string()

// Retained state

export const bridgeInfo = z
  .strictObject({
    version: z.string(),
    schema,
    install_id: z.string().regex(/^[\da-f]{8}$/),
    started_at: time,
    next_tick_at: time.nullable(),
    log_level: logLevel,
    settings: z.record(z.string(), z.unknown()).describe('The effective settings, without secrets.'),
  })
  .meta({ title: 'Bridge info', description: 'What the daemon is, and how it is set up.' })
export type BridgeInfo = z.infer<typeof bridgeInfo>

export const accountFields = {
  state: accountStatus,
  since: time,
  detail: z.string().nullable(),
  retry_at: time.nullable(),
}

export const accountState = z
  .strictObject(accountFields)
  .meta({ title: 'Account state', description: 'How the account is as a whole, and since when.' })
export type AccountState = z.infer<typeof accountState>

export const moduleInfo = z
  .strictObject({
    name: z.string(),
    network_name: z.string().nullable(),
    serial: z.string().nullable(),
    model: z.string().nullable(),
    firmware: z.string().nullable(),
    storage_status: storageStatus.nullable(),
    storage_used_percent: z.int().min(0).max(100).nullable().describe('With `manifest.follow`, else null.'),
    storage_warning: count
      .nullable()
      .describe("Blink's number: from 3 on the drive is nearly full. With `manifest.follow`, else null."),
  })
  .meta({
    title: 'Sync module info',
    description: 'A sync module as the home screen shows it, and how full its drive is.',
  })
export type ModuleInfo = z.infer<typeof moduleInfo>

export const moduleState = z
  .strictObject({
    status: z.enum(['idle', 'backoff', 'paused', 'unsupported', 'offline', 'error']),
    request_id: id.nullable().describe('The last request ID, also when it has expired.'),
    requested_at: time.nullable(),
    last_attempt_at: time.nullable(),
    last_outcome: outcome.nullable(),
    last_error: failure.nullable(),
    latency_ms: z.number().min(0).nullable(),
    requests_total: count,
    failures_in_a_row: count,
    paused: z.boolean(),
    interval_s: count.nullable().describe('Seconds between two scheduled runs.'),
    next_attempt_at: time.nullable(),
  })
  .meta({ title: 'Sync module state', description: 'What the requests of a sync module have come to.' })
export type ModuleState = z.infer<typeof moduleState>

// Events

const runFields = {
  ...moduleIds,
  trigger,
  tick_id: time.describe('The time of the scheduled run.'),
}

export const workItem = z
  .strictObject({
    schema,
    event_type: z.literal('manifest_requested'),
    event_id: eventId,
    ts: time,
    ...moduleIds,
    request_id: id.describe('The id of the request, which is not the id of the manifest.'),
    request_id_str: digits.describe('`request_id` for readers whose numbers lose digits beyond 2^53.'),
    trigger,
    tick_id: runFields.tick_id,
    attempt: z.int().min(1).describe('1 for the first try in the run.'),
    poll_path: z.string().regex(/^\//),
    poll_url: z.url({ protocol: /^https?$/ }),
    requested_at: time,
    expires_at: time.describe('Assumed end of the request ID.'),
  })
  .meta({
    title: 'Work item',
    description: 'One accepted manifest request and how to poll for its manifest.',
  })
export type WorkItem = z.infer<typeof workItem>

export const manifestPending = z
  .array(workItem)
  .meta({ title: 'Pending work items', description: 'Those that have not expired, newest last.' })
export type ManifestPending = z.infer<typeof manifestPending>

/** An attempt without a request ID: `attempt` counts the requests that were sent. */
const unsuccessful = { event_id: eventId, ts: time, ...runFields, attempt: count, outcome }

const manifestRequestFailed = z
  .strictObject({
    schema,
    event_type: z.literal('manifest_request_failed'),
    ...unsuccessful,
    error: failure,
  })
  .meta({ title: 'Manifest request failed' })
export type ManifestRequestFailed = z.infer<typeof manifestRequestFailed>

const manifestRequestSkipped = z
  .strictObject({
    schema,
    event_type: z.literal('manifest_request_skipped'),
    ...unsuccessful,
    reason: skipReason,
    repeated: z.boolean().describe('Skipped for the same reason the last time.'),
  })
  .meta({ title: 'Manifest request skipped' })
export type ManifestRequestSkipped = z.infer<typeof manifestRequestSkipped>

// Manifests and clips, where they are followed

const listedClip = z.strictObject({
  camera: z.string().describe("The camera's name as the manifest has it: letters, digits and `_`."),
  created_at: time,
  size_kib: count.nullable(),
})

const clipEventFields = { event_id: eventId, ts: time, ...moduleIds, request_id: id }

export const manifestReady = z
  .strictObject({
    schema,
    event_type: z.literal('manifest_ready'),
    ...clipEventFields,
    manifest_id: id.describe('The id of the manifest, which is not the id of the request.'),
    clip_count: count,
    new_count: count.describe('Clips that are to be downloaded, or would be.'),
    latency_ms: count.describe('From the accepted request to the manifest.'),
    clips: z.array(listedClip).max(100).describe('The newest first.'),
  })
  .meta({ title: 'Manifest ready' })
export type ManifestReady = z.infer<typeof manifestReady>

const manifestFailed = z
  .strictObject({ schema, event_type: z.literal('manifest_failed'), ...clipEventFields, reason: z.string() })
  .meta({ title: 'Manifest failed' })
export type ManifestFailed = z.infer<typeof manifestFailed>

const clipFailed = z
  .strictObject({
    schema,
    event_type: z.literal('clip_failed'),
    ...clipEventFields,
    clip: listedClip,
    reason: z.string(),
    retry_at: time.describe('Until then the clip is left alone.'),
  })
  .meta({ title: 'Clip failed' })
export type ClipFailed = z.infer<typeof clipFailed>

export const clipNew = z
  .strictObject({
    schema,
    event_type: z.literal('clip_new'),
    ...clipEventFields,
    camera: z.string(),
    camera_id: id
      .nullable()
      .describe('`null` where no camera of the network, or more than one, has this name.'),
    created_at: time.describe('Of the recording.'),
    size_bytes: count,
    path: z.string().describe('Relative to `clips.directory`, with `/`.'),
    media_content_id: z.string().nullable().describe('`clips.mediaPrefix` and the path, percent-encoded.'),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    downloaded_at: time,
    instance: z
      .string()
      .optional()
      .describe('With `store.url` only: the daemon that has saved it, below its own `clips.directory`.'),
  })
  .meta({ title: 'New clip', description: 'A clip is on disk: whole, synced, under its final name.' })
export type ClipNew = z.infer<typeof clipNew>

export const clipState = z
  .strictObject({
    count: count.describe('Clips on the stick.'),
    new: count.describe('Clips that wait for their download.'),
    downloaded: count,
    failed: count,
    bytes: count.describe('Of all files.'),
    newest_at: time.nullable(),
    oldest_at: time.nullable(),
    last_error: z.string().nullable(),
  })
  .meta({ title: 'Clips of a sync module' })
export type ClipState = z.infer<typeof clipState>

export const moduleEvent = z
  .discriminatedUnion('event_type', [
    workItem,
    manifestRequestFailed,
    manifestRequestSkipped,
    manifestReady,
    manifestFailed,
    clipFailed,
  ])
  .meta({ title: 'Sync module event' })

const bridgeEventFields = { event_id: eventId, ts: time }
const moduleChange = z.strictObject({
  schema,
  event_type: z.enum(['sync_module_found', 'sync_module_gone', 'sync_module_renamed']),
  ...bridgeEventFields,
  ...moduleIds,
  name: z.string(),
  network_name: z.string().nullable(),
})
const tickDone = z.strictObject({
  schema,
  event_type: z.literal('tick_done'),
  ...bridgeEventFields,
  tick_id: runFields.tick_id,
  trigger,
  requested: count,
  failed: count,
  skipped: count,
  duration_ms: count,
})
export const bridgeEvent = z
  .discriminatedUnion('event_type', [moduleChange, tickDone])
  .meta({ title: 'Bridge event' })
export type BridgeEvent = z.infer<typeof bridgeEvent>
