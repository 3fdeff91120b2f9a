/** What `once` ends with. */
import { expect, test } from 'vitest'
import { verdict } from '../../../src/cli/once.ts'
import type { ModuleReport } from '../../../src/domain/model.ts'
import { failed, requested, skipped } from '../../support/samples.ts'

const ended = { account: '8021', report: undefined, failure: undefined, status: 'ok' } as const

test.each<[string, readonly ModuleReport[], number]>([
  ['all were asked', [requested()], 0],
  ['what need not be asked was left out', [requested(), skipped('excluded'), skipped('paused')], 0],
  ['one was asked in vain', [requested(), failed()], 75],
  ['the time was over before the turn of one', [requested(), skipped('out_of_time')], 75],
])('where %s', (_, reports, code) => {
  expect(verdict([ended], reports, true)).toBe(code)
})

test('undelivered items lead to another try, but first a person must act', () => {
  expect(verdict([ended], [requested()], false)).toBe(75)
  expect(verdict([{ ...ended, status: 'login_required' }], [failed()], false)).toBe(77)
})
