/**
 * Calls back at each run of a cron expression. When the runs are is the business of `run-times.ts`.
 *
 * Overlap and deadlines belong to the runner, so the callback returns at once. Day of month and day of week are
 * both required when both are given. In UTC, the default, the clocks never change.
 *
 * The wall clock is somebody's to set, and machines sleep. So both clocks are compared every few seconds, and after a
 * jump the runs are planned anew. However many runs a jump skipped, they are made up for by one.
 */
import { type Clock, iso } from '../domain/clock.ts'
import type { LastRun, Log } from '../domain/ports.ts'
import { type RunTimes, runTimes } from './run-times.ts'

export interface Schedule {
  /** The next two runs, in milliseconds since the epoch; fewer when the schedule ends. */
  next(): readonly number[]
  stop(): Promise<void>
}

export interface ScheduleNeeds {
  readonly expression: string
  /** IANA name. */
  readonly timezone: string
  /**
   * Called at each run with its time, and after missed runs once with the time of the call; must return at once.
   */
  readonly onRun: (at: number) => void
  /** Called when the next runs are no longer what `next` returned before. */
  readonly onJump?: () => void
  /** The last run of an earlier process that may matter to this one. */
  readonly lastRun?: LastRun
  readonly clock: Clock
  readonly log: Log
}

/** How often the clocks are compared. */
const lookMs = 5_000

/** A missed run is not made up for closer to another one: a clock that flutters must not hurry the requests. */
const leastGapMs = 60_000

/** Starts calling `onRun`. The expression must have passed `checkCron` of the settings. */
export function startSchedule(needs: ScheduleNeeds): Schedule {
  const schedule = new WatchedSchedule(needs)
  schedule.start()
  return schedule
}

class WatchedSchedule implements Schedule {
  readonly #needs: ScheduleNeeds
  readonly #stopping = new AbortController()
  readonly #times: RunTimes
  #runs: readonly number[] = []
  readonly #startedAt: number
  /** The wall clock's time of the last call. */
  #lastRun: number | undefined
  /** Whether a missed run is still to be made up for. */
  #owed = false
  #lastCallAt: number
  /** Whether the clocks have jumped since the last call, and so the runs may be those of before. */
  #jumped = false
  #watching: Promise<void> | undefined

  constructor(needs: ScheduleNeeds) {
    this.#needs = needs
    const { expression, timezone, clock } = needs
    this.#startedAt = clock.now()
    this.#times = runTimes({ expression, timezone, hasRun: (...twice) => this.#hasRun(...twice) })
    this.#lastCallAt = clock.elapsed()
    this.#plan()
  }

  start(): void {
    // What it throws is a bug in what it calls, and nobody's to catch.
    this.#watching = this.#watch()
  }

  next(): readonly number[] {
    return this.#runs
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'))
    await this.#watching
  }

  #hasRun(first: number, again: number): boolean {
    const last = first < this.#startedAt ? this.#needs.lastRun?.at : this.#lastRun
    return last !== undefined && first <= last && last < again
  }

  #plan(): void {
    this.#runs = this.#times.after(this.#needs.clock.now(), 2)
  }

  async #watch(): Promise<void> {
    const { clock } = this.#needs
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const before = this.#moment()
      const [run] = this.#runs
      const askedMs = Math.min((run ?? Number.POSITIVE_INFINITY) - before.now, lookMs)
      await clock.sleep(Math.max(askedMs, 0), signal).catch(() => undefined)
      if (signal.aborted) return
      const jump = jumpBetween(before, this.#moment(), Math.max(askedMs, 0))
      if (jump) this.#afterJump(jump, run)
      else if (run !== undefined && run <= clock.now()) this.#due(run)
      if (this.#owed && this.#isFarFromRuns()) this.#call(clock.now())
    }
  }

  /** A clock that is set back a few seconds brings the same run again, and one that is set forward the next too soon. */
  #due(at: number): void {
    const { clock, log } = this.#needs
    const [next = Number.POSITIVE_INFINITY, afterNext = Number.POSITIVE_INFINITY] = this.#runs
    const gapMs = Math.min(leastGapMs, (afterNext - next) / 2)
    if (this.#jumped && clock.elapsed() - this.#lastCallAt < gapMs) {
      log.info({ run: iso(at) }, 'run left out: the clock was set, and the last one was a moment ago')
      this.#plan()
      return
    }
    const now = clock.now()
    const missed = this.#runs.filter((run) => run > at && run <= now).length
    if (missed > 0) log.warn({ run: iso(at) }, 'runs missed: the machine was too busy')
    this.#call(at)
  }

  #call(at: number): void {
    const { clock, log, onRun } = this.#needs
    this.#jumped = false
    this.#owed = false
    this.#lastCallAt = clock.elapsed()
    this.#lastRun = at
    this.#plan()
    this.#remember(at)
    try {
      onRun(at)
    } catch (error) {
      log.error({ run: iso(at), detail: String(error), err: error }, 'scheduled run failed')
    }
  }

  #remember(at: number): void {
    const { lastRun, log } = this.#needs
    if (!lastRun || !this.#times.mayComeAgain(at)) return
    lastRun.keep(at).catch((error: unknown) => {
      log.warn(
        { err: error, remedy: 'Restarted within the hour, the daemon may run once more.' },
        'cannot store the last run',
      )
    })
  }

  #isFarFromRuns(): boolean {
    const { now, elapsed } = this.#moment()
    const [next = Number.POSITIVE_INFINITY] = this.#runs
    return elapsed - this.#lastCallAt >= leastGapMs && next - now >= leastGapMs
  }

  /** @param expected the next run as it was known before the jump */
  #afterJump(jump: Jump, expected: number | undefined): void {
    const { clock, log, onJump } = this.#needs
    this.#plan()
    this.#jumped = true
    const now = clock.now()
    if (expected !== undefined && expected <= now) this.#owed = true
    const [next] = this.#runs
    const fields = { jump_s: Math.round(jump.ms / 1000), now: iso(now), next: next && iso(next) }
    log.warn(
      { ...fields, run_missed: this.#owed },
      jump.kind === 'wall_clock'
        ? 'the clock jumped: it was set, or the machine slept'
        : 'the program stood still: the machine slept or was too busy',
    )
    onJump?.()
  }

  #moment(): Moment {
    const { clock } = this.#needs
    return { now: clock.now(), elapsed: clock.elapsed() }
  }
}

/** Both clocks at the same moment, in milliseconds. */
interface Moment {
  readonly now: number
  readonly elapsed: number
}

/**
 * The wall clock alone moves when it is set, and when Linux sleeps, where the other clock stands still too. Both move
 * when the program stood still: a blocked event loop, a stopped process, a paused machine.
 */
interface Jump {
  readonly kind: 'wall_clock' | 'stood_still'
  /** Negative when the wall clock was set back. */
  readonly ms: number
}

/** Less than this is a busy machine, or a clock that is being corrected. */
const leastJumpMs = 3_000

/** The jump between two looks that should have been `askedMs` apart, or `undefined` when time just passed. */
function jumpBetween(before: Moment, after: Moment, askedMs: number): Jump | undefined {
  const passed = after.elapsed - before.elapsed
  const set = after.now - before.now - passed
  if (Math.abs(set) >= leastJumpMs) return { kind: 'wall_clock', ms: Math.round(set) }
  const late = passed - askedMs
  return late >= leastJumpMs ? { kind: 'stood_still', ms: Math.round(late) } : undefined
}
