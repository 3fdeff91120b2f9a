/**
 * The cycle that all is about: ask for a manifest, wait, read it, ask for a clip, wait, fetch it.
 *
 * The module does one thing at a time: whoever asks for a second one meanwhile hears that it is busy,
 * whether it is the same account's phone or the same client. Reading what is finished disturbs nobody.
 */
import { isReadable, storageOf } from './account-spec.ts'
import { type Answer, json } from './answer.ts'
import type { ClipTrouble } from './clip-trouble.ts'
import type { Cloud, ModuleState } from './cloud.ts'
import type { Command, Manifest } from './commands.ts'
import { withoutMovie } from './mp4.ts'
import { type Refusal, refuse } from './refusals.ts'
import type { Route, Visit } from './router.ts'
import type { StickClip } from './stick.ts'

const BASE = '/api/v1/accounts/{a}/networks/{n}/sync_modules/{s}/local_storage'

type ModuleHandler = (module: ModuleState, visit: Visit) => Answer

export function localStorageRoutes(cloud: Cloud): readonly Route[] {
  const route = (kind: string, method: string, tail: string, handle: ModuleHandler): Route => ({
    kind,
    method,
    pattern: BASE + tail,
    access: 'account',
    handle: (visit) => withModule(visit, handle),
  })
  return [
    route('manifest-request', 'POST', '/manifest/request', (module) => requestManifest(cloud, module)),
    route('manifest', 'GET', '/manifest/request/{id}', (module, visit) => readManifest(cloud, module, visit)),
    route('clip-request', 'POST', '/manifest/{m}/clip/request/{c}', (module, visit) =>
      requestClip(cloud, module, visit),
    ),
    route('clip', 'GET', '/manifest/{m}/clip/request/{c}', (module, visit) => readClip(cloud, module, visit)),
    route('storage-status', 'GET', '/status', showStatus),
    route('media', 'GET', '/media/{id}', (module, visit) => readMedia(cloud, module, visit)),
  ]
}

/** The module in the path, if it is the account's and stands in that network. */
function withModule(visit: Visit, handle: ModuleHandler): Answer {
  const module = visit.account.modules.get(visit.number('s'))
  if (!module) return refuse('moduleNotFound')
  return module.spec.networkId === visit.number('n') ? handle(module, visit) : refuse('moduleInvalid')
}

function requestManifest(cloud: Cloud, module: ModuleState): Answer {
  const obstacle = obstacleOf(cloud, module)
  if (obstacle) return refuse(obstacle)
  const manifest = cloud.commands.newManifest(module.stick.list(cloud.time.now()))
  return accepted(cloud.commands.start(module, 'manifest', cloud.settings.manifestSeconds, { manifest }))
}

function readManifest(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const manifest = findList(cloud, module, visit)
  if (typeof manifest === 'string') return refuse(manifest)
  return json(200, {
    version: '1.0',
    manifest_id: manifest.id,
    clips: manifest.clips.map((clip) => ({
      id: String(clip.id),
      size: String(clip.size),
      // Python's idea of what is no part of a word, which keeps letters of all languages: blinkpy, to_alphanumeric.
      camera_name: clip.cameraName.replaceAll(/[^\p{L}\p{N}_]/gu, ''),
      created_at: clip.createdAt,
    })),
  })
}

/**
 * What newer apps read in place of the manifest. How its pages are asked for was never published: the key of the
 * answer goes into the query under its own name, and is `null` on the last page.
 *
 * @see vistoda-blink, blink_storage.rs
 */
function readMedia(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const manifest = findList(cloud, module, visit)
  if (typeof manifest === 'string') return refuse(manifest)
  const size = cloud.settings.mediaPageSize
  const from = Number(visit.request.query.get('pagination_key') ?? 0)
  const clips = manifest.clips.slice(from, size === undefined ? undefined : from + size)
  const isLast = from + clips.length >= manifest.clips.length
  return json(200, {
    manifest_id: Number(manifest.id),
    media: clips.map((clip) => ({
      id: clip.id,
      device_name: clip.cameraName,
      created_at: clip.createdAt,
      clip_length_ms: 2_000,
      media: `/request/${clip.id}`,
    })),
    page_size: size ?? null,
    pagination_key: isLast ? null : String(from + clips.length),
    moment_gap_time: null,
  })
}

/** The list that a request id stands for. */
function findList(cloud: Cloud, module: ModuleState, visit: Visit): Manifest | Refusal {
  const command = cloud.commands.find(visit.number('id'))
  if (!command?.manifest || command.moduleId !== module.spec.id || command.failed) return 'manifestInvalid'
  return cloud.commands.isDone(command) ? command.manifest : 'manifestInProcess'
}

function requestClip(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const clip = findClip(cloud, module, visit)
  if (typeof clip === 'string') return refuse(clip)
  const obstacle = obstacleOf(cloud, module)
  if (obstacle) return refuse(obstacle)
  const { networkId, id: syncModuleId } = module.spec
  const trouble = cloud.clipTroubles.pick({ clip, networkId, syncModuleId })
  if (trouble?.kind === 'vanished') module.stick.remove(clip.key)
  const { seconds = cloud.settings.clipSeconds, ...how } = uploadTime(trouble)
  const upload = { address: `${visit.number('m')}/${clip.id}`, clip, ...(trouble && { trouble }) }
  const failed = trouble?.kind === 'failed_upload' || !module.stick.has(clip.key)
  return accepted(cloud.commands.start(module, 'clip_upload', seconds, { ...how, upload, failed }))
}

interface UploadTime {
  readonly seconds?: number
  readonly busySeconds?: number
}

function uploadTime(trouble: ClipTrouble | undefined): UploadTime {
  if (trouble?.kind === 'slow_upload') return { seconds: trouble.seconds ?? 30 }
  if (trouble?.kind !== 'endless_upload') return {}
  return { seconds: Number.POSITIVE_INFINITY, busySeconds: trouble.seconds ?? 60 }
}

function readClip(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const clip = findClip(cloud, module, visit)
  if (typeof clip === 'string') return refuse(clip)
  const command = cloud.commands.findUpload(module.spec.id, `${visit.number('m')}/${clip.id}`)
  if (!command?.upload || !cloud.commands.isDone(command) || command.failed) return refuse('mediaNotFound')
  const { trouble } = command.upload
  if (trouble?.kind === 'media_not_found') return refuse('mediaNotFound')
  if (trouble?.kind === 'late_media') {
    const comesAt = command.readyAt + (trouble.seconds ?? 10) * 1000
    if (cloud.time.now() < comesAt) return refuse('clipNotUploaded')
  }
  return fileAnswer(module.stick.file(command.upload.clip), trouble)
}

function fileAnswer(file: Buffer, trouble: ClipTrouble | undefined): Answer {
  const video = { status: 200, headers: { 'Content-Type': 'video/mp4' }, body: file }
  switch (trouble?.kind) {
    case 'short_file':
      return { ...video, body: file.subarray(0, 20) }
    case 'html_file':
      return {
        ...video,
        headers: { 'Content-Type': 'text/html' },
        body: '<!DOCTYPE html>\n<title>Sorry</title>\n',
      }
    case 'cut_file':
      return { ...video, body: file.subarray(0, file.length / 2) }
    case 'broken_file':
      return { ...video, brokenAfter: Math.floor(file.length / 2) }
    case 'longer_file':
      return { ...video, body: Buffer.concat([file, Buffer.from('more')]) }
    case 'unsized_file':
      return { ...video, unsized: true }
    case 'no_movie':
      return { ...video, body: withoutMovie(file) }
    case 'slow_file':
      return { ...video, overMs: (trouble.seconds ?? 10) * 1000 }
    default:
      return video
  }
}

function findClip(cloud: Cloud, module: ModuleState, visit: Visit): StickClip | Refusal {
  const manifest = cloud.commands.findManifest(module.spec.id, String(visit.number('m')), module.restartedAt)
  if (!manifest) return 'manifestInvalid'
  return manifest.clips.find((clip) => clip.id === visit.number('c')) ?? 'clipInvalid'
}

/** @see vistoda-blink, blink_storage.rs for the fields; it disturbs the module as little as reading does. */
function showStatus(module: ModuleState): Answer {
  const storage = storageOf(module.spec)
  if (storage === 'absent') return refuse('noStorageStatus')
  const full = storage === 'memory_full'
  const used = module.spec.storageUsed ?? (full ? 100 : 31)
  return json(200, {
    enabled: module.spec.storageEnabled ?? isReadable(module.spec),
    usb_state: storage,
    usb_storage_used: used,
    usb_storage_full: full,
    storage_warning: used >= 90 ? 3 : 0,
    usb_format_compatible: storage !== 'format_required',
    sm_backup_enabled: false,
    sm_backup_in_progress: false,
    last_backup_completed: null,
    last_backup_result: null,
    network_id: module.spec.networkId,
    sync_module_id: module.spec.id,
  })
}

/** Why a module cannot take a storage command now, if so. */
function obstacleOf(cloud: Cloud, module: ModuleState): Refusal | undefined {
  if ((module.spec.status ?? 'online') === 'offline') return 'moduleOffline'
  if (!isReadable(module.spec)) return storageObstacle(storageOf(module.spec))
  return cloud.isBusy(module) ? 'busy' : undefined
}

function storageObstacle(storage: string): Refusal {
  switch (storage) {
    case 'incompatible':
      return 'firmwareIncompatible'
    case 'unavailable':
      return 'storageUnavailable'
    case 'format_required':
      return 'storageNotEnabled'
    case 'unmounted':
      return 'notInStorageMode'
    default:
      return 'noStorageStatus'
  }
}

function accepted(command: Command): Answer {
  return { ...json(200, { id: command.id, network_id: command.networkId }), commandId: command.id }
}
