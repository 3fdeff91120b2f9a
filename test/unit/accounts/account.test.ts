/** The ticks of one account, and the state that is published of it. */
import { expect, test } from 'vitest'
import { CloudRefused, TwoFactorNeeded } from '../../../src/domain/errors.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { aWorld } from '../../support/account-world.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { start } from '../../support/samples.ts'
import { answerLost, diskFull, loginNeeded, notSent, slot, throttled } from '../../support/scripted.ts'

test('an account that nothing is known against is well', () => {
  expect(aWorld().account.state).toEqual({
    status: 'ok',
    since: start,
    detail: undefined,
    retryAt: undefined,
  })
})

test('an account whose token was refused before the start needs a person, since then', () => {
  const { account } = aWorld({ refusedAt: start - 5_000 })

  expect(account.state).toMatchObject({ status: 'login_required', since: start - 5_000, retryAt: undefined })
})

test('an account that needs a code says so over a restart, and requests nothing', async () => {
  const { account, trouble, tick, log } = aWorld()
  trouble.discover = new TwoFactorNeeded('a code', { outcome: 'not-done', remedy: 'Sign in.' })

  expect(await tick()).toMatchObject({
    status: 'two_factor_required',
    report: { modules: [{ attempts: 0 }] },
  })
  expect(account.state).toMatchObject({ status: 'two_factor_required', detail: 'a code. Sign in.' })
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)

  const again = aWorld({ refusedAt: start, refusedFor: 'two_factor_required' }).account
  expect(again.state).toMatchObject({
    status: 'two_factor_required',
    since: start,
    detail: expect.stringMatching(/wants a code/),
  })
})

test('an account paused before the start is paused after it, until the same moment', async () => {
  const { account, asked, tick } = aWorld({ breaker: { failures: 1, openUntil: start + 60_000 } })
  expect(account.state).toMatchObject({ status: 'throttled', retryAt: start + 60_000 })

  const ticked = await tick()

  expect(asked).toEqual([])
  expect(ticked).toMatchObject({ status: 'throttled', failure: { retryAt: start + 60_000 } })
  expect(ticked?.report?.modules).toMatchObject([{ outcome: 'throttled', attempts: 0 }])
})

test('a good run requests every module, reports each, and leaves the state as it is', async () => {
  const { account, states, log, told, tick } = aWorld()

  const ticked = await tick()

  expect(ticked).toMatchObject({ loginKey: 'login-1', status: 'ok', failure: undefined })
  expect(told.map(([report, of]) => [report.kind, of])).toEqual([['requested', slot]])
  expect(account.state.status).toBe('ok')
  expect([states, log.lines]).toEqual([[], []])
})

test('a change of state is told and logged once, however many ticks it lasts', async () => {
  const { account, states, log, trouble, tick } = aWorld()
  trouble.discover = loginNeeded
  for (let ticks = 0; ticks < 3; ticks++) await tick()
  expect(account.state.detail).toBe('token refused. Sign in again.')
  trouble.discover = undefined
  for (let ticks = 0; ticks < 3; ticks++) await tick()

  expect(states).toEqual(['login_required', 'ok'])
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
    ['error', 'account needs a person to sign in'],
    ['info', 'account works again'],
  ])
})

test('since is right once a clock that started in 1970 is set', async () => {
  const clock = fakeClock(5_000)
  const { account } = aWorld({}, clock)
  await clock.advance(60_000)
  expect(account.state.since).toBe(5_000)

  clock.setWall(start)

  expect(account.state.since).toBe(start - 60_000)
})

test('since tells when the state began, though the reason for it changes', async () => {
  const { account, clock, trouble, states, tick } = aWorld()
  trouble.discover = notSent
  await tick()
  const { since, detail } = account.state
  await clock.advance(300_000)
  trouble.discover = answerLost
  await tick()

  expect(account.state).toMatchObject({ status: 'unreachable', since })
  expect(account.state.detail).not.toBe(detail)
  expect(states).toEqual(['unreachable', 'unreachable'])
})

test('"ask less" pauses the account, and a good run after the pause ends it', async () => {
  const { account, clock, trouble, asked, saved, states, tick } = aWorld()
  trouble.manifest = throttled
  await tick()
  expect(account.state).toMatchObject({ status: 'throttled', retryAt: start + 300_000 })
  trouble.manifest = undefined
  await tick()
  expect(asked).toEqual(['discover', 'manifest'])

  await clock.advance(300_000)
  await tick()

  expect(asked).toEqual(['discover', 'manifest', 'discover', 'manifest'])
  expect(account.state).toMatchObject({ status: 'ok', retryAt: undefined, detail: undefined })
  expect([states[0], states.at(-1)]).toEqual(['throttled', 'ok'])
  expect(saved.at(-1)).toEqual(closedBreaker)
})

test('a tick in which nothing went well does not end the trouble', async () => {
  const { trouble, saved, tick } = aWorld({ breaker: { failures: 2, openUntil: start - 1 } })
  trouble.discover = new CloudRefused('home screen: 400', { outcome: 'not-done' })

  await tick()

  expect(saved).toEqual([])
})

test('a paused account waits although a full disk did not take the pause', async () => {
  const { trouble, asked, tick } = aWorld()
  trouble.manifest = throttled
  trouble.save = diskFull
  await tick().catch(() => undefined)

  await tick().catch(() => undefined)

  expect(asked).toEqual(['discover', 'manifest'])
})

test('a full disk loses no report, and is told as what it is', async () => {
  const { trouble, tick } = aWorld({ breaker: { failures: 1, openUntil: start - 1 } })
  trouble.save = diskFull
  trouble.keep = diskFull

  const ticked = await tick()

  expect(ticked?.report?.modules).toMatchObject([{ kind: 'failed', failure: { code: 'store_failed' } }])
  expect(ticked?.failure).toMatchObject({ code: 'store_failed' })
})

test('the number of an account is asked for once, when the login does not tell it', async () => {
  const { account, asked, tick } = aWorld({ accountId: undefined })
  expect(account.accountId).toBeUndefined()
  await tick()
  await tick()

  expect(account.accountId).toBe('8021')
  expect(asked.filter((what) => what === 'identify')).toHaveLength(1)
})

test('an account whose number cannot be learned has a state only, and is tried again', async () => {
  const { account, trouble, asked, log, tick } = aWorld({ accountId: undefined })
  trouble.identify = loginNeeded

  const ticked = await tick()

  expect(ticked).toMatchObject({
    report: undefined,
    status: 'login_required',
    failure: { code: 'login_required' },
  })
  expect(account.state.status).toBe('login_required')
  expect(log.lines).toMatchObject([{ level: 'error', fields: { login: 'login-1' } }])
  expect(asked).toEqual(['identify'])
  trouble.identify = undefined
  expect(await tick()).toMatchObject({ status: 'ok' })
})

test('"ask less" in answer to the question for the number pauses the account as well', async () => {
  const { trouble, asked, saved, tick } = aWorld({ accountId: undefined })
  trouble.identify = throttled
  await tick()
  await tick()

  expect(asked).toEqual(['identify'])
  expect(saved).toEqual([{ failures: 1, openUntil: start + 300_000 }])
})

test('a bug in a tick is no state of the account, and the next tick can run', async () => {
  const bug = new TypeError('x is not a function')
  const { account, trouble, tick } = aWorld()
  trouble.discover = bug

  await expect(tick()).rejects.toBe(bug)

  trouble.discover = undefined
  expect(account.state.status).toBe('ok')
  expect(await tick()).toMatchObject({ status: 'ok' })
})
