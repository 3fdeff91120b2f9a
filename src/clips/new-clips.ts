/**
 * Which clips of a manifest are new: the difference between the manifest and what the ledger knows of the module.
 *
 * No cursor, and no clip's number: modules number their clips anew after a restart. Clips are compared as counts for
 * each time and size, so that two cameras in one second are two clips and a renamed camera is not a new stick; the
 * name decides only which of several is meant.
 */
import type { ClipName, KnownClip, ListedClip } from '../domain/clip.ts'
import { strippedName } from './cameras.ts'

export interface Comparison {
  readonly listed: readonly ListedClip[]
  /** Of this module, in whatever state. */
  readonly known: readonly KnownClip[]
  /** No manifest of this module has been compared before. */
  readonly firstSight: boolean
  readonly now: number
  /** At first sight older clips are not downloaded: 0 downloads none, -1 all. */
  readonly backfillDays: number
  readonly maxPerRun: number
  readonly choice?: ClipChoice | undefined
  /** Whether a camera has this name now; absent where that is not known. */
  readonly isCamera?: ((cameraName: string) => boolean) | undefined
}

/** What a person wants to have, in place of all that is new. What is not chosen stays as it was. */
export interface ClipChoice {
  /** Recorded then or later, also what was too old at first sight; `undefined` leaves that to `backfillDays`. */
  readonly since: number | undefined
  /** The name of the camera, as its owner or as the manifest has it. */
  readonly camera: string | undefined
  /** However old, and also what has failed and is left alone for a while. */
  readonly all: boolean
}

/** A clip to download; `known` where it has failed before, or was too old when it was seen first. */
export interface WantedClip {
  readonly clip: ListedClip
  readonly known?: KnownClip
}

export interface NewClips {
  /** Newest first. */
  readonly wanted: readonly WantedClip[]
  /** To be downloaded too, but not now. */
  readonly waiting: number
  /** Too old at first sight: to be put into the ledger as `listed`. */
  readonly tooOld: readonly ListedClip[]
  /** Those that the ledger does not know, however old. */
  readonly unknown: readonly ListedClip[]
  /** Known under another camera's name: the ledger must take this one, by which equal clips are told apart. */
  readonly renamed: readonly { readonly known: KnownClip; readonly cameraName: string }[]
  /** Known, and not on the stick any more. */
  readonly gone: readonly KnownClip[]
}

const dayMs = 24 * 60 * 60 * 1000

export function newClips(comparison: Comparison): NewClips {
  const { known, firstSight, now, backfillDays, maxPerRun, choice } = comparison
  const { pairs, unknown, gone } = match(eachOnce(comparison.listed), known, comparison.isCamera)
  const isTooOld = ({ createdAt }: ListedClip) => {
    if (!firstSight || backfillDays < 0) return false
    return backfillDays === 0 || createdAt < now - backfillDays * dayMs
  }
  const [tooOld, untried] = [unknown.filter(isTooOld), unknown.filter((clip) => !isTooOld(clip))]
  const dueAgain = pairs.filter((pair) => pair.known.state === 'failed' && pair.known.retryAt <= now)
  const due: readonly WantedClip[] = [...untried.map((clip) => ({ clip })), ...dueAgain]
  const chosen = choice ? chosenOf({ due, tooOld, pairs }, choice) : due
  const wanted = chosen.toSorted((a, b) => b.clip.createdAt - a.clip.createdAt).slice(0, maxPerRun)
  const all = new Set([...due, ...chosen].map(({ clip }) => clip))
  return {
    wanted,
    waiting: all.size - wanted.length,
    tooOld,
    unknown,
    renamed: pairs.flatMap((pair) => renaming(pair) ?? []),
    gone,
  }
}

interface Choosable {
  readonly due: readonly WantedClip[]
  readonly tooOld: readonly ListedClip[]
  readonly pairs: readonly Pair[]
}

function chosenOf({ due, tooOld, pairs }: Choosable, choice: ClipChoice): readonly WantedClip[] {
  const { since = Number.NEGATIVE_INFINITY, camera, all } = choice
  const withOld = all || choice.since !== undefined
  const isPassedOver = ({ known }: Pair) =>
    (withOld && known.state === 'listed') || (all && known.state === 'failed')
  const old = withOld ? tooOld.map((clip) => ({ clip })) : []
  const again = pairs.filter((pair) => isPassedOver(pair) && !due.includes(pair))
  return [...due, ...old, ...again].filter(
    ({ clip }) => clip.createdAt >= since && (camera === undefined || isNamed(clip, camera)),
  )
}

function isNamed({ cameraName }: ListedClip, camera: string): boolean {
  return strippedName(cameraName).toLowerCase() === strippedName(camera).toLowerCase()
}

interface Pair {
  readonly clip: ListedClip
  readonly known: KnownClip
}

/** A list that comes in pages may repeat itself; within one manifest the number is the clip. */
function eachOnce(listed: readonly ListedClip[]): readonly ListedClip[] {
  return [...new Map(listed.map((clip) => [clip.clipId, clip])).values()]
}

type Likeness = (a: ClipName, b: ClipName) => boolean

const sameSize: Likeness = (a, b) => a.listedSize === b.listedSize
const sizeOpen: Likeness = (a, b) => a.listedSize === undefined || b.listedSize === undefined
const sameCamera: Likeness = (a, b) => strippedName(a.cameraName) === strippedName(b.cameraName)

/**
 * From the surest to the least sure. One of the two shapes of a manifest has no sizes.
 *
 * A known clip may have the name that its camera had before; a name that a camera has now is that camera's.
 */
function likenesses(isCamera: (cameraName: string) => boolean): readonly Likeness[] {
  const mayBeRenamed: Likeness = (listed, { cameraName }) => listed.cameraName === '' || !isCamera(cameraName)
  return [
    (a, b) => sameSize(a, b) && sameCamera(a, b),
    (a, b) => sameSize(a, b) && mayBeRenamed(a, b),
    (a, b) => sizeOpen(a, b) && sameCamera(a, b),
    (a, b) => sizeOpen(a, b) && mayBeRenamed(a, b),
  ]
}

/** Pairs each listed clip with a known one of the same time, as long as there are any. */
function match(
  listed: readonly ListedClip[],
  known: readonly KnownClip[],
  isCamera: Comparison['isCamera'] = () => false,
) {
  const listedAt = Map.groupBy(listed, ({ createdAt }) => createdAt)
  const knownAt = Map.groupBy(known, ({ createdAt }) => createdAt)
  const pairs: Pair[] = []
  const unknown: ListedClip[] = []
  const gone: KnownClip[] = known.filter(({ createdAt }) => !listedAt.has(createdAt))
  for (const [createdAt, clips] of listedAt) {
    const left = [...(knownAt.get(createdAt) ?? [])]
    let open: readonly ListedClip[] = clips
    for (const isLike of likenesses(isCamera)) {
      open = open.filter((clip) => {
        const place = left.findIndex((one) => isLike(clip, one))
        const [found] = place < 0 ? [] : left.splice(place, 1)
        if (found) pairs.push({ clip, known: found })
        return found === undefined
      })
    }
    unknown.push(...open)
    gone.push(...left)
  }
  return { pairs, unknown, gone }
}

function renaming({ clip, known }: Pair): NewClips['renamed'][number] | undefined {
  // A shape without names renames nobody.
  if (clip.cameraName === '' || sameCamera(clip, known)) return undefined
  return { known, cameraName: clip.cameraName }
}
