/**
 * Time, waiting and chance of the simulated cloud; the only file of the simulator that reads them.
 *
 * A command is finished when `now()` says so, not when a timer fires: a test that owns the time moves a
 * whole cycle by changing one number. Only the slow misbehaviours wait.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

export interface SimulatorTime {
  /** Milliseconds since 1970. */
  now(): number
  /** Resolves after so many milliseconds, or at once when the signal aborts; never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** From 0 up to, not including, 1. */
  chance(): number
  /** A text nobody can guess: the tokens are made of it. */
  secret(): string
}

export const realTime: SimulatorTime = {
  now: () => Date.now(),
  wait: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
  chance: () => Math.random(),
  secret: () => randomUUID(),
}
