/**
 * The nouns of clips: what a manifest lists, and what the ledger keeps of each clip.
 *
 * A clip has no id of its own. The number in a manifest is an address inside that manifest: modules number their
 * clips anew after a restart. A clip is named by its sync module, its time in milliseconds and its size, with the
 * camera's name as tie-breaker.
 */
import type { BlinkId } from './model.ts'

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
}
