/**
 * Carries out what the plan has for the broker and for the way to it, and keeps the times.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Mosquitto } from '../support/mosquitto.ts'
import type { BrokerEnd } from './deliveries.ts'
import type { BrokerDeed } from './plan.ts'
import type { Wiretap } from './wiretap.ts'

export interface BrokerTimes {
  readonly up: number[]
  /** Ends of the broker, cuts and stalls. */
  readonly trouble: number[]
  readonly ends: BrokerEnd[]
  readonly done: string[]
}

export interface BrokerNeeds {
  readonly broker: Mosquitto
  readonly wiretap: Wiretap
  readonly times: BrokerTimes
  /** Ends the waiting, not the deed: the broker is up again when it is done. */
  readonly signal: AbortSignal
}

const startTries = 3

export async function doToBroker(deed: BrokerDeed, needs: BrokerNeeds): Promise<void> {
  const { broker, wiretap, times, signal } = needs
  times.trouble.push(Date.now())
  times.done.push('forget' in deed && deed.forget ? `${deed.kind} and forget` : deed.kind)
  switch (deed.kind) {
    case 'cut':
      wiretap.cut()
      return
    case 'stall':
      await wiretap.stall(deed.forMs)
      return
    default:
      times.ends.push({ at: Date.now(), forget: deed.forget })
      await (deed.kind === 'kill' ? broker.kill() : broker.stop())
      await pause(deed.downMs, undefined, { signal }).catch(() => undefined)
      await start(broker, deed.forget)
      times.up.push(Date.now())
  }
}

/** On a machine with too much to do the first try may be too slow for Mosquitto's own patience. */
async function start(broker: Mosquitto, forget: boolean): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await broker.restart({ forget })
    } catch (error) {
      if (tried >= startTries) throw error
    }
  }
}
