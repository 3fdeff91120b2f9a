/** How long an instance may act for an account that it holds. */
import { expect, onTestFinished, test } from 'vitest'
import { LeaseLost } from '../../../src/domain/errors.ts'
import { heldAccounts } from '../../../src/fleet/leases.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { SharedDouble } from '../../support/fleet-double.ts'
import { readableLog } from '../../support/samples.ts'

const requestMs = 10_000

/** Two instances that share two accounts; a lease is 25 s. */
function aFleet() {
  const clock = fakeClock()
  const shared = new SharedDouble(clock, ['8021', '8022'])
  const stop = new AbortController()
  onTestFinished(() => stop.abort(new Error('over')))
  const instance = () => {
    const log = readableLog()
    const lost: string[] = []
    const held = heldAccounts({ leases: shared.open().leases, requestMs, clock, log }, (accountId, reason) =>
      lost.push(`${accountId}: ${reason.message}`),
    )
    return { held, log, lost, keep: () => held.keep(stop.signal) }
  }
  return { clock, shared, one: instance(), other: instance() }
}

test('a request may go out only as long as it must end within the lease', async () => {
  const { clock, one } = aFleet()
  await one.held.acquire('8021')

  await clock.advance(12_999)
  expect(() => one.held.guard('8021')).not.toThrow()
  await clock.advance(1)
  expect(() => one.held.guard('8021')).toThrow(LeaseLost)
})

test('a lease that is renewed is good for as long as it is renewed', async () => {
  const { clock, one, other } = aFleet()
  await one.held.acquire('8021')
  void one.keep()

  await clock.advance(300_000)

  expect(() => one.held.guard('8021')).not.toThrow()
  expect(await other.held.acquire('8021')).toBe('held')
})

test('without a database nothing is requested before another can have the account', async () => {
  const { clock, one, other, shared } = aFleet()
  await one.held.acquire('8021')
  void one.keep()
  await clock.advance(60_000)
  shared.isAway = true
  const quietFor = async (ms: number) => {
    await clock.advance(ms)
    try {
      one.held.guard('8021')
      return false
    } catch {
      return true
    }
  }
  let quietSince = 0
  while (!(await quietFor(1_000))) quietSince += 1_000

  await clock.advance(requestMs + 2_001)
  shared.isAway = false

  expect(quietSince).toBeLessThanOrEqual(13_000)
  expect(await other.held.acquire('8021')).toMatchObject({ accountId: '8021' })
})

test('a process that stood still requests nothing when it goes on', async () => {
  const { clock, one } = aFleet()
  await one.held.acquire('8021')

  await clock.advance(60_000)

  expect(() => one.held.guard('8021')).toThrow(LeaseLost)
})

test('a computer that slept requests nothing: the one clock says it', async () => {
  const { clock, one } = aFleet()
  await one.held.acquire('8021')

  clock.setWall(clock.now() + 60_000)

  expect(() => one.held.guard('8021')).toThrow(LeaseLost)
})

test('a clock that is set back prolongs no lease', async () => {
  const { clock, one } = aFleet()
  await one.held.acquire('8021')

  clock.setWall(clock.now() - 3_600_000)
  await clock.advance(13_000)

  expect(() => one.held.guard('8021')).toThrow(LeaseLost)
})

test('an account taken over meanwhile is lost at the next renewal, with what is published', async () => {
  const { clock, one, other, shared } = aFleet()
  await one.held.acquire('8021')
  const publishing = one.held.holding('8021')
  void one.keep()
  shared.isAway = true
  await clock.advance(26_000)
  shared.isAway = false
  await other.held.acquire('8021')
  expect(publishing?.aborted).toBe(false)

  await clock.advance(5_000)

  expect(one.lost).toEqual(['8021: account 8021 belongs to another instance'])
  expect(publishing?.aborted).toBe(true)
  expect(one.held.holding('8021')).toBeUndefined()
  expect(() => other.held.guard('8021')).not.toThrow()
})

test('an account that was given back is requested no more, and free at once', async () => {
  const { one, other, clock } = aFleet()
  await one.held.acquire('8021')
  const snapshot = {
    accountId: '8021',
    status: 'ok',
    since: clock.now(),
    detail: undefined,
    retryAt: undefined,
  } as const

  await one.held.release('8021', { snapshot, access: undefined, run: undefined })

  expect(() => one.held.guard('8021')).toThrow(LeaseLost)
  expect(await other.held.acquire('8021')).toMatchObject({ accountId: '8021' })
})
