/**
 * The JSON of manifests, commands, uploads and storage, and the values we make of it; `null` ends here.
 *
 * As lenient as `wire.ts`: one clip that cannot be read hides no other. Ids become parts of addresses and are
 * checked hard; a clip's time names it, so a clip without one is counted as unreadable.
 */
import { z } from 'zod'
import type { CommandState, HomeCamera, ListedClip, Manifest, StorageReading } from '../domain/clip.ts'
import type { BlinkId } from '../domain/model.ts'
import { blinkId, changed, read } from './wire.ts'

const count = z
  .union([z.number(), z.string().regex(/^\d{1,15}$/)])
  .transform(Number)
  .refine((value) => Number.isSafeInteger(value) && value >= 0)
  .optional()
  .catch(undefined)

const text = z
  .string()
  .transform((value) => [...value.toWellFormed()].slice(0, 200).join(''))
  .optional()
  .catch(undefined)

const list = z.array(z.unknown())

/**
 * A clip of either answer: `camera_name` and `size` in the manifest's, `device_name` and a time in milliseconds in
 * the newer one's.
 *
 * @see BlinkMonitorProtocol 278a4cd, v1/accounts/get-local-storage-manifest.md
 * @see luigibarretta/vistoda-blink, blink_storage.rs, parse_clip
 */
const listedClip = z.object({
  id: blinkId,
  size: count,
  camera_name: text,
  device_name: text,
  created_at: text,
  clip_start_millis: count,
})

const manifest = z
  .object({
    manifest_id: blinkId,
    clips: list.optional().catch(undefined),
    media: list.optional().catch(undefined),
    pagination_key: z.union([z.string(), z.number()]).optional().catch(undefined),
  })
  .refine(({ clips, media }) => clips !== undefined || media !== undefined, { path: ['clips'] })

/** @see BlinkMonitorProtocol 278a4cd, unversioned/network/command.md */
const command = z.object({
  complete: z.boolean(),
  status: count,
  status_code: count,
})

const clipRequest = z.object({ id: blinkId })

/** @see luigibarretta/vistoda-blink, blink_storage.rs, storage_status */
const storageStatus = z.object({
  usb_state: z.string().transform((value) => value.slice(0, 40)),
  usb_storage_used: count,
  usb_storage_full: z.unknown().optional(),
  storage_warning: count,
})

const camera = z.object({ id: blinkId, network_id: blinkId, name: text })

/** The home screen's three lists of cameras; each may be missing. @see BlinkMonitorProtocol, v3/accounts/homescreen.md */
const cameraLists = z.object({
  cameras: list.optional().catch(undefined),
  owls: list.optional().catch(undefined),
  doorbells: list.optional().catch(undefined),
})

/** Error, failed, not found, already ended, not supported: the end of a command that gives no `status`. */
const failedCommand: ReadonlySet<number | undefined> = new Set([901, 906, 907, 909, 911, 914])

/**
 * A manifest in either shape.
 *
 * @throws CloudChanged when there is no list or no usable id, or not one entry of the list can be read
 */
export function readManifest(json: unknown, kind: 'manifest' | 'media' = 'manifest'): Manifest {
  const answer = read(kind, manifest, json)
  const entries = answer.clips ?? answer.media ?? []
  const clips = entries.flatMap((raw) => clipOf(listedClip.safeParse(raw).data) ?? [])
  if (entries.length > 0 && clips.length === 0) throw changed(kind, 'clips[].id')
  const nextPage = answer.pagination_key === undefined ? '' : String(answer.pagination_key)
  return {
    manifestId: answer.manifest_id,
    clips,
    unreadable: entries.length - clips.length,
    // A page without clips that names another one would be requested without end.
    ...(nextPage !== '' && clips.length > 0 && { nextPage }),
  }
}

/**
 * How far a command is: by `complete` and `status`. `status_code` 908, "succeeded", stands there from the first
 * moment on.
 */
export function readCommand(json: unknown): CommandState {
  const { complete, status, status_code } = read('command', command, json)
  if (!complete) return 'running'
  if (status !== undefined) return status === 0 ? 'done' : 'failed'
  return failedCommand.has(status_code) ? 'failed' : 'done'
}

/**
 * The id of the upload's command.
 *
 * @throws CloudChanged with outcome `unknown` when there is no usable id in it: the upload may have begun
 */
export function readClipRequest(json: unknown): BlinkId {
  return read('clip_request', clipRequest, json).id
}

/** @throws CloudChanged when the state of the drive is missing */
export function readStorageStatus(json: unknown): StorageReading {
  const answer = read('storage_status', storageStatus, json)
  const used = answer.usb_storage_used
  return {
    state: answer.usb_state,
    usedPercent: used !== undefined && used <= 100 ? used : undefined,
    full: answer.usb_storage_full === true || answer.usb_state === 'memory_full',
    warning: answer.storage_warning,
  }
}

/** Every camera of a home screen that has usable ids and a name; none where the answer has no lists. */
export function readCameras(json: unknown): readonly HomeCamera[] {
  const { cameras = [], owls = [], doorbells = [] } = cameraLists.safeParse(json).data ?? {}
  return [...cameras, ...owls, ...doorbells].flatMap((raw) => {
    const { id, network_id, name } = camera.safeParse(raw).data ?? {}
    if (id === undefined || network_id === undefined || name === undefined) return []
    return [{ cameraId: id, networkId: network_id, name }]
  })
}

function clipOf(fields: z.output<typeof listedClip> | undefined): ListedClip | undefined {
  if (fields === undefined) return undefined
  const createdAt = momentOf(fields.created_at) ?? inRange(fields.clip_start_millis)
  if (createdAt === undefined) return undefined
  return {
    clipId: fields.id,
    createdAt,
    listedSize: fields.size,
    cameraName: fields.camera_name ?? fields.device_name ?? '',
  }
}

const timeForm = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)?$/

/** Milliseconds since the epoch, of ISO 8601 or of digits; a time without a zone is UTC. */
function momentOf(written: string | undefined): number | undefined {
  if (written === undefined) return undefined
  if (/^\d{10,14}$/.test(written)) return inRange(Number(written))
  const [, day, time, zone = 'Z'] = timeForm.exec(written) ?? []
  return inRange(Date.parse(`${day}T${time}${zone}`))
}

/** From 1970 to the year 9999: what can be written as a date with four digits. */
function inRange(moment: number | undefined): number | undefined {
  return moment !== undefined && moment >= 0 && moment < 253_402_300_800_000 ? moment : undefined
}
