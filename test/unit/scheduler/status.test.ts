/** When a sync module is asked next, as its topics tell it. */
import { expect, test } from 'vitest'
import type { AccountStatus } from '../../../src/domain/model.ts'
import { viewOf } from '../../../src/topics/view.ts'
import { aModule, newRecord } from '../../support/samples.ts'

const slots = [300_000, 600_000]
const offsetMs = 7_000

function nextAttempt(
  { status, retryAt }: { readonly status: AccountStatus; readonly retryAt?: number },
  change: { readonly paused?: boolean; readonly connection?: 'offline' } = {},
): number | undefined {
  const { paused = false, ...changed } = change
  return viewOf(newRecord(aModule(changed)), {
    account: { state: { status, since: 0, detail: undefined, retryAt } },
    rules: { include: [], exclude: [], askAll: false },
    ...{ paused, slots, offsetMs },
  }).nextAttemptAt
}

test('a module is asked next at its account’s moment after the next slot', () => {
  expect(nextAttempt({ status: 'ok' })).toBe(307_000)
  expect(nextAttempt({ status: 'unreachable' })).toBe(307_000)
})

test('no time is told where nothing will be asked: paused, offline, or not signed in', () => {
  expect(nextAttempt({ status: 'ok' }, { paused: true })).toBeUndefined()
  expect(nextAttempt({ status: 'ok' }, { connection: 'offline' })).toBeUndefined()
  expect(nextAttempt({ status: 'login_required' })).toBeUndefined()
  expect(nextAttempt({ status: 'two_factor_required' })).toBeUndefined()
})

test('while the cloud wants a pause, the slots inside it do not count', () => {
  expect(nextAttempt({ status: 'throttled', retryAt: 307_000 })).toBe(307_000)
  expect(nextAttempt({ status: 'throttled', retryAt: 307_001 })).toBe(607_000)
  expect(nextAttempt({ status: 'throttled', retryAt: 607_001 })).toBeUndefined()
})
