import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CircuitBreaker } from '../../../src/accounts/circuit-breaker.ts'
import { openBudget, plannedBudget } from '../../../src/accounts/request-budget.ts'
import type { Spent } from '../../../src/domain/model.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { openCredentials } from '../../../src/storage/credentials.ts'
import { accountFixture } from '../../support/account-fixture.ts'
import { scripted } from '../../support/blink-scripted.ts'
import { type FakeClock, fakeClock, settle } from '../../support/fake-clock.ts'
import { start, temporaryDirectory } from '../../support/samples.ts'
import { notSent } from '../../support/scripted.ts'

const hour = 3_600_000
const midnight = Date.parse('2026-11-24T00:00:00.000Z')

/** A budget of so many requests, and what was kept of it. */
function budgetOf(limit: number, clock: FakeClock = fakeClock(), kept?: Spent) {
  const saved: Spent[] = []
  const save = (spent: Spent) => Promise.resolve(void saved.push(spent))
  return { clock, saved, budget: openBudget({ kept, limit: () => limit, automatic: false, clock, save }) }
}

test('sixty kills in a day leave an account most of its budget', async () => {
  const clock = fakeClock()
  let disk: Spent | undefined
  for (let kills = 0; kills < 60; kills++) {
    const { budget, saved } = budgetOf(1_944, clock, disk)
    for (let requests = 0; requests < 5; requests++) budget.spend()
    await settle()
    disk = saved.at(-1) ?? disk
  }

  const { budget } = budgetOf(1_944, clock, disk)

  expect(budget.spent).toBeLessThan(1_000)
})

test('a sparser schedule does not overdraw its budget by what a denser one spent', () => {
  const clock = fakeClock()
  const kept = { day: Math.floor(start / (24 * hour)), requests: 500, limit: 1_000 }
  const save = () => Promise.resolve()
  const byPlan = openBudget({ kept, limit: () => 100, automatic: true, clock, save })
  const byOwner = openBudget({ kept, limit: () => 100, automatic: false, clock, save })

  expect([byPlan.limit, byPlan.usedUpUntil]).toEqual([1_000, undefined])
  expect([byOwner.limit, byOwner.usedUpUntil]).toEqual([100, midnight])
})

test('a budget ends with its last request and is there again at midnight UTC', async () => {
  const { budget, clock } = budgetOf(3)
  for (let requests = 0; requests < 2; requests++) budget.spend()
  expect(budget.usedUpUntil).toBeUndefined()

  budget.spend()
  expect(budget.usedUpUntil).toBe(midnight)

  await clock.advance(midnight - start - 1)
  expect(budget.usedUpUntil).toBe(midnight)
  await clock.advance(1)
  expect([budget.usedUpUntil, budget.spent]).toEqual([undefined, 0])
})

test('whoever reads the disk finds a budget used up when it is, and not a part before', async () => {
  const { budget, saved } = budgetOf(1_000)
  const isUsedUpOnDisk = () => (saved.at(-1)?.requests ?? 0) >= 1_000

  for (let requests = 0; requests < 999; requests++) {
    budget.spend()
    await settle()
    expect(isUsedUpOnDisk()).toBe(false)
  }

  budget.spend()
  await settle()
  expect(isUsedUpOnDisk()).toBe(true)
})

test('a request that never left is given back', () => {
  const { budget } = budgetOf(1)

  budget.spend()
  budget.refund()

  expect([budget.spent, budget.usedUpUntil]).toEqual([0, undefined])
})

test('a restart gives no budget back, and a day is written 200 times at most', async () => {
  const events = fc.array(fc.constantFrom('spend', 'spend', 'spend', 'kill', 'restart'), { maxLength: 400 })
  await fc.assert(
    fc.asyncProperty(events, async (all) => {
      const clock = fakeClock()
      let { budget, saved } = budgetOf(1_000, clock)
      let disk: Spent | undefined
      let [spent, kills] = [0, 0]
      for (const event of all) {
        if (event === 'spend') {
          spent++
          budget.spend()
          continue
        }
        if (event === 'kill') kills++
        else await budget.close()
        await settle()
        disk = saved.at(-1) ?? disk
        ;({ budget, saved } = budgetOf(1_000, clock, disk))
      }

      expect(budget.spent).toBeGreaterThanOrEqual(spent)
      expect(budget.spent).toBeLessThanOrEqual(spent + kills * 6)
    }),
    { numRuns: 100 },
  )

  const { budget, saved } = budgetOf(1_000)
  for (let requests = 0; requests < 1_000; requests++) budget.spend()
  await budget.close()
  expect(saved.length).toBeLessThanOrEqual(200)
  expect(saved.at(-1)?.requests).toBe(1_000)
})

test('a clock set back gives no budget back, one set forward no more than a day', async () => {
  const { budget, clock } = budgetOf(10)
  for (let requests = 0; requests < 10; requests++) budget.spend()

  clock.setWall(start - 48 * hour)
  expect(budget.usedUpUntil).toBe(midnight - 48 * hour)
  clock.setWall(start)
  expect(budget.spent).toBe(0)
})

test('what was spent is kept beside the credentials; what is unreadable is nothing', async () => {
  const directory = temporaryDirectory()
  const { limits } = await openCredentials(directory)
  expect(await limits.spent('8021')).toBeUndefined()

  await limits.saveSpent('8021', { day: 20_000, requests: 7, limit: 9 })
  expect(await limits.spent('8021')).toEqual({ day: 20_000, requests: 7, limit: 9 })

  writeFileSync(join(directory, 'logins', '8021.spent.json'), '\0\0\0')
  expect(await limits.spent('8021')).toBeUndefined()
})

test('the automatic budget is one and a half times the plan', () => {
  // 288 slots and 24 other ticks, each with a home screen and two requests, and 48 tokens.
  expect(plannedBudget({ runsPerDay: 288, modules: 2 })).toBe(1.5 * (312 * 3 + 48))
  expect(plannedBudget({ runsPerDay: 1, modules: 0 })).toBe(1.5 * (25 * 2 + 48))
})

test('no normal day uses the budget up, with its starts, retries and hours of trouble', () => {
  const day = fc.record({
    runsPerDay: fc.integer({ min: 1, max: 1_440 }),
    modules: fc.integer({ min: 0, max: 200 }),
    starts: fc.integer({ min: 0, max: 24 }),
    /** The share of the manifest requests that find their module busy once. */
    busy: fc.double({ min: 0, max: 0.4, noNaN: true }),
    /** The share of the day in which the home screen fails three times. */
    trouble: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(day, ({ runsPerDay, modules, starts, busy, trouble }) => {
      const bad = Math.floor(runsPerDay * trouble)
      const good = runsPerDay - bad + starts
      const asked = good * (1 + modules + Math.floor(modules * busy)) + bad * 3 + 24 + starts

      expect(asked).toBeLessThan(plannedBudget({ runsPerDay, modules }))
    }),
    { numRuns: 300 },
  )
})

test('a used-up budget is throttled until midnight, logged once, and nothing is sent', async () => {
  const spent = { day: Math.floor(start / (24 * hour)), requests: 2, limit: 2 }
  const { account, clock, sent, limits, log, run } = await accountFixture({ dailyBudget: 2, spent })
  expect(account.snapshot).toMatchObject({ status: 'throttled', retryAt: midnight })

  for (let runs = 0; runs < 3; runs++) {
    expect(await run()).toMatchObject({ account: { status: 'throttled', failure: { retryAt: midnight } } })
  }

  expect(sent()).toEqual([])
  expect(account.snapshot.detail).toContain('daily budget of 2 requests is used up')
  expect(log.lines.length).toBeLessThanOrEqual(1)
  // Our own limit is no refusal of the cloud's: the breaker stays closed.
  await clock.advance(midnight - clock.now())
  expect([account.breaker.pause, limits.breakers]).toEqual([undefined, []])
})

test('each request is counted, and one that was never sent is not', async () => {
  const { account, trouble, run } = await accountFixture()
  await run()
  expect(account.budget.spent).toBe(3)

  trouble.homescreen = notSent
  await run()

  expect(account.budget.spent).toBe(3)
})

test('requests that wait while the budget ends are not sent', async () => {
  const { budget, clock } = budgetOf(1)
  const http = scripted(() => [200, {}])
  const breaker = new CircuitBreaker({
    ...{ breaker: closedBreaker, budget, clock },
    finished: () => undefined,
    save: () => Promise.resolve(),
  })
  const client = breaker.protect(http)
  const call = { kind: 'homescreen', url: 'https://rest.test/', headers: {} } as const
  const never = new AbortController().signal

  const ends = await Promise.allSettled([client.request(call, never), client.request(call, never)])

  expect(ends).toMatchObject([{ status: 'fulfilled' }, { reason: { retryAt: midnight } }])
  expect(http.calls).toHaveLength(1)
})
