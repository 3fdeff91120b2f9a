/** When an account is requested: one run at a time, in its place, and not right after a run that failed. */
import { expect, test } from 'vitest'
import {
  accountFixture,
  accountNeeds,
  bareAccount,
  quietCloud,
  refusedAnswer,
  runnerOf,
} from '../../support/account-fixture.ts'
import { settle } from '../../support/fake-clock.ts'
import { finish } from '../../support/scripted.ts'

test.each([
  ['list', 'homescreen', ['token', 'homescreen', 'homescreen', 'manifest_request']],
  ['module', 'manifest', ['token', 'homescreen', 'manifest_request', 'homescreen', 'manifest_request']],
] as const)('a run right after one whose %s was refused waits two seconds', async (_, what, all) => {
  const { runner, clock, trouble, sent, run } = await accountFixture()
  trouble[what] = refusedAnswer
  await run()
  const before = sent().length
  trouble[what] = undefined

  const next = runner.run('schedule')
  await clock.advance(1_999)
  expect(sent()).toHaveLength(before)
  await clock.advance(1)
  await finish(next, clock)

  expect(sent()).toEqual(all)
})

test('a stop ends the wait after a failed run, and nothing is requested', async () => {
  const { runner, reports, trouble, sent, run, stop } = await accountFixture()
  trouble.homescreen = refusedAnswer
  await run()

  const next = runner.run('schedule')
  stop()
  await next

  expect(reports).toHaveLength(1)
  expect(sent()).toEqual(['token', 'homescreen'])
})

test('a run that comes while the previous one is still running is skipped and logged', async () => {
  const { runner, reports, clock, log, sent } = await accountFixture({ answerMs: 1_000 })
  const first = runner.run('schedule')

  await runner.run('schedule', clock.now() + 300_000)

  expect(log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
    { message: 'run skipped: the previous one is still running', fields: { account_id: '8021' } },
  ])
  await finish(first, clock)
  expect(sent()).toEqual(['token', 'homescreen', 'manifest_request'])
  await finish(runner.run('schedule'), clock)
  expect(reports).toHaveLength(2)
})

test('the run of new credentials waits for the run under way, and is not skipped', async () => {
  const { account, runner, clock, log, sent } = await accountFixture({ answerMs: 1_000 })
  const first = runner.run('schedule')
  await clock.advance(500)

  const own = runner.runOne(account)
  await finish(Promise.all([first, own]), clock)

  expect(sent()).toEqual(['token', 'homescreen', 'manifest_request', 'homescreen', 'manifest_request'])
  expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([])
})

test('the time that an account waited for its place is gone from its run', async () => {
  const parts = await accountNeeds()
  const { clock } = parts
  const slow = { ...quietCloud, discover: () => clock.sleep(299_000).then(() => []) }
  const four = ['1', '2', '3', '4'].map((accountId) => bareAccount(clock, { accountId, cloud: slow }))
  const { runner, reports } = runnerOf([...four, bareAccount(clock)], { ...parts, concurrency: 1 })

  await finish(runner.run('schedule'), clock)

  const last = reports.find(({ accountId }) => accountId === '8021')
  expect(last?.modules).toMatchObject([{ reason: 'out_of_time', attempts: 0 }])
})

test('a command is carried out behind the run under way', async () => {
  const { account, runner, clock, sent } = await accountFixture({ answerMs: 1_000 })
  const running = runner.run('schedule')
  await settle()
  const command = runner.command([{ account, choose: async () => ({ list: false, wants: () => true }) }])

  await finish(Promise.all([running, command]), clock)

  expect(sent()).toEqual(['token', 'homescreen', 'manifest_request', 'manifest_request'])
})

test('no command is carried out for an account that was removed before its place', async () => {
  const { account, runner, clock, sent } = await accountFixture()
  const held = account.exclusively(() => clock.sleep(1_000))
  const command = runner.command([{ account, choose: async () => ({ list: true, wants: () => true }) }])

  account.remove()
  await finish(Promise.all([held, command]), clock)

  expect(sent()).toEqual([])
})
