/** A real schedule on a clock in the test's hand: days pass in no time, and the clock can be set. */
import { type Clock, systemClock } from '../../src/domain/clock.ts'
import { startSchedule } from '../../src/scheduler/cron.ts'
import { readableLog } from './samples.ts'

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

/** A schedule that began at this moment, and the runs it has fired so far as ISO 8601. */
export async function schedule(
  expression: string,
  timezone: string,
  from: string,
  { onRun, lastRun }: { readonly onRun?: (at: number) => void; readonly lastRun?: string } = {},
) {
  const { clock, ...hand } = timeFrom(Date.parse(from))
  const fired: string[] = []
  const log = readableLog()
  let jumps = 0
  const kept: string[] = []
  const started = startSchedule({
    expression,
    timezone,
    onRun(at) {
      fired.push(new Date(at).toISOString())
      onRun?.(at)
    },
    onJump() {
      jumps++
    },
    lastRun: {
      at: lastRun === undefined ? undefined : Date.parse(lastRun),
      keep: (at) => Promise.resolve(void kept.push(new Date(at).toISOString())),
    },
    clock,
    log,
  })
  return {
    ...hand,
    next: () => started.next().map((at) => new Date(at).toISOString()),
    stop: () => started.stop(),
    fired,
    log,
    /** How often it was notified of a jump. */
    jumps: () => jumps,
    /** The runs that are remembered over a restart. */
    kept,
    warnings: () => log.lines.filter(({ level }) => level === 'warn'),
  }
}

interface Sleeper {
  /** By the timers. */
  readonly at: number
  readonly wake: () => void
}

/**
 * A schedule looks at its clocks 17,000 times a day, waits for nothing but promises between two looks, and can stand
 * still, so it has a clock of its own, which takes a tenth of the time of fake timers.
 */
function timeFrom(start: number) {
  let [timers, stoodStill, setBy] = [0, 0, 0]
  const sleepers = new Set<Sleeper>()
  const elapsed = () => timers + stoodStill

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: timers + ms, wake }
      function wake() {
        sleepers.delete(sleeper)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      function end() {
        sleepers.delete(sleeper)
        reject(signal?.reason as Error)
      }
      sleepers.add(sleeper)
      signal?.addEventListener('abort', end, { once: true })
    })
  }

  /** The first sleeper is awake when this returns its promise. */
  async function pass(ms: number): Promise<void> {
    const until = timers + ms
    for (;;) {
      const at = Math.min(...Array.from(sleepers, (sleeper) => sleeper.at))
      if (at > until) break
      timers = Math.max(timers, at)
      for (const sleeper of [...sleepers]) if (sleeper.at === at) sleeper.wake()
      await promisesSettled()
    }
    timers = until
  }

  const clock: Clock = { ...systemClock, now: () => start + elapsed() + setBy, elapsed, sleep }
  return {
    clock,
    pass,
    /** How many are asleep. */
    sleeping: () => sleepers.size,
    /** Sets the wall clock; no time passes. A machine that wakes up on Linux looks the same. */
    setClock(byMs: number) {
      setBy += byMs
    },
    /** Time passes on both clocks and no timer runs, as in a blocked event loop. */
    standStill(ms: number) {
      stoodStill += ms
    },
  }
}

/** From a promise on, the next tick comes when no promise has more to do. */
async function promisesSettled(): Promise<void> {
  await Promise.resolve()
  await new Promise<void>((resolve) => process.nextTick(resolve))
}
