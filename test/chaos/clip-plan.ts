/**
 * What will go wrong with clips and when: motion at cameras, sticks that change, uploads and files that fail, and the
 * disk that clips are saved to. Tracks of their own, so that the same seed gives the same plan without clips.
 */
import type { ClipTrouble, ClipTroubleKind } from '../../src/simulator/clip-trouble.ts'
import type { Fault, Misbehaviour } from '../../src/simulator/fault.ts'
import { type Chance, chanceOf } from './chance.ts'
import { type Timed, track } from './track.ts'

export type ClipDeed =
  | {
      readonly kind: 'motion'
      readonly module: number
      readonly camera: 0 | 1
      readonly size: number
      readonly delaySeconds: number
    }
  /** For whichever clip is uploaded next. */
  | { readonly kind: 'trouble'; readonly trouble: ClipTrouble }
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** The module restarts, and all its clips have other numbers. */
  | { readonly kind: 'renumber'; readonly module: number }
  /** Somebody deletes the newest clip in the app. */
  | { readonly kind: 'delete'; readonly module: number }

export type DiskDeed = { readonly kind: 'fill' | 'away'; readonly forMs: number }

export interface ClipPlan {
  readonly stick: readonly Timed<ClipDeed>[]
  readonly disk: readonly Timed<DiskDeed>[]
}

const troubles: Readonly<Record<ClipTroubleKind, (chance: Chance) => Pick<ClipTrouble, 'seconds'>>> = {
  slow_upload: (chance) => ({ seconds: chance.integer(3, 8) }),
  failed_upload: () => ({}),
  endless_upload: (chance) => ({ seconds: chance.integer(2, 6) }),
  late_media: (chance) => ({ seconds: chance.integer(2, 12) }),
  media_not_found: () => ({}),
  vanished: () => ({}),
  short_file: () => ({}),
  html_file: () => ({}),
  cut_file: () => ({}),
  broken_file: () => ({}),
  longer_file: () => ({}),
  unsized_file: () => ({}),
  no_movie: () => ({}),
  slow_file: (chance) => ({ seconds: chance.integer(2, 6) }),
}
const troubleKinds = Object.keys(troubles) as ClipTroubleKind[]

/** On the calls between a request ID and a clip. */
const paths = [/manifest\/request\/\d/, /clip\/request\/\d/, /clip\/request\/\d/, /\/command\/\d/]
const misbehaviours: readonly Misbehaviour[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, text: 'upstream connect error' },
  { kind: 'html', status: 200 },
  { kind: 'wrong_type', body: { id: -1 } },
  { kind: 'truncated' },
  { kind: 'reset_before' },
  { kind: 'reset_after' },
  { kind: 'hang' },
  { kind: 'slow', delayMs: 1_500 },
  { kind: 'redirect_loop' },
  { kind: 'garbage_http' },
]

export interface ClipPlanFor {
  readonly seed: number
  readonly lengthMs: number
  readonly modules: number
}

/** Pure: the plan of a seed. */
export function clipPlanOf({ seed, lengthMs, modules }: ClipPlanFor): ClipPlan {
  const chance = chanceOf(seed + 2)
  const pace = Math.min(1, Math.max(0.3, lengthMs / 60_000))
  const times = { lengthMs, pace, chance }
  const module = () => chance.integer(0, modules - 1)
  const motions = track<ClipDeed>(times, [200, 2_200], () => {
    const at = { kind: 'motion', module: module(), delaySeconds: chance.pick([0, 0, 1, 3]) } as const
    // Sometimes at both cameras of a module in the same second, with files of the same size.
    const both = chance.happens(0.2)
    const camera = chance.pick([0, 1] as const)
    const size = chance.integer(64, 256)
    return (both ? ([0, 1] as const) : [camera]).map((each) => [0, { ...at, camera: each, size }])
  })
  const uploads = track<ClipDeed>(times, [1_000, 6_000], () => {
    const kind = chance.pick(troubleKinds)
    const trouble = { kind, count: chance.integer(1, 2), ...troubles[kind](chance) }
    return [[0, { kind: 'trouble', trouble }]]
  })
  const faults = track<ClipDeed>(times, [2_000, 8_000], () => {
    const fault = { ...chance.pick(misbehaviours), path: chance.pick(paths), count: chance.integer(1, 3) }
    return [[0, { kind: 'fault', fault }]]
  })
  const changes = track<ClipDeed>(times, [6_000, 20_000], () => [
    [0, { kind: chance.happens(0.7) ? 'renumber' : 'delete', module: module() }],
  ])
  return {
    stick: [...motions, ...uploads, ...faults, ...changes].toSorted((a, b) => a.atMs - b.atMs),
    disk: track<DiskDeed>(times, [12_000, 45_000], () => [
      [0, { kind: chance.pick(['fill', 'away'] as const), forMs: Math.round(chance.between(1_500, 9_000)) }],
    ]),
  }
}
