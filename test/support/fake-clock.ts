/**
 * A clock in the test's hand: time passes only by `advance`, and chance is a fixed number.
 */
import type { Clock } from '../../src/domain/clock.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export interface FakeClock extends Clock {
  /** Lets `ms` pass, waking sleepers in order and letting what they start run before the next wakes. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock without any time passing. */
  setWall(now: number): void
  /** How many are asleep. */
  readonly sleeping: number
}

/** Of two at the same moment, the one that was there first. */
function earlier(first: Sleeper | undefined, other: Sleeper): Sleeper {
  return first && first.at <= other.at ? first : other
}

/** A clock at `start`; `chance` is what `random` gives. */
export function fakeClock(start = Date.parse('2026-11-23T09:00:00.000Z'), chance = 0): FakeClock {
  let elapsed = 0
  let wall = start
  let made = 0
  let sleepers: Sleeper[] = []

  const pass = (ms: number) => {
    elapsed += ms
    wall += ms
  }

  return {
    now: () => wall,
    elapsed: () => elapsed,
    random: () => chance,
    randomBytes: (count) => Uint8Array.from({ length: count }, () => made++ % 256),
    uuid: () => `00000000-0000-4000-8000-${String(made++).padStart(12, '0')}`,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error)
        const sleeper = { at: elapsed + ms, wake: resolve }
        sleepers.push(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((other) => other !== sleeper)
          reject(signal.reason as Error)
        })
      })
    },
    after(ms, work) {
      const sleeper = { at: elapsed + ms, wake: work }
      sleepers.push(sleeper)
      return () => {
        sleepers = sleepers.filter((other) => other !== sleeper)
      }
    },
    async advance(ms) {
      const until = elapsed + ms
      await settle()
      for (;;) {
        const next = sleepers.reduce(earlier, undefined)
        if (!next || next.at > until) break
        sleepers = sleepers.filter((other) => other !== next)
        pass(Math.max(0, next.at - elapsed))
        next.wake()
        await settle()
      }
      pass(until - elapsed)
    },
    setWall(now) {
      wall = now
    },
    get sleeping() {
      return sleepers.length
    },
  }
}

/** Lets promises and what waits for the next turn of the event loop run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
