import { expect, test } from 'vitest'
import { refreshIdle } from '../../../src/accounts/credential-watcher.ts'
import { accountFixture, withdrawnAnswer } from '../../support/account-fixture.ts'
import { someCredentials } from '../../support/blink-scripted.ts'

const hour = 60 * 60 * 1000

/** An account whose idle credentials are refreshed. */
async function fixture(answerMs = 0) {
  const parts = await accountFixture({ answerMs })
  const { account, clock, log, sent } = parts
  const over = new AbortController()
  const ended = refreshIdle({ accounts: () => [account], clock, log }, over.signal)
  const end = async () => {
    over.abort()
    await ended
  }
  return { ...parts, refreshes: () => sent().filter((kind) => kind === 'token').length, end }
}

test('credentials that no run has refreshed for a day are refreshed, once a day', async () => {
  const { clock, refreshes, end } = await fixture()

  await clock.advance(23 * hour)
  expect(refreshes()).toBe(0)
  await clock.advance(hour)
  expect(refreshes()).toBe(1)
  await clock.advance(48 * hour)
  expect(refreshes()).toBe(3)

  await end()
})

test('credentials that runs refresh are left alone', async () => {
  const { account, clock, refreshes, end } = await fixture()

  for (let hours = 0; hours < 48; hours += 12) {
    await account.session.accessToken(new AbortController().signal)
    await clock.advance(12 * hour)
  }

  expect(refreshes()).toBe(4)
  await end()
})

test('a failed refresh is tried a day later; a refused one is the state, and the last', async () => {
  const { account, clock, trouble, refreshes, end } = await fixture()
  trouble.token = [503, {}]
  await clock.advance(30 * hour)
  expect([refreshes(), account.snapshot.status]).toEqual([1, 'ok'])

  trouble.token = withdrawnAnswer
  await clock.advance(96 * hour)

  expect([refreshes(), account.snapshot.status]).toEqual([2, 'login_required'])
  await end()
})

test('no idle refresh is sent while the account is paused', async () => {
  const { account, clock, sent, end } = await fixture()
  await clock.advance(20 * hour)
  await account.breaker.adopt({ failures: 1, openUntil: clock.now() + 20 * hour })

  await clock.advance(10 * hour)

  expect(sent()).toEqual([])
  await end()
})

test('a refused idle refresh of replaced credentials is not the state of the new ones', async () => {
  const { account, clock, trouble, end } = await fixture(1_000)
  trouble.token = withdrawnAnswer
  await clock.advance(24 * hour + 500)

  account.signIn({ ...someCredentials({ key: '8021-login-2' }), accountId: '8021' })
  await clock.advance(1_000)

  expect(account.snapshot.status).toBe('ok')
  await end()
})
