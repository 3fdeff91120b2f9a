/** A real schedule on timers in the test's hand: days pass in no time, and the clock can be set. */
import { vi } from 'vitest'
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
  vi.useFakeTimers({
    now: Date.parse(from),
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'],
  })
  let setBy = 0
  const clock: Clock = { ...systemClock, elapsed: () => Date.now() - setBy, sleep: sleepOnFakeTimers }
  const fired: string[] = []
  const log = readableLog()
  const told = { jumps: 0 }
  const kept: string[] = []
  const started = startSchedule({
    expression,
    timezone,
    onRun(at) {
      fired.push(new Date(at).toISOString())
      onRun?.(at)
    },
    onJump() {
      told.jumps++
    },
    lastRun: {
      at: lastRun === undefined ? undefined : Date.parse(lastRun),
      keep: (at) => Promise.resolve(void kept.push(new Date(at).toISOString())),
    },
    clock,
    log,
  })
  return {
    next: () => started.next().map((at) => new Date(at).toISOString()),
    stop: () => started.stop(),
    fired,
    log,
    told,
    /** The runs that are remembered over a restart. */
    kept,
    warnings: () => log.lines.filter(({ level }) => level === 'warn'),
    pass,
    /** Sets the wall clock; no time passes. A machine that wakes up on Linux looks the same. */
    setClock(byMs: number) {
      setBy += byMs
      vi.setSystemTime(Date.now() + byMs)
    },
    /** Time passes on both clocks and no timer runs, as in a blocked event loop. */
    standStill(ms: number) {
      vi.setSystemTime(Date.now() + ms)
    },
  }
}

/** Vitest's own way takes a millisecond for each timer, and a day has many. */
async function pass(ms: number): Promise<void> {
  let over = false
  setTimeout(() => {
    over = true
  }, ms)
  while (!over) {
    vi.advanceTimersToNextTimer()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** node:timers/promises has no fake. */
function sleepOnFakeTimers(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = () => {
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(wake, ms)
    const end = () => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    signal?.addEventListener('abort', end, { once: true })
  })
}
