/**
 * How long it took until things went on: after the broker's return, the cloud's calm, the daemon's start. Pure.
 *
 * Only recoveries that nothing else disturbed are measured: one that is cut short says nothing.
 */
import type { Call } from '../../src/simulator/server.ts'
import type { Life } from './lives.ts'
import { failed } from './politeness.ts'
import type { Publish } from './wiretap.ts'

export interface Moments {
  readonly brokerUp: readonly number[]
  /** Ends of the broker, cuts and stalls of the wire. */
  readonly brokerTrouble: readonly number[]
  readonly calm: readonly number[]
  readonly weather: readonly number[]
  readonly lives: readonly Life[]
  readonly items: readonly Publish[]
  readonly births: readonly Publish[]
  readonly calls: readonly Call[]
}

export interface Times {
  readonly count: number
  /** Disturbed before it was over. */
  readonly cutShort: number
  readonly medianMs: number | undefined
  readonly maxMs: number | undefined
}

export interface Recoveries {
  readonly brokerToDelivery: Times
  readonly calmToId: Times
  readonly startToOnline: Times
}

export function recoveries(moments: Moments): Recoveries {
  const { brokerUp, brokerTrouble, calm, weather, lives, items, births, calls } = moments
  const acks = (publishes: readonly Publish[]) =>
    publishes.flatMap(({ ackedAt }) => ackedAt ?? []).sort((a, b) => a - b)
  const ends = lives.map(({ endedAt }) => endedAt)
  const starts = lives.map(({ startedAt }) => startedAt)
  const alive = (at: number) => lives.some((life) => life.startedAt < at && at < life.endedAt)
  const answered = calls
    .filter((call) => call.kind === 'manifest-request' && !failed(call))
    .map(({ endedAt }) => endedAt)
  const isUp = (at: number) => {
    const up = brokerUp.findLast((time) => time <= at) ?? Number.NEGATIVE_INFINITY
    return !brokerTrouble.some((time) => up < time && time <= at)
  }
  return {
    brokerToDelivery: measure(brokerUp.filter(alive), acks(items), [...ends, ...brokerTrouble]),
    calmToId: measure(calm.filter(alive), answered, [...ends, ...weather]),
    startToOnline: measure(starts.filter(isUp), acks(births), [...ends, ...brokerTrouble]),
  }
}

/** From each beginning to the next goal, unless a disturbance comes first. */
function measure(begun: readonly number[], goals: readonly number[], disturbances: readonly number[]): Times {
  const times = begun.map((from) => {
    const goal = goals.find((at) => at >= from)
    const disturbed = disturbances.some((at) => from < at && at < (goal ?? Number.POSITIVE_INFINITY))
    return goal === undefined || disturbed ? undefined : goal - from
  })
  const whole = times.filter((time) => time !== undefined).sort((a, b) => a - b)
  return {
    count: whole.length,
    cutShort: times.length - whole.length,
    medianMs: whole[Math.floor(whole.length / 2)],
    maxMs: whole.at(-1),
  }
}
