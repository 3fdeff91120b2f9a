/** An account is found wherever it stands in a list that changes. */
import { expect, test } from 'vitest'
import { accountFinder } from '../../src/accounts/account-finder.ts'

test('accounts are found as they come, go, change places and learn their ids', () => {
  const here: { accountId: string | undefined }[] = [{ accountId: '1' }, { accountId: '2' }]
  const find = accountFinder(() => here)
  expect([find('1'), find('2'), find('3')]).toEqual([here[0], here[1], undefined])

  const late = { accountId: undefined as string | undefined }
  here.splice(0, 1, late)
  here.reverse()
  expect([find('1'), find('2')]).toEqual([undefined, here[0]])

  late.accountId = '1'
  expect([find('1'), find('2')]).toEqual([late, here[0]])

  here.length = 0
  expect([find('1'), find('2')]).toEqual([undefined, undefined])
})
