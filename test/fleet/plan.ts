/**
 * What will go wrong in a fleet and when, decided before anything runs: the same seed, length and size give the same plan.
 *
 * Four tracks that know nothing of each other: the instances, their wires, PostgreSQL, and the cloud. One instance at
 * a time is in trouble by the first track, so that somebody is there to take over; the others add to it.
 */
import { type Chance, chanceOf } from '../chaos/chance.ts'
import { type Timed, track } from '../chaos/track.ts'

/** When exactly an instance is killed: at once, while a request for a manifest is out, or after a renewed token came. */
export const killMoments = ['any', 'in-request', 'after-renewal'] as const
export type KillMoment = (typeof killMoments)[number]

export interface Start {
  /** How wrong the clock of the instance is, in milliseconds. */
  readonly skewMs: number
}

export type InstanceDeed =
  | { readonly kind: 'kill'; readonly moment: KillMoment; readonly downMs: number; readonly next: Start }
  | { readonly kind: 'stop'; readonly downMs: number; readonly next: Start }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: 'freeze'; readonly forMs: number }

export interface WireDeed {
  readonly to: 'store' | 'broker'
  readonly kind: 'cut' | 'stall'
  readonly forMs: number
}

export type StoreDeed = { readonly kind: 'restart' } | { readonly kind: 'away'; readonly forMs: number }

export type CloudDeed =
  | { readonly kind: 'throttle'; readonly account: number; readonly seconds: number }
  | { readonly kind: 'expire'; readonly account: number }
  /** So many answers to requests for a manifest are lost after the request was done. */
  | { readonly kind: 'lose-answers'; readonly count: number }

type OfInstance<Deed> = Deed & { readonly instance: number }

export interface Plan {
  readonly starts: readonly Start[]
  readonly instances: readonly Timed<OfInstance<InstanceDeed>>[]
  readonly wires: readonly Timed<OfInstance<WireDeed>>[]
  readonly store: readonly Timed<StoreDeed>[]
  readonly cloud: readonly Timed<CloudDeed>[]
}

export interface PlanFor {
  readonly seed: number
  readonly lengthMs: number
  readonly instances: number
  readonly accounts: readonly number[]
  readonly everySeconds: number
}

/**
 * How wrong clocks are, as shares of the time between two runs: an instance whose clock is ahead begins a run before
 * all others. By more than that it would leave runs out, since those it has begun wait for their time.
 */
const skews = [0, 0, 0.4, -0.4, -3]

export function planOf({ seed, lengthMs, instances, accounts, everySeconds }: PlanFor): Plan {
  const chance = chanceOf(seed)
  // In a short run everything comes sooner and takes less long, so that it does come.
  const pace = Math.min(1, Math.max(0.25, lengthMs / 300_000))
  const some = { lengthMs, pace, chance }
  const start = () => ({ skewMs: Math.round(chance.pick(skews) * everySeconds * 1000) })
  const instance = () => chance.integer(0, instances - 1)
  return {
    starts: Array.from({ length: instances }, start),
    instances: track<OfInstance<InstanceDeed>>(some, [10_000, 40_000], () => [
      [0, { instance: instance(), ...instanceDeed(chance, { pace, start }) }],
    ]),
    wires: track<OfInstance<WireDeed>>(some, [30_000, 90_000], () => [
      [0, { instance: instance(), ...wireDeed(chance, pace) }],
    ]),
    store: track<StoreDeed>(some, [50_000, 150_000], () => [[0, storeDeed(chance, pace)]]),
    cloud: track<CloudDeed>(some, [3_000, 12_000], () => [[0, cloudDeed(chance, accounts)]]),
  }
}

function instanceDeed(
  chance: Chance,
  { pace, start }: { readonly pace: number; readonly start: () => Start },
): InstanceDeed {
  const kind = chance.pick(['kill', 'kill', 'kill', 'stop', 'freeze', 'freeze'] as const)
  const downMs = Math.round(chance.between(0, 20_000) * pace)
  switch (kind) {
    case 'kill':
      return { kind, moment: chance.pick(killMoments), downMs, next: start() }
    case 'stop':
      return { kind, downMs, next: start() }
    case 'freeze':
      return { kind, forMs: Math.round(chance.between(25_000, 60_000)) }
  }
}

function wireDeed(chance: Chance, pace: number): WireDeed {
  const to = chance.pick(['store', 'broker'] as const)
  // Longer than a lease lasts, at times, and than an instance keeps accounts without a broker.
  const forMs = Math.round(
    chance.happens(0.4) ? chance.between(40_000, 80_000) * pace : chance.between(200, 15_000),
  )
  return { to, kind: chance.pick(['cut', 'stall'] as const), forMs }
}

function storeDeed(chance: Chance, pace: number): StoreDeed {
  if (chance.happens(0.6)) return { kind: 'restart' }
  return { kind: 'away', forMs: Math.round(chance.between(5_000, 60_000) * pace) }
}

function cloudDeed(chance: Chance, accounts: readonly number[]): CloudDeed {
  const kind = chance.pick(['throttle', 'expire', 'expire', 'lose-answers'] as const)
  if (kind === 'lose-answers') return { kind, count: chance.integer(1, 4) }
  const account = chance.pick(accounts)
  return kind === 'expire' ? { kind, account } : { kind, account, seconds: chance.integer(15, 60) }
}
