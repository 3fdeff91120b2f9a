/**
 * What can go wrong with single clips, as values: decided when the upload of a clip is asked for, and kept to.
 *
 * A misbehaviour spoils one request; a trouble stays with an upload through its command, its waiting and its file.
 * Each that has struck is on record with its clip, so that a clip that never arrived can be matched with its cause.
 */
import type { StickClip } from './stick.ts'
import type { SimulatorTime } from './time.ts'

export interface ClipTroubleTarget {
  readonly networkId?: number
  readonly syncModuleId?: number
  readonly cameraName?: string
  /** How many uploads are hit before it is over; until calm when absent. */
  readonly count?: number
  /** From 0 to 1; 1 when absent. */
  readonly probability?: number
  /** For the kinds that take time. */
  readonly seconds?: number
}

/** Every kind and what it does, for the help page too. */
export const clipTroubles = {
  slow_upload: 'the upload takes so many seconds; 30 when not given',
  failed_upload: 'the command ends with status 1 and code 909, and there is no file',
  endless_upload: 'the command never ends, and the module is busy for so many seconds; 60 when not given',
  late_media: 'code 2111 for so many seconds after the upload; 10 when not given',
  media_not_found: 'code 700 although the upload has succeeded',
  vanished: 'the clip is no longer on the stick, and the upload fails',
  short_file: 'a file of 20 bytes',
  html_file: 'a page for people in place of the file',
  cut_file: 'the first half of the file, with the length of the half',
  broken_file: 'the length of the whole file, half of it, and then the connection ends',
  longer_file: 'a few bytes more than the last box',
  unsized_file: 'the whole file, without saying how long it is',
  no_movie: 'a file without its moov box',
  slow_file: 'the file takes so many seconds to come; 10 when not given',
} as const

export type ClipTroubleKind = keyof typeof clipTroubles

export type ClipTrouble = ClipTroubleTarget & { readonly kind: ClipTroubleKind }

export interface StruckClip {
  readonly kind: ClipTroubleKind
  /** The clip's name in the journal. */
  readonly key: string
  readonly syncModuleId: number
  readonly at: number
}

export interface Uploading {
  readonly clip: StickClip
  readonly networkId: number
  readonly syncModuleId: number
}

interface Running {
  readonly trouble: ClipTrouble
  left: number
}

export class ClipTroubles {
  readonly #time: SimulatorTime
  #running: Running[] = []
  readonly struck: StruckClip[] = []

  constructor(time: SimulatorTime) {
    this.#time = time
  }

  switchOn(trouble: ClipTrouble): void {
    this.#running.push({ trouble, left: trouble.count ?? Number.POSITIVE_INFINITY })
  }

  calm(): void {
    this.#running = []
  }

  get on(): readonly ClipTrouble[] {
    return this.#running.map(({ trouble }) => trouble)
  }

  /** The trouble that this upload has, which is then used up by one; undefined when it goes well. */
  pick(uploading: Uploading): ClipTrouble | undefined {
    const hit = this.#running.find(({ trouble }) => isMeant(trouble, uploading) && this.#strikes(trouble))
    if (!hit) return undefined
    hit.left -= 1
    if (hit.left <= 0) this.#running = this.#running.filter((running) => running !== hit)
    const { clip, syncModuleId } = uploading
    this.struck.push({ kind: hit.trouble.kind, key: clip.key, syncModuleId, at: this.#time.now() })
    return hit.trouble
  }

  #strikes({ probability }: ClipTrouble): boolean {
    return probability === undefined || this.#time.chance() < probability
  }
}

function isMeant(trouble: ClipTrouble, { clip, networkId, syncModuleId }: Uploading): boolean {
  if (trouble.networkId !== undefined && trouble.networkId !== networkId) return false
  if (trouble.syncModuleId !== undefined && trouble.syncModuleId !== syncModuleId) return false
  return trouble.cameraName === undefined || trouble.cameraName === clip.cameraName
}
