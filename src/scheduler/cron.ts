/**
 * Slots from a cron expression; the only file that knows node-cron.
 *
 * node-cron swallows what a task throws and waits for a task that never ends, so the task here only says that a
 * slot has come and returns at once; overlap and deadlines belong to the ticks. Day of month and day of week are
 * both required when both are given; slots inside an hour that spring leaves out do not happen, and an hour that
 * autumn repeats has its slots once. In UTC, the default, there are no such hours.
 *
 * node-cron does not survive a clock that is set: back, and it is silent until the old time comes again; forward,
 * and it walks through every slot in between, 25 s for a year. So both clocks are compared every few seconds, and
 * after a jump the task is made anew. However many slots a jump skipped, they are made up for by one.
 */
import { createTask, parse, type ScheduledTask, validateDetailed } from 'node-cron'
import { type Clock, iso } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import { type Jump, jumpBetween, type Moment } from './clock-jump.ts'

export interface Schedule {
  /** The next two slots, in milliseconds since the epoch; fewer when the schedule ends. */
  next(): readonly number[]
  stop(): Promise<void>
}

export interface ScheduleNeeds {
  readonly expression: string
  /** IANA name. */
  readonly timezone: string
  /**
   * Called at each slot with the slot's time, and after missed slots once with the time of the call; must return
   * at once.
   */
  readonly onSlot: (at: number) => void
  /** Told when the next slots are no longer what `next` said before. */
  readonly onJump?: () => void
  readonly clock: Clock
  readonly log: Log
}

/** How often the clocks are compared. */
const lookMs = 5_000

/** Both timers are due at the same moment after a long sleep; ours must see the jump before node-cron does. */
const headStartMs = 20

/** A slot that comes this late still comes; beyond that the look before it has seen a jump. */
const latestSlotMs = 10_000

/** Missed slots are not made up for closer to another one: a clock that flutters must not hurry the ticks. */
const leastGapMs = 60_000

/** Starts calling `onSlot`. The expression must have passed `checkCron`. */
export async function startSchedule(needs: ScheduleNeeds): Promise<Schedule> {
  const schedule = new WatchedSchedule(needs)
  await schedule.start()
  return schedule
}

class WatchedSchedule implements Schedule {
  readonly #needs: ScheduleNeeds
  readonly #stopping = new AbortController()
  #task: ScheduledTask
  #slots: readonly number[] = []
  /** Slots that node-cron found to be missed, and whether one is still to be made up for. */
  #missed = 0
  #owed = false
  #lastCallAt: number
  /** Whether the clocks have jumped since the last call, and so the slots may be those of before. */
  #jumped = false
  #watching: Promise<void> | undefined

  constructor(needs: ScheduleNeeds) {
    this.#needs = needs
    this.#task = this.#makeTask()
    this.#lastCallAt = needs.clock.elapsed()
  }

  async start(): Promise<void> {
    await this.#task.start()
    // What it throws is a bug in what it calls, and nobody's to catch.
    this.#watching = this.#watch()
  }

  next(): readonly number[] {
    const [first] = this.#slots
    if (first === undefined || first <= this.#needs.clock.now()) {
      this.#slots = this.#task.getNextRuns(2).map((date) => date.getTime())
    }
    return this.#slots
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'))
    try {
      await this.#watching
    } finally {
      // Last, since the watch may just have made a new one.
      await this.#task.destroy()
    }
  }

  #makeTask(): ScheduledTask {
    const { expression, timezone, log } = this.#needs
    const task = createTask(expression, ({ date }) => this.#slot(date.getTime()), {
      timezone,
      suppressMissedWarning: true,
      missedExecutionTolerance: latestSlotMs,
      logger: {
        info: (message) => log.debug({ detail: message }, 'node-cron'),
        debug: (message) => log.debug({ detail: String(message) }, 'node-cron'),
        warn: (message) => log.warn({ detail: message }, 'node-cron'),
        error: (message) => log.error({ detail: String(message) }, 'node-cron'),
      },
    })
    task.on('execution:missed', () => {
      this.#missed++
      this.#owed = true
    })
    return task
  }

  /** A clock that is set back a few seconds brings the same slot again, and one that is set forward the next too soon. */
  #slot(at: number): void {
    const [next = Number.POSITIVE_INFINITY, afterNext = Number.POSITIVE_INFINITY] = this.next()
    const gapMs = Math.min(leastGapMs, (afterNext - next) / 2)
    if (this.#jumped && this.#needs.clock.elapsed() - this.#lastCallAt < gapMs) {
      this.#needs.log.info(
        { slot: iso(at) },
        'slot left out: the clock was set, and the last one was a moment ago',
      )
    } else this.#call(at)
  }

  #call(at: number): void {
    this.#jumped = false
    this.#owed = false
    this.#lastCallAt = this.#needs.clock.elapsed()
    this.#needs.onSlot(at)
  }

  async #watch(): Promise<void> {
    const { clock, log } = this.#needs
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const before = this.#moment()
      const nextSlot = this.next()[0]
      const askedMs = untilLook(before.now, nextSlot)
      await clock.sleep(askedMs, signal).catch(() => undefined)
      if (signal.aborted) return
      const jump = jumpBetween(before, this.#moment(), askedMs)
      if (jump) await this.#restart(jump, nextSlot)
      else if (this.#missed > 0) log.warn({ slots: this.#missed }, 'slots missed: the machine was too busy')
      this.#missed = 0
      if (this.#owed && this.#isFarFromSlots()) this.#call(clock.now())
    }
  }

  #isFarFromSlots(): boolean {
    const { now, elapsed } = this.#moment()
    const [next = Number.POSITIVE_INFINITY] = this.next()
    return elapsed - this.#lastCallAt >= leastGapMs && next - now >= leastGapMs
  }

  /** @param expected the next slot as it was known before the jump */
  async #restart(jump: Jump, expected: number | undefined): Promise<void> {
    const { clock, log, onJump } = this.#needs
    await this.#task.destroy()
    this.#task = this.#makeTask()
    await this.#task.start()
    this.#slots = []
    this.#jumped = true
    const now = clock.now()
    if (expected !== undefined && expected <= now) this.#owed = true
    const [next] = this.next()
    const fields = { jump_s: Math.round(jump.ms / 1000), now: iso(now), next: next && iso(next) }
    log.warn(
      { ...fields, slot_missed: this.#owed },
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

/** How long until the clocks are compared again: soon, and just before the next slot in any case. */
function untilLook(now: number, slot: number | undefined): number {
  const left = (slot ?? Number.POSITIVE_INFINITY) - now - headStartMs
  return left > 0 ? Math.min(left, lookMs) : lookMs
}

/** How many slots a day has at most: that of a day which the expression means, whatever the others have. */
export function slotsPerDay(expression: string): number {
  const { second, minute, hour } = parse(expression)
  return second.length * minute.length * hour.length
}

/**
 * What is wrong with a cron expression, as a sentence; `undefined` when it can be used.
 *
 * Slots less than 60 s apart are refused unless `allowFast`: the cloud locked accounts that were asked every
 * 30 s (home-assistant/core#107386).
 */
export function checkCron(expression: string, allowFast: boolean): string | undefined {
  const { valid, errors } = validateDetailed(expression)
  if (!valid) {
    const details = errors.map(({ field, message }) => `${field}: ${message}`).join('; ')
    return `is not a cron expression of five or six fields${details ? ` (${details})` : ''}`
  }
  if (!allowFast && parse(expression).second.length > 1) {
    return 'fires less than 60 s apart, which gets accounts locked; schedule.allowFast permits it all the same'
  }
  return undefined
}
