import { expect, test } from 'vitest'
import { CloudChanged, CloudRefused, ConfigInvalid } from '../../../src/domain/errors.ts'
import { accountStatusOf, explain, outcomeOf } from '../../../src/domain/failure.ts'
import { start } from '../../support/samples.ts'
import {
  answerLost,
  busy,
  diskFull,
  loginNeeded,
  notSent,
  refused,
  throttled,
} from '../../support/scripted.ts'

test('a failure has its code, its sentence, a remedy, and the time of the next try', () => {
  expect(explain(throttled, start)).toEqual({
    code: 'throttled',
    message: 'too many requests',
    retryable: false,
    httpStatus: 429,
    retryAt: start + 300_000,
  })
  expect(explain(busy, start)).toEqual({
    code: 'module_busy',
    message: 'manifest request: 409',
    retryable: true,
    httpStatus: 409,
    bodyCode: 307,
  })
  expect(explain(diskFull, start)).toEqual({
    code: 'store_failed',
    message: 'cannot write to state.db',
    retryable: false,
    remedy: 'The disk is full: make room.',
  })
})

test('the cause, which may hold anything, is left out', () => {
  const cause = new Error('refresh_token=abc')
  const error = new CloudRefused('renewal refused', { outcome: 'not-done', cause })

  expect(JSON.stringify(explain(error, start))).not.toContain('abc')
})

test('a bug is no failure but is thrown again', () => {
  const bug = new TypeError('x is not a function')

  expect(() => explain(bug, start)).toThrow(bug)
  expect(() => explain('text', start)).toThrow('text')
})

test('each failure has one outcome', () => {
  const changed = new CloudChanged('no id', { outcome: 'unknown' })
  const unread = new CloudChanged('no id', { outcome: 'not-done' })

  expect(
    [loginNeeded, throttled, busy, refused, answerLost, notSent, changed, unread, diskFull].map((error) =>
      outcomeOf(error, true),
    ),
  ).toEqual([
    'login_required',
    'throttled',
    'busy',
    'error',
    'unknown',
    'unreachable',
    'unknown',
    'error',
    'error',
  ])
})

test('a module that was not requested is never unknown', () => {
  const changed = new CloudChanged('no id', { outcome: 'unknown' })

  expect([answerLost, changed, throttled].map((error) => outcomeOf(error, false))).toEqual([
    'unreachable',
    'error',
    'throttled',
  ])
})

test('the condition that a module reports is its outcome', () => {
  for (const condition of ['offline', 'no_storage', 'incompatible'] as const) {
    expect(outcomeOf(new CloudRefused('refused', { outcome: 'not-done', condition }), true)).toBe(condition)
  }
})

test('an account without an answer is not well, unless the trouble is our own', () => {
  const errors = [loginNeeded, throttled, notSent, answerLost, busy, refused, diskFull, new ConfigInvalid([])]

  expect(errors.map(accountStatusOf)).toEqual([
    'login_required',
    'throttled',
    'unreachable',
    'unreachable',
    'unreachable',
    'unreachable',
    'ok',
    'ok',
  ])
})
