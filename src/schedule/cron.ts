/**
 * Slots from a cron expression; the only file that knows node-cron.
 *
 * node-cron swallows what a task throws and waits for a task that never ends, so the task here only says that a
 * slot has come and returns at once; overlap and deadlines belong to the ticks. Day of month and day of week are
 * both required when both are given, and slots inside a skipped hour of a daylight saving change do not happen.
 */
import { createTask, parse, validateDetailed } from 'node-cron'
import type { Log } from '../ports.ts'

export interface Schedule {
  /** The next two slots, in milliseconds since the epoch; fewer when the schedule ends. */
  next(): readonly number[]
  stop(): Promise<void>
}

export interface ScheduleNeeds {
  readonly expression: string
  /** IANA name. */
  readonly timezone: string
  /** Called at each slot with the slot's time; must return at once. */
  readonly onSlot: (at: number) => void
  readonly log: Log
}

/** Starts calling `onSlot`. The expression must have passed `checkCron`. */
export async function startSchedule({ expression, timezone, onSlot, log }: ScheduleNeeds): Promise<Schedule> {
  const task = createTask(expression, ({ date }) => onSlot(date.getTime()), {
    timezone,
    suppressMissedWarning: true,
    logger: {
      info: (message) => log.debug({ detail: message }, 'node-cron'),
      debug: (message) => log.debug({ detail: String(message) }, 'node-cron'),
      warn: (message) => log.warn({ detail: message }, 'node-cron'),
      error: (message) => log.error({ detail: String(message) }, 'node-cron'),
    },
  })
  task.on('execution:missed', ({ date }) => {
    log.warn({ slot: date.toISOString() }, 'slot missed: the machine slept or was too busy')
  })
  await task.start()
  return {
    next: () => task.getNextRuns(2).map((date) => date.getTime()),
    async stop() {
      await task.destroy()
    },
  }
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
