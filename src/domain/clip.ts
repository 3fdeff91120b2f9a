/**
 * The nouns of clips: what a manifest lists, and what the ledger keeps of each clip.
 *
 * A clip has no id of its own. The number in a manifest is an address inside that manifest: modules number their
 * clips anew after a restart. A clip is named by its sync module, its time in milliseconds and its size, with the
 * camera's name as tie-breaker.
 */
import type { BlinkId, DurableEvent, ModuleKey } from './model.ts'

/** A clip as one manifest lists it. */
export interface ListedClip {
  /** Its address inside the manifest that listed it, and nowhere else. */
  readonly clipId: BlinkId
  readonly createdAt: number
  /** As the manifest has it: KiB in practice. `undefined` where the answer does not say. */
  readonly listedSize: number | undefined
  /** Without everything that is no letter, digit or `_` where it comes from a manifest; may be empty. */
  readonly cameraName: string
}

/** A clip's place in one manifest, and in no other. */
export interface ClipAddress {
  readonly manifestId: BlinkId
  readonly clipId: BlinkId
}

/** The list of the clips on a stick. Its id is not the id of the request. */
export interface Manifest {
  readonly manifestId: BlinkId
  readonly clips: readonly ListedClip[]
  /** Entries without a usable id or time. */
  readonly unreadable: number
  /** Where the list goes on, for the answer that comes in pages. */
  readonly nextPage?: string
}

/** A camera as the home screen lists it, of whatever kind. */
export interface HomeCamera {
  readonly cameraId: BlinkId
  readonly networkId: BlinkId
  /** The owner's text, with everything that the manifest strips. */
  readonly name: string
}

/** How far a command of a sync module is. */
export type CommandState = 'running' | 'done' | 'failed'

/** What the cloud says of the drive in a sync module. */
export interface StorageReading {
  readonly state: string
  /** 0 to 100. */
  readonly usedPercent: number | undefined
  readonly full: boolean
  /** Blink's own number; from 3 on the drive is nearly full. */
  readonly warning: number | undefined
}

/** The last reading of a drive, kept over restarts. */
export interface KeptReading extends Pick<StorageReading, 'usedPercent' | 'full' | 'warning'> {
  readonly readAt: number
}

/** What names a clip within its sync module. */
export interface ClipName {
  readonly createdAt: number
  readonly listedSize: number | undefined
  readonly cameraName: string
}

/**
 * What the ledger holds of a clip, from its first sight until it has left the stick and its file is gone.
 *
 * - `listed`: on the stick at first sight and older than the backfill; not downloaded.
 * - `ready`: whole on disk under its temporary name; `file` says what becomes of it.
 * - `saved`: under its final name; its event is in the outbox or delivered.
 * - `removed`: saved once, then removed by retention; not downloaded again.
 * - `failed`: left alone until `retryAt`.
 */
export type KnownClip = ClipName &
  (
    | { readonly state: 'listed' | 'removed' }
    | { readonly state: 'ready' | 'saved'; readonly file: ClipFile }
    | { readonly state: 'failed'; readonly retryAt: number; readonly reason: string }
  )

/** A clip's file and what its event says. All of it is settled in the commit that makes the clip `ready`. */
export interface ClipFile {
  /** Relative to the directory of clips, with `/` between its parts. */
  readonly path: string
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
  /** The same in every copy of the event. */
  readonly eventId: string
  /** The camera's part of a topic: its id, or `unknown/` and a hash. */
  readonly camera: string
  readonly requestId: BlinkId
  readonly downloadedAt: number
  /** Who has downloaded it, where several instances do. */
  readonly instance?: string | undefined
}

/** A clip in the ledger. `row` names it there. */
export type LedgerClip = KnownClip & { readonly row: number }

/** A clip that has a file, or soon will. */
export type ClipWithFile = Extract<KnownClip, { readonly file: ClipFile }>

/** The same in the ledger. */
export type LedgerFile = ClipWithFile & {
  readonly row: number
  readonly module: ModuleKey
}

/** What is kept of the clips of a sync module as a whole. */
export interface ClipModule {
  /** The last request ID that was followed to its end, good or bad. */
  readonly requestId: BlinkId
  /** Whether a manifest has been compared; else the next one is the first sight of the stick. */
  readonly compared: boolean
  readonly counts: ClipCounts
}

/** How a manifest changes what is known of a module's clips. */
export interface ClipChange {
  readonly module: ClipModule
  /** Clips to be known from now on. */
  readonly added: readonly KnownClip[]
  readonly renamed: readonly LedgerClip[]
  /** Rows of clips that are on the stick, and of those that are not. */
  readonly seen: readonly number[]
  readonly gone: readonly number[]
  readonly at: number
  readonly event: DurableEvent
}

/** What is on a stick, as the last manifest had it, and what has become of it. */
export interface ClipCounts {
  readonly count: number
  /** To be downloaded. */
  readonly waiting: number
  readonly newestAt: number | undefined
  readonly oldestAt: number | undefined
  readonly lastError: string | undefined
}

/** What has become of a module's clips so far. */
export interface ClipTotals {
  /** Clips with a file. */
  readonly downloaded: number
  readonly failed: number
  /** Of all files. */
  readonly bytes: number
}

/** What did not go well on the way to a clip. */
export type ClipTrouble =
  | { readonly kind: 'manifest_failed'; readonly requestId: BlinkId; readonly reason: string }
  | {
      readonly kind: 'clip_failed'
      readonly requestId: BlinkId
      readonly clip: ClipName
      readonly reason: string
      readonly retryAt: number
    }

/** The manifest of a request ID is here. */
export interface ManifestReady extends ModuleKey {
  readonly eventId: string
  readonly requestId: BlinkId
  readonly manifestId: BlinkId
  readonly readyAt: number
  readonly clipCount: number
  readonly newCount: number
  /** From the accepted request to the manifest. */
  readonly latencyMs: number
  /** The newest first, not all. */
  readonly clips: readonly ClipName[]
}

/** A clip is on disk, whole and under its final name. */
export interface ClipNew extends ModuleKey {
  readonly eventId: string
  readonly cameraName: string
  /** The camera's part of a topic. */
  readonly camera: string
  readonly createdAt: number
  readonly bytes: number
  readonly path: string
  readonly sha256: string
  readonly requestId: BlinkId
  readonly downloadedAt: number
  readonly instance?: string | undefined
}

/** What is published of a clip that has a file. */
export function clipNewOf(
  { accountId, networkId, syncModuleId }: ModuleKey,
  { file, cameraName, createdAt }: ClipWithFile,
): ClipNew {
  return { accountId, networkId, syncModuleId, ...file, cameraName, createdAt }
}

/** A camera of which a clip was saved: what its topics and its device in Home Assistant are made of. */
export interface ClipCamera extends ModuleKey {
  /** The camera's part of a topic. */
  readonly camera: string
  readonly cameraName: string
  /** True once clips under this name have another path: what was published below this one is to be cleared. */
  readonly moved: boolean
  /** The one that was recorded last of those that were saved. */
  readonly last?: ClipNew | undefined
}

/** What names a camera in topics. */
export type CameraKey = Pick<ClipCamera, 'accountId' | 'networkId' | 'camera'>

/** The text that names a camera in maps; no module's key is like it. */
export function cameraKeyOf({ accountId, networkId, camera }: CameraKey): string {
  return `camera/${accountId}/${networkId}/${camera}`
}

/** Equal for two paths that are one file on some file system: FAT and NTFS do not tell capitals. */
export function comparable(path: string): string {
  return path.normalize('NFC').toUpperCase().toLowerCase()
}

/** What a clip's file name may be made of. */
const fieldNames: readonly string[] = ['account', 'network', 'sync_module', 'camera', 'date', 'time', 'size']

/** What is wrong with a template, as sentences; none when it can be used. */
export function templateProblems(template: string): readonly string[] {
  const unknown = [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name)
  const literal = template.replaceAll(/\{[^{}]*\}/g, '')
  const parts = template.split('/')
  return [
    ...unknown
      .filter((name) => !fieldNames.includes(name))
      .map((name) => `{${name}} is not known; known are ${fieldNames.map((each) => `{${each}}`).join(', ')}`),
    ...(/[{}]/.test(literal) ? ['a brace has no partner'] : []),
    ...(/[\\:*?"<>|\p{Cc}]/u.test(literal) ? ['\\ : * ? " < > | cannot be part of a name everywhere'] : []),
    ...(parts.some((part) => part.trim() === '' || /^\.+$/.test(part))
      ? ['each part between slashes must be a name; it begins and ends without a slash']
      : []),
    ...(template.endsWith('.mp4') ? [] : ['it must end with .mp4']),
  ]
}
