import { expect, test } from 'vitest'
import type { Account, AccountTick } from '../../../src/accounts/account.ts'
import { ticksOf } from '../../../src/scheduler/runner.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'

/** Ticks of accounts that come to this, and the slots that were told to be done. */
function ticking(...ends: readonly (AccountTick | undefined)[]) {
  const clock = fakeClock()
  const done: string[] = []
  const { promise: mayStart, resolve: start } = Promise.withResolvers<boolean>()
  const accounts = ends.map(
    (end, index): Account => ({
      loginKey: `login-${index}`,
      accountId: String(8021 + index),
      command: async () => undefined,
      state: { status: 'ok', since: 0, detail: undefined, retryAt: undefined },
      tick: async () => end,
    }),
  )
  const ticks = ticksOf({
    accounts,
    onlookers: { slot: ({ tickId }) => done.push(tickId) },
    ticked: () => undefined,
    offsetOf: () => 10_000,
    mayStart: () => mayStart,
    slots: () => [clock.now() + 900_000, clock.now() + 1_800_000],
    clock,
    stopping: new AbortController().signal,
  })
  return { ticks, clock, done, start }
}

/** Two accounts that are at a command until the test ends it. */
function commanded() {
  const clock = fakeClock()
  const ends = ['login-0', 'login-1'].map((loginKey) => {
    const { promise, resolve, reject } = Promise.withResolvers<AccountTick | undefined>()
    const account: Account = {
      ...{ loginKey, accountId: undefined, tick: async () => undefined, command: () => promise },
      state: { status: 'ok', since: 0, detail: undefined, retryAt: undefined },
    }
    return { account, resolve, reject }
  })
  const ticks = ticksOf({
    accounts: ends.map(({ account }) => account),
    ...{ onlookers: { slot: () => undefined }, ticked: () => undefined },
    ...{ offsetOf: () => 0, mayStart: async () => true, slots: () => [], clock },
    stopping: new AbortController().signal,
  })
  return { ticks, ends }
}

const asked: AccountTick = { loginKey: 'login-0', report: undefined, failure: undefined, status: 'ok' }

test('a slot that finds every account still at its last tick is not told to be done', async () => {
  const { ticks, done, start } = ticking(undefined, undefined)
  start(true)

  await ticks.tick('start')

  expect(done).toEqual([])
})

test('a slot is done when the last of its accounts is, each at its own moment', async () => {
  const { ticks, clock, done } = ticking(asked, undefined)

  const running = ticks.tick('schedule', Date.parse('2026-11-23T09:05:00.000Z'))
  await clock.advance(9_999)
  expect(done).toEqual([])
  await clock.advance(1)
  await running

  expect(done).toEqual(['2026-11-23T09:05:00.000Z'])
})

test('a moment that the computer slept through is left to the newer slot', async () => {
  const { ticks, clock, done } = ticking(asked)

  const running = ticks.tick('schedule', clock.now())
  await clock.advance(5_000)
  // The other clock stands still while Linux sleeps.
  clock.setWall(clock.now() + 3_600_000)
  await clock.advance(5_000)
  await running

  expect(done).toEqual([])
})

test('a moment behind which the next slot is still to come is kept', async () => {
  const { ticks, clock, done } = ticking(asked)

  const running = ticks.tick('schedule', clock.now())
  await clock.advance(5_000)
  clock.setWall(clock.now() + 600_000)
  await clock.advance(5_000)
  await running

  expect(done).toHaveLength(1)
})

test('a tick on start that waits until a slot has asked does not ask again behind it', async () => {
  const { ticks, clock, done, start } = ticking(asked)
  const starting = ticks.tick('start')
  const slot = ticks.tick('schedule', Date.parse('2026-11-23T09:05:00.000Z'))
  await clock.advance(10_000)
  await slot

  start(true)
  await starting

  expect(done).toEqual(['2026-11-23T09:05:00.000Z'])
})

test('a tick on start asks while the slot that came meanwhile waits for its moment', async () => {
  const { ticks, clock, done, start } = ticking(asked)
  const starting = ticks.tick('start')
  const slot = ticks.tick('schedule')
  await clock.advance(9_000)

  start(true)
  await starting

  expect(done).toHaveLength(1)
  await clock.advance(1_000)
  await slot
})

test('a stop waits for every account, also after one has ended in an error', async () => {
  const { ticks, ends } = commanded()
  const command = ticks.command(ends.map(({ account }) => ({ account, choose: () => undefined })))
  const [first, second] = ends
  first?.reject(new Error('the disk cannot be read'))
  await expect(command).rejects.toThrow('cannot be read')

  let isIdle = false
  const idle = ticks.idle().then(() => {
    isIdle = true
  })
  await settle()
  expect(isIdle).toBe(false)

  second?.resolve(undefined)
  await idle
})
