/** What is said of cron expressions before any of them runs. */
import { expect, test } from 'vitest'
import { checkCron, runsPerDay } from '../../../src/config/cron.ts'

test('what can be used is not complained of', () => {
  for (const expression of [
    '*/5 * * * *',
    '0 7 * * 1-5',
    '30 0 9 * * *',
    '0 0 29 2 *',
    '0 0 * * MON',
    '@hourly',
  ]) {
    expect(checkCron(expression, false)).toBeUndefined()
  }
})

test('what is no cron expression is refused with a sentence', () => {
  for (const expression of ['', 'often', '* * * *', '60 * * * *', '* * * * * * *', '*/0 * * * *']) {
    expect(checkCron(expression, false)).toMatch(/^is not a cron expression/)
  }
})

test('runs less than a minute apart are refused, unless the owner says so', () => {
  for (const expression of ['* * * * * *', '*/30 * * * * *', '0,30 * * * * *']) {
    expect(checkCron(expression, false)).toContain('schedule.allowFast')
    expect(checkCron(expression, true)).toBeUndefined()
  }
})

test('an expression that names no day that exists is refused', () => {
  expect(checkCron('0 0 30 2 *', false)).toContain('impossible day')
  expect(checkCron('0 0 31 4,6,9,11 *', false)).toContain('impossible day')
})

test('the runs of a day are those of one that the expression means', () => {
  const expressions = ['*/5 * * * *', '* * * * *', '0 3 * * *', '*/2 * * * * *', '0 8-20/2 * * 1-5']

  expect(expressions.map(runsPerDay)).toEqual([288, 1_440, 1, 43_200, 7])
})
