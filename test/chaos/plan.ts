/**
 * What will go wrong and when, decided before anything runs: the same seed and length give the same plan.
 *
 * Three tracks that know nothing of each other: the cloud's weather and its modules, the broker and the way to
 * it, and the daemon's ends. What they do to each other when they meet is what the run is for.
 */
import type { Fault } from '../../src/simulator/fault.ts'
import type { Rotation } from '../../src/simulator/tokens.ts'
import { type ClipStep, clipSteps } from '../support/step-trap.ts'
import { type Chance, chanceOf } from './chance.ts'
import { type Timed, track } from './track.ts'
import { badWeather } from './weather.ts'

export type CloudDeed =
  | { readonly kind: 'weather'; readonly faults: readonly Fault[] }
  | { readonly kind: 'calm' }
  | { readonly kind: 'occupy'; readonly module: number; readonly seconds: number }
  | { readonly kind: 'rename'; readonly module: number; readonly name: string }
  | { readonly kind: 'offline' | 'online' | 'vanish' | 'return'; readonly module: number }
  | { readonly kind: 'expire' | 'revoke'; readonly account: number }
  | { readonly kind: 'rotation'; readonly rotation: Rotation }

export type BrokerDeed =
  | { readonly kind: 'kill' | 'stop'; readonly downMs: number; readonly forget: boolean }
  | { readonly kind: 'cut' }
  | { readonly kind: 'stall'; readonly forMs: number }

/** When exactly a daemon is killed; the last two as the broker's acknowledgement of a work item passes by. */
export const killMoments = ['any', 'in-request', 'after-answer', 'before-puback', 'after-puback'] as const
/** With clips, also at each step of saving one. */
export type KillMoment = (typeof killMoments)[number] | ClipStep

/** How the next daemon is started. */
export interface Start {
  readonly everySeconds: number
  readonly perAccount: number
}

export interface DaemonDeed {
  readonly kind: 'kill' | 'term'
  readonly moment: KillMoment
  /** After the moment, in milliseconds; what happens in between differs from time to time. */
  readonly lateMs: number
  readonly downMs: number
  readonly next: Start
}

export interface Plan {
  readonly first: Start
  readonly cloud: readonly Timed<CloudDeed>[]
  readonly broker: readonly Timed<BrokerDeed>[]
  readonly daemon: readonly Timed<DaemonDeed>[]
}

export interface PlanFor {
  readonly seed: number
  readonly lengthMs: number
  readonly accounts: readonly number[]
  /** How many modules there are; deeds name them by their number. */
  readonly modules: number
  /** Whether clips are downloaded, and the daemon is killed on the way to them as well. */
  readonly clips?: boolean
}

const names = [
  'Hall',
  'Büro 🏡',
  '<b>Barn</b>',
  'a/+/#',
  '   ',
  'x'.repeat(300),
  '\u0007\u001b[31mred',
] as const

/** Pure: the plan of a seed. */
export function planOf({ seed, lengthMs, accounts, modules, clips = false }: PlanFor): Plan {
  const chance = chanceOf(seed)
  // In a short run everything comes sooner, so that it does come.
  const pace = Math.min(1, Math.max(0.3, lengthMs / 60_000))
  const module = () => chance.integer(0, modules - 1)
  const weather = track<CloudDeed>({ lengthMs, pace, chance }, [1_500, 6_000], () => {
    const forMs = chance.between(1_500, 9_000)
    return [
      [0, { kind: 'weather', faults: badWeather(chance, accounts) }],
      [forMs, { kind: 'calm' }],
    ]
  })
  const homes = track<CloudDeed>({ lengthMs, pace, chance }, [1_000, 7_000], () =>
    homeDeeds(chance, module()),
  )
  const logins = track<CloudDeed>({ lengthMs, pace, chance }, [6_000, 20_000], () => [
    [0, loginDeed(chance, chance.pick(accounts))],
  ])
  return {
    first: startOf(chance, clips),
    cloud: [...weather, ...homes, ...logins].toSorted((a, b) => a.atMs - b.atMs),
    broker: track<BrokerDeed>({ lengthMs, pace, chance }, [5_000, 28_000], () => [[0, brokerDeed(chance)]]),
    daemon: track<DaemonDeed>({ lengthMs, pace, chance }, [4_000, 26_000], () => [
      [0, daemonDeed(chance, clips)],
    ]),
  }
}

function homeDeeds(chance: Chance, module: number): readonly (readonly [number, CloudDeed])[] {
  const awayMs = chance.between(500, 9_000)
  switch (chance.integer(0, 3)) {
    case 0:
      return [[0, { kind: 'occupy', module, seconds: chance.integer(1, 6) }]]
    case 1:
      return [[0, { kind: 'rename', module, name: chance.pick(names) }]]
    case 2:
      return [
        [0, { kind: 'offline', module }],
        [awayMs, { kind: 'online', module }],
      ]
    default:
      return [
        [0, { kind: 'vanish', module }],
        [awayMs, { kind: 'return', module }],
      ]
  }
}

function loginDeed(chance: Chance, account: number): CloudDeed {
  const rotations: readonly Rotation[] = ['always', 'always', 'never', 'omit']
  if (chance.happens(0.15)) return { kind: 'rotation', rotation: chance.pick(rotations) }
  return { kind: chance.happens(0.1) ? 'revoke' : 'expire', account }
}

function brokerDeed(chance: Chance): BrokerDeed {
  const kind = chance.pick(['kill', 'kill', 'kill', 'stop', 'cut', 'stall'] as const)
  const downMs = Math.round(chance.happens(0.2) ? chance.between(5_000, 15_000) : chance.between(50, 4_000))
  const forget = chance.happens(0.35)
  if (kind === 'cut') return { kind }
  return kind === 'stall' ? { kind, forMs: downMs } : { kind, downMs, forget }
}

function daemonDeed(chance: Chance, clips: boolean): DaemonDeed {
  const moments = clips ? [...killMoments, ...clipSteps, ...clipSteps] : killMoments
  return {
    kind: chance.happens(0.25) ? 'term' : 'kill',
    moment: chance.pick(moments),
    lateMs: Math.round(chance.between(0, 12) * 10) / 10,
    downMs: Math.round(chance.between(0, 3_000)),
    next: startOf(chance, clips),
  }
}

/** A run for each 2 s leaves no time for clips: its manifest is there when the next one begins. */
function startOf(chance: Chance, clips: boolean): Start {
  const intervals = clips ? [4, 4, 5, 6, 10] : [2, 2, 3, 5, 10]
  return { everySeconds: chance.pick(intervals), perAccount: chance.pick([1, 1, 2]) }
}
