/** The state of an account that is published, and what its runs make of it. */
import { expect, test } from 'vitest'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import {
  accountFixture,
  refusedAnswer,
  throttledAnswer,
  withdrawnAnswer,
} from '../../support/account-fixture.ts'
import { someCredentials } from '../../support/blink-scripted.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { start } from '../../support/samples.ts'
import { answerLost, diskFull, finish, notSent } from '../../support/scripted.ts'

const otherCredentials = { ...someCredentials({ key: '8021-login-2' }), accountId: '8021' }

test('an account that nothing is known against is ok', async () => {
  const { account } = await accountFixture()

  expect(account.snapshot).toEqual({
    accountId: '8021',
    status: 'ok',
    since: start,
    detail: undefined,
    retryAt: undefined,
  })
})

test('an account whose token was refused before the start needs a person, since then', async () => {
  const { account } = await accountFixture({ credentials: { refusedAt: start - 5_000 } })

  expect(account.snapshot).toMatchObject({
    status: 'login_required',
    since: start - 5_000,
    retryAt: undefined,
  })
})

test('an account that cannot be requested is logged at each start', async () => {
  const { log } = await accountFixture({ credentials: { refusedAt: start - 5_000 } })

  expect(log.lines).toMatchObject([{ level: 'error', message: 'account needs a person to sign in' }])
})

test('an account that needs a code has that state before and after a restart', async () => {
  const { account, trouble, run, log, sent, credentials } = await accountFixture()
  trouble.token = [412, { next_time_in_secs: 30 }]

  expect(await run()).toMatchObject({ account: { status: 'two_factor_required' } })
  await run()
  expect(account.snapshot.status).toBe('two_factor_required')
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  expect(sent()).toEqual(['token'])

  const [kept] = await credentials.list()
  const again = await accountFixture({ credentials: kept ?? {} })
  expect(again.account.snapshot).toMatchObject({
    status: 'two_factor_required',
    since: start,
    detail: expect.stringMatching(/wants a code/),
  })
})

test('an account that was paused before the start stays so until the same moment', async () => {
  const breaker = { failures: 1, openUntil: start + 60_000 }
  const { account, sent, run } = await accountFixture({ breaker })
  expect(account.snapshot).toMatchObject({ status: 'throttled', retryAt: start + 60_000 })

  const report = await run()

  expect(sent()).toEqual([])
  expect(report?.account).toMatchObject({ status: 'throttled', failure: { retryAt: start + 60_000 } })
})

test('a good run changes nothing of the state and logs nothing', async () => {
  const { account, states, log, run } = await accountFixture()

  expect(await run()).toMatchObject({ account: { status: 'ok' }, modules: [{ kind: 'requested' }] })

  expect(account.snapshot.status).toBe('ok')
  expect(states).toEqual([])
  expect(log.lines.filter(({ level }) => level !== 'debug')).toEqual([])
})

test('a change of state is reported and logged once, however many runs it lasts', async () => {
  const { account, states, log, trouble, run } = await accountFixture()
  trouble.homescreen = [401, {}]
  for (let runs = 0; runs < 3; runs++) await run()
  expect(account.snapshot.status).toBe('unreachable')
  trouble.homescreen = undefined
  for (let runs = 0; runs < 3; runs++) await run()

  expect([states[0], states.at(-1)]).toEqual(['unreachable', 'ok'])
  expect(log.lines.flatMap(({ level, message }) => (level === 'debug' ? [] : [[level, message]]))).toEqual([
    ['warn', 'account cannot be requested'],
    ['info', 'account works again'],
  ])
})

test('since is right once a clock that started in 1970 is set', async () => {
  const clock = fakeClock(5_000)
  const { account } = await accountFixture({ clock })
  await clock.advance(60_000)
  expect(account.snapshot.since).toBe(5_000)

  clock.setWall(start)

  expect(account.snapshot.since).toBe(start - 60_000)
})

test('since is when the state began, though the reason for it changes', async () => {
  const { account, clock, trouble, states, run } = await accountFixture()
  trouble.homescreen = notSent
  await run()
  const { since, detail } = account.snapshot
  await clock.advance(300_000)
  trouble.homescreen = answerLost
  await run()

  expect(account.snapshot).toMatchObject({ status: 'unreachable', since })
  expect(account.snapshot.detail).not.toBe(detail)
  expect(states).toEqual(['unreachable', 'unreachable'])
})

test('a throttle pauses the account; a good run after the pause makes it ok', async () => {
  const { account, clock, trouble, sent, limits, states, run } = await accountFixture()
  trouble.manifest = throttledAnswer
  await run()
  expect(account.snapshot).toMatchObject({ status: 'throttled', retryAt: start + 300_000 })
  trouble.manifest = undefined
  await run()
  expect(sent()).toEqual(['token', 'homescreen', 'manifest_request'])

  await clock.advance(300_000)
  await run()

  expect(sent().slice(3)).toEqual(['homescreen', 'manifest_request'])
  expect(account.snapshot).toMatchObject({ status: 'ok', retryAt: undefined, detail: undefined })
  expect([states[0], states.at(-1)]).toEqual(['throttled', 'ok'])
  expect(limits.breakers.at(-1)).toEqual(closedBreaker)
})

test('a run in which nothing went well does not close the breaker', async () => {
  const { trouble, limits, run } = await accountFixture({ breaker: { failures: 2, openUntil: start - 1 } })
  trouble.homescreen = refusedAnswer

  await run()

  expect(limits.breakers).toEqual([])
})

test('a paused account is not requested when its pause could not be stored', async () => {
  const { trouble, limits, sent, run } = await accountFixture()
  trouble.manifest = throttledAnswer
  limits.refuses = diskFull
  await run()

  await run()

  expect(sent()).toEqual(['token', 'homescreen', 'manifest_request'])
})

test('a full disk loses no report and is reported as what it is', async () => {
  const fixture = await accountFixture({ breaker: { failures: 1, openUntil: start - 1 } })
  fixture.limits.refuses = diskFull
  fixture.trouble.record = diskFull

  const report = await fixture.run()

  expect(report?.modules).toMatchObject([{ kind: 'failed', failure: { code: 'store_failed' } }])
  expect(report?.account.failure).toMatchObject({ code: 'store_failed' })
})

test('a bug in a run is no state of the account, and the next run can begin', async () => {
  const bug = new TypeError('x is not a function')
  const { account, trouble, run } = await accountFixture()
  trouble.homescreen = bug

  await expect(run()).rejects.toBe(bug)

  trouble.homescreen = undefined
  expect(account.snapshot.status).toBe('ok')
  expect(await run()).toMatchObject({ account: { status: 'ok' } })
})

test('new credentials make an account ok again, with the pause that was there', async () => {
  const { account, clock, trouble, run, http } = await accountFixture()
  trouble.token = withdrawnAnswer
  await run()
  expect(account.snapshot.status).toBe('login_required')
  trouble.token = undefined
  await clock.advance(5_000)

  account.signIn(otherCredentials)

  expect(account.snapshot).toMatchObject({ status: 'ok', since: start + 5_000, detail: undefined })
  expect(await run()).toMatchObject({ account: { status: 'ok' } })
  expect(http.calls.at(-1)?.headers.authorization).toMatch(/access-/)
})

test('new credentials of an account that is ok do not change since when it is', async () => {
  const { account, clock } = await accountFixture()
  await clock.advance(5_000)

  account.signIn(otherCredentials)

  expect(account.snapshot).toMatchObject({ status: 'ok', since: start })
})

test('a refusal of the credentials that were replaced is not the state of the new ones', async () => {
  const { account, runner, trouble, clock, states } = await accountFixture({ answerMs: 1_000 })
  trouble.token = withdrawnAnswer
  const running = runner.run('schedule')
  await clock.advance(500)

  account.signIn(otherCredentials)
  await finish(running, clock)

  expect(account.snapshot.status).toBe('ok')
  expect(states).toEqual([])
})

test('new credentials do not end a pause', async () => {
  const { account, trouble, sent, run } = await accountFixture()
  trouble.manifest = throttledAnswer
  await run()

  account.signIn(otherCredentials)
  await run()

  expect(account.snapshot).toMatchObject({ status: 'throttled', retryAt: start + 300_000 })
  expect(sent()).toEqual(['token', 'homescreen', 'manifest_request'])
})

test('a removed account sends nothing more', async () => {
  const { account, runner, clock, sent } = await accountFixture({ answerMs: 1_000 })
  const running = runner.run('schedule')
  await clock.advance(1_500)

  account.remove()
  await finish(running, clock)
  await finish(runner.run('schedule'), clock)

  expect(sent()).toEqual(['token', 'homescreen'])
})

test('a list that comes after a logout is not kept for the budget', async () => {
  const { account, runner, clock, limits, sent } = await accountFixture({ answerMs: 1_000 })
  const running = runner.run('schedule')
  await clock.advance(1_500)

  account.remove()
  await limits.remove('8021')
  await finish(running, clock)

  expect(sent()).toContain('homescreen')
  expect(await limits.moduleCount('8021')).toBeUndefined()
})
