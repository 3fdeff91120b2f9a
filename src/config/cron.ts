/**
 * What a cron expression says of itself: whether it can be used, and how many runs a day it means. When these are, is
 * the business of the scheduler.
 */
import { parse, validateDetailed } from 'node-cron'

/** How many runs a day has at most: that of a day which the expression means, whatever the others have. */
export function runsPerDay(expression: string): number {
  const { second, minute, hour } = parse(expression)
  return second.length * minute.length * hour.length
}

/**
 * What is wrong with a cron expression, as a sentence; `undefined` when it can be used.
 *
 * Runs less than 60 s apart are refused unless `allowFast`: the cloud locked accounts that were requested every
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
