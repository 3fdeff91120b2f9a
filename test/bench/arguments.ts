/**
 * The command line of the benches. Pure.
 */
import { parseArgs } from 'node:util'

export const figureNames = [
  'throughput',
  'start',
  'scale',
  'flat',
  'pipeline',
  'wire',
  'idle',
  'sizes',
] as const
export type FigureName = (typeof figureNames)[number]

const topicNames = ['work_items', 'all'] as const
export type Topics = (typeof topicNames)[number]

export interface Asked {
  readonly figures: readonly FigureName[]
  readonly topics: readonly Topics[]
  readonly inFlight: readonly number[]
  readonly laps: number
  /** Of each fleet of `scale`. */
  readonly ticks: number
  /** The fleets of `scale`, by their accounts. */
  readonly accounts: readonly number[]
  readonly idleMinutes: number
  /** Of the Mosquitto of `throughput`. */
  readonly tcpNoDelay: boolean
  /** The largest fleet of `flat`. */
  readonly fleetMax: number
}

export const usage = `usage: bench [--figures ${figureNames.join(',')}]
             [--topics work_items,all] [--in-flight 1,8,64] [--laps 5] [--idle-minutes 10] [--fleet-max 10000]
             [--ticks 3] [--accounts 1,100,1000] [--tcp-nodelay]
`

/** What is asked for, or `undefined` when it cannot be understood. */
export function readArguments(args: readonly string[]): Asked | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        figures: { type: 'string', default: figureNames.join(',') },
        topics: { type: 'string', default: topicNames.join(',') },
        'in-flight': { type: 'string', default: '1,8,64' },
        laps: { type: 'string', default: '5' },
        ticks: { type: 'string', default: '3' },
        accounts: { type: 'string', default: '1,100,1000' },
        'idle-minutes': { type: 'string', default: '10' },
        'tcp-nodelay': { type: 'boolean', default: false },
        'fleet-max': { type: 'string', default: '10000' },
      },
    })
    return {
      figures: listOf(values.figures, (name) => oneOf(name, figureNames)),
      topics: listOf(values.topics, (name) => oneOf(name, topicNames)),
      inFlight: listOf(values['in-flight'], count),
      laps: count(values.laps),
      ticks: count(values.ticks),
      accounts: listOf(values.accounts, count),
      idleMinutes: count(values['idle-minutes']),
      tcpNoDelay: values['tcp-nodelay'],
      fleetMax: count(values['fleet-max']),
    }
  } catch {
    return undefined
  }
}

function listOf<T>(text: string, read: (word: string) => T): readonly T[] {
  return text.split(',').map(read)
}

function oneOf<T extends string>(text: string, names: readonly T[]): T {
  const found = names.find((name) => name === text)
  if (found === undefined) throw new Error(`${text} is not one of ${names.join(', ')}`)
  return found
}

function count(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${text} is not a number above 0`)
  return Number(text)
}
