/** Runs over all accounts: when they begin, when they are done, and what is left to the next one. */
import { expect, test } from 'vitest'
import type { Run } from '../../../src/domain/model.ts'
import {
  accountNeeds,
  bareAccount,
  quietCloud,
  runnerOf,
  steadyTimes,
} from '../../support/account-fixture.ts'
import { settle } from '../../support/fake-clock.ts'

const tenSeconds = 10_000

/** Runs of these accounts at an offset of ten seconds, on a schedule of a quarter of an hour. */
async function fixture(count = 1) {
  const parts = await accountNeeds()
  const { clock, notifier } = parts
  const done: Run[] = []
  notifier.add({ runFinished: (run) => done.push(run) })
  const begun: string[] = []
  const accounts = Array.from({ length: count }, (_, index) => {
    const accountId = String(8021 + index)
    const discover = async () => {
      begun.push(accountId)
      return []
    }
    return bareAccount(clock, { accountId, cloud: { ...quietCloud, discover } })
  })
  const start = Promise.withResolvers<void>()
  const times = steadyTimes(clock, 900_000, tenSeconds)
  const mayStart = () => start.promise
  const { runner } = runnerOf(accounts, { ...parts, times, mayStart })
  return { accounts, runner, clock, done, begun, mayStart: () => start.resolve() }
}

test('a run that finds every account still in the previous one is not done', async () => {
  const parts = await accountNeeds()
  const { clock, notifier } = parts
  const hold = Promise.withResolvers<void>()
  const done: Run[] = []
  notifier.add({ runFinished: (run) => done.push(run) })
  const slow = bareAccount(clock, { cloud: { ...quietCloud, discover: () => hold.promise.then(() => []) } })
  const { runner } = runnerOf([slow], parts)
  const first = runner.run('schedule')
  await settle()

  await runner.run('schedule', clock.now() + 1)

  expect(done).toEqual([])
  hold.resolve()
  await first
  expect(done).toHaveLength(1)
})

test('a scheduled run that begins late is notified as so late', async () => {
  const parts = await accountNeeds()
  const late: number[] = []
  parts.notifier.add({ runStarted: (_, lateMs) => late.push(lateMs) })
  const { runner } = runnerOf([bareAccount(parts.clock)], parts)

  await runner.run('schedule', parts.clock.now() - 250)
  await runner.run('start')

  expect(late).toEqual([250, 0])
})

test('a run is done when the last of its accounts is, each at its own offset', async () => {
  const { runner, clock, done } = await fixture(2)

  const running = runner.run('schedule', Date.parse('2026-11-23T09:05:00.000Z'))
  await clock.advance(9_999)
  expect(done).toEqual([])
  await clock.advance(1)
  await running

  expect(done).toMatchObject([{ tickId: '2026-11-23T09:05:00.000Z' }])
})

test('an offset that the computer slept through is left to the next run', async () => {
  const { runner, clock, done } = await fixture()

  const running = runner.run('schedule', clock.now())
  await clock.advance(5_000)
  // The other clock stands still while Linux sleeps.
  clock.setWall(clock.now() + 3_600_000)
  await clock.advance(5_000)
  await running

  expect(done).toEqual([])
})

test('an offset before which no other run comes is kept, also when the clock was set', async () => {
  const { runner, clock, done } = await fixture()

  const running = runner.run('schedule', clock.now())
  await clock.advance(5_000)
  clock.setWall(clock.now() + 600_000)
  await clock.advance(5_000)
  await running

  expect(done).toHaveLength(1)
})

test('a run at startup that waits until another has requested does not request again', async () => {
  const { runner, clock, done, mayStart } = await fixture()
  const starting = runner.run('start')
  const scheduled = runner.run('schedule', Date.parse('2026-11-23T09:05:00.000Z'))
  await clock.advance(tenSeconds)
  await scheduled

  mayStart()
  await starting

  expect(done.map(({ tickId }) => tickId)).toEqual(['2026-11-23T09:05:00.000Z'])
})

test('a run at startup requests while a scheduled one waits for its offset', async () => {
  const { runner, clock, done, mayStart } = await fixture()
  const starting = runner.run('start')
  const scheduled = runner.run('schedule')
  await clock.advance(9_000)

  mayStart()
  await starting

  expect(done).toHaveLength(1)
  await clock.advance(1_000)
  await scheduled
})

test('a stop waits for every account, also after one has ended in an error', async () => {
  const { runner, accounts } = await fixture(2)
  const [first, second] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  const choices = accounts.map((account, index) => ({
    account,
    choose: () => (index === 0 ? first : second).promise,
  }))
  const command = runner.command(choices)
  first.reject(new Error('the disk cannot be read'))
  await expect(command).rejects.toThrow('cannot be read')

  let isIdle = false
  const idle = runner.idle().then(() => {
    isIdle = true
  })
  await settle()
  expect(isIdle).toBe(false)

  second.resolve(undefined)
  await idle
})

test('only the accounts of a fleet are requested in random order', async () => {
  const few = await fixture(32)
  const running = few.runner.run('schedule')
  await few.clock.advance(tenSeconds)
  await running
  expect(few.begun).toEqual(few.accounts.map(({ accountId }) => accountId))

  const many = await fixture(40)
  let draws = 0
  Object.assign(many.clock, { random: () => 1 - ++draws / 100 })
  const fleet = many.runner.run('schedule')
  await many.clock.advance(tenSeconds)
  await fleet
  expect(many.begun).toEqual(many.accounts.map(({ accountId }) => accountId).reverse())
})

test('a stop while an account is being learned ends a single run in order', async () => {
  const parts = await accountNeeds()
  const { runner, stop } = runnerOf([], {
    ...parts,
    registry: {
      accounts: [],
      unidentified: ['environment-1'],
      identify: (_key, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    },
  })
  const running = runner.once()
  await settle()

  stop()

  expect(await running).toEqual([])
})
