/**
 * The drive in a sync module: the clips on it, their numbers, and a record of all that were ever there.
 *
 * A clip's number is an address and no name: after a restart of the module every clip has another one, and some have
 * one that belonged to another clip before. `key` is the simulator's own name for a clip and never leaves it but in
 * the journal.
 */
import { createHash } from 'node:crypto'
import type { ClipSpec } from './account-spec.ts'
import { clipFile } from './mp4.ts'

export interface StickClip extends ClipSpec {
  readonly key: string
  /** Before this it is in no manifest, in milliseconds since 1970. */
  readonly appearsAt: number
}

/** A clip as the journal has it, for who checks what became of it. */
export interface ClipRecord {
  readonly key: string
  readonly cameraName: string
  readonly createdAt: string
  /** KiB. */
  readonly size: number
  readonly appearsAt: number
  readonly bytes: number
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string
  readonly onStick: boolean
}

const FIRST_NEW_ID = 1_200_000_007
const ID_STEP = 104_729

export class Stick {
  readonly #moduleId: number
  #clips: readonly StickClip[] = []
  readonly #ever: StickClip[] = []
  readonly #files = new Map<string, Pick<ClipRecord, 'bytes' | 'sha256'>>()
  #newIds = 0

  constructor(moduleId: number, clips: readonly ClipSpec[]) {
    this.#moduleId = moduleId
    // The list is newest first, and so that each keeps its key the oldest is put there first.
    for (const clip of clips.toReversed()) this.add(clip, 0)
  }

  add(spec: ClipSpec, appearsAt: number): StickClip {
    const clip = { ...spec, key: `${this.#moduleId}-${this.#ever.length + 1}`, appearsAt }
    this.#ever.push(clip)
    this.#clips = [clip, ...this.#clips]
    return clip
  }

  /** What a manifest lists, newest first. */
  list(now: number): readonly StickClip[] {
    return this.#clips.filter(({ appearsAt }) => appearsAt <= now)
  }

  has(key: string): boolean {
    return this.#clips.some((clip) => clip.key === key)
  }

  remove(key: string): void {
    this.#clips = this.#clips.filter((clip) => clip.key !== key)
  }

  /** A number that no clip has had. */
  newId(): number {
    this.#newIds += 1
    return FIRST_NEW_ID + this.#newIds * ID_STEP
  }

  /** Each clip takes the number of the one before it: the worst that can happen to who keeps numbers. */
  renumber(): void {
    const ids = [this.newId(), ...this.#clips.map(({ id }) => id)]
    this.#clips = this.#clips.map((clip, place) => ({ ...clip, id: ids[place] ?? clip.id }))
  }

  file(clip: StickClip): Buffer {
    return clipFile(clip.size * 1024, `${clip.key} ${clip.cameraName} ${clip.createdAt}`)
  }

  /** Every clip that was ever on the stick, oldest first. */
  journal(): readonly ClipRecord[] {
    return this.#ever.map((clip) => this.record(clip))
  }

  record(clip: StickClip): ClipRecord {
    const { key, cameraName, createdAt, size, appearsAt } = clip
    const about = this.#files.get(key) ?? describe(this.file(clip))
    this.#files.set(key, about)
    return { key, cameraName, createdAt, size, appearsAt, ...about, onStick: this.has(key) }
  }
}

function describe(file: Buffer): Pick<ClipRecord, 'bytes' | 'sha256'> {
  return { bytes: file.length, sha256: createHash('sha256').update(file).digest('hex') }
}

export interface ManyClips {
  readonly count: number
  readonly cameraNames: readonly string[]
  /** Of the newest clip, in milliseconds since 1970. */
  readonly newestAt: number
  readonly everyMinutes: number
}

/** A stick that somebody has had for a while: so many clips, newest first, the cameras in turn. */
export function manyClips({ count, cameraNames, newestAt, everyMinutes }: ManyClips): readonly ClipSpec[] {
  return Array.from({ length: count }, (_, place) => ({
    id: 1_000_000_000 + (count - place) * 7_919,
    cameraName: cameraNames[place % cameraNames.length] ?? 'Camera',
    size: 100 + ((place * 37) % 200),
    createdAt: `${new Date(newestAt - place * everyMinutes * 60_000).toISOString().slice(0, 19)}+00:00`,
  }))
}
