/**
 * The cycle that all is about: ask for a manifest, wait, read it, ask for a clip, wait, fetch it.
 *
 * The module does one thing at a time: whoever asks for a second one meanwhile hears that it is busy,
 * whether it is the same account's phone or the same client. Reading what is finished disturbs nobody.
 */
import { type ClipSpec, isReadable, storageOf } from './account-spec.ts'
import { type Answer, json } from './answer.ts'
import type { Cloud, ModuleState } from './cloud.ts'
import type { Command } from './commands.ts'
import { clipFile } from './mp4.ts'
import { type Refusal, refuse } from './refusals.ts'
import type { Route, Visit } from './router.ts'

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
  const manifest = cloud.commands.newManifest(module.clips)
  return accepted(cloud.commands.start(module, 'manifest', cloud.settings.manifestSeconds, { manifest }))
}

function readManifest(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const command = cloud.commands.find(visit.number('id'))
  if (!command?.manifest || command.moduleId !== module.spec.id) return refuse('manifestInvalid')
  if (!cloud.commands.isDone(command)) return refuse('manifestInProcess')
  return json(200, {
    version: '1.0',
    manifest_id: command.manifest.id,
    clips: command.manifest.clips.map((clip) => ({
      id: String(clip.id),
      size: String(clip.size),
      camera_name: clip.cameraName.replaceAll(/\W/g, ''),
      created_at: clip.createdAt,
    })),
  })
}

/** What newer apps read in place of the manifest. @see vistoda-blink, blink_storage.rs */
function readMedia(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const command = cloud.commands.find(visit.number('id'))
  if (!command?.manifest || command.moduleId !== module.spec.id) return refuse('manifestInvalid')
  if (!cloud.commands.isDone(command)) return refuse('manifestInProcess')
  return json(200, {
    manifest_id: Number(command.manifest.id),
    media: command.manifest.clips.map((clip) => ({
      id: clip.id,
      device_name: clip.cameraName,
      created_at: clip.createdAt,
      clip_length_ms: 5_000,
      media: `/request/${clip.id}`,
    })),
    page_size: null,
    pagination_key: null,
    moment_gap_time: null,
  })
}

function requestClip(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const clip = findClip(cloud, module, visit)
  if (typeof clip === 'string') return refuse(clip)
  const obstacle = obstacleOf(cloud, module)
  if (obstacle) return refuse(obstacle)
  const upload = `${visit.number('m')}/${clip.id}`
  return accepted(cloud.commands.start(module, 'clip_upload', cloud.settings.clipSeconds, { upload }))
}

function readClip(cloud: Cloud, module: ModuleState, visit: Visit): Answer {
  const clip = findClip(cloud, module, visit)
  if (typeof clip === 'string') return refuse(clip)
  const upload = cloud.commands.findUpload(module.spec.id, `${visit.number('m')}/${clip.id}`)
  if (!upload || !cloud.commands.isDone(upload)) return refuse('mediaNotFound')
  return { status: 200, headers: { 'Content-Type': 'video/mp4' }, body: clipFile(clip.size * 1024) }
}

function findClip(cloud: Cloud, module: ModuleState, visit: Visit): ClipSpec | Refusal {
  const manifest = cloud.commands.findManifest(module.spec.id, String(visit.number('m')))
  if (!manifest) return 'manifestInvalid'
  return manifest.clips.find((clip) => clip.id === visit.number('c')) ?? 'clipInvalid'
}

/** @see vistoda-blink, blink_storage.rs for the fields; it disturbs the module as little as reading does. */
function showStatus(module: ModuleState): Answer {
  const storage = storageOf(module.spec)
  if (storage === 'absent') return refuse('noStorageStatus')
  const full = storage === 'memory_full'
  return json(200, {
    enabled: module.spec.storageEnabled ?? isReadable(module.spec),
    usb_state: storage,
    usb_storage_used: full ? 100 : 31,
    usb_storage_full: full,
    storage_warning: full ? 3 : 0,
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
  return json(200, { id: command.id, network_id: command.networkId })
}
