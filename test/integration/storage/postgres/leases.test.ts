/** Leases and their fences: one instance works on an account, and whoever has lost it changes nothing. */
import { afterAll, beforeAll, expect } from 'vitest'
import { LeaseLost } from '../../../../src/domain/errors.ts'
import { keyOf } from '../../../../src/domain/model.ts'
import { Secret } from '../../../../src/domain/secret.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../../../support/postgres.ts'
import {
  acquired,
  aLogin,
  idsWaiting,
  lapsedMs,
  left,
  longMs,
  twoInstances,
} from '../../../support/postgres-instances.ts'
import { aModule, anItem, failed, requested } from '../../../support/samples.ts'

let server: Postgres

beforeAll(async () => {
  if (!isPostgresMissing) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const fleet = (...accountIds: readonly string[]) => twoInstances(server, accountIds)

postgresTest('of two that want an account at once, one gets it', async () => {
  const { one, two } = await fleet('8021')

  const both = await Promise.all([one, two].map(({ leases }) => leases.acquire('8021', longMs)))

  expect(both.filter((leased) => leased === 'held')).toHaveLength(1)
  expect(one.leases.held.size + two.leases.held.size).toBe(1)
})

postgresTest('an account without credentials is gone, one of another instance is held', async () => {
  const { one, two, person, logins } = await fleet('8021')
  await acquired(one, '8021')

  expect(await two.leases.acquire('8021', longMs)).toBe('held')
  expect(await two.leases.acquire('9000', longMs)).toBeUndefined()
  await person.credentials.forget(logins[0]?.key ?? '')
  expect(await two.leases.acquire('8021', longMs)).toBeUndefined()
})

postgresTest('an old owner changes nothing, learns it, and tells its listeners', async () => {
  const { one, two } = await fleet('8021')
  await acquired(one, '8021', lapsedMs)
  await one.ledger.seen('8021', [aModule()])
  await acquired(two, '8021')
  await two.ledger.record(requested(anItem({ requestId: '1' })))
  const lost: string[] = []
  one.leases.onLost((accountId) => lost.push(accountId))

  const late = one.ledger.record(requested(anItem({ requestId: '2' })))

  await expect(late).rejects.toThrow(LeaseLost)
  expect([lost, [...one.leases.held]]).toEqual([['8021'], []])
  expect(await idsWaiting(two)).toEqual(['1'])
  expect(await two.ledger.read(aModule())).toMatchObject({
    requestsTotal: 1,
    lastAccepted: { requestId: '1' },
  })
  // It shows what the new owner has kept, and nothing of its own.
  expect(await one.ledger.read(aModule())).toEqual(await two.ledger.read(aModule()))
})

postgresTest('no write of an account is taken from an old owner', async () => {
  const { one, two, logins } = await fleet('8021')
  const breaker = { failures: 1, openUntil: 5 }
  const writes = [
    () => one.ledger.seen('8021', [aModule()]),
    () => one.ledger.record(failed()),
    () => one.marks.mark(aModule(), 'tick'),
    () => one.limits.saveBreaker('8021', breaker),
    () => one.limits.saveSpent('8021', { day: 1, requests: 1, limit: 1 }),
    () => one.limits.saveModuleCount('8021', 3),
    () => one.credentials.save({ ...aLogin('8021'), ...logins[0], refreshToken: new Secret('stolen') }),
  ]
  for (const write of writes) {
    await acquired(one, '8021', lapsedMs)
    await acquired(two, '8021', lapsedMs)

    await expect(write()).rejects.toThrow(LeaseLost)
  }
  const next = await acquired(two, '8021')

  expect(next.credentials.refreshToken.reveal()).toBe(logins[0]?.refreshToken.reveal())
  expect(await two.limits.breaker('8021')).toEqual({ failures: 0, openUntil: undefined })
  expect([await two.limits.spent('8021'), await two.limits.moduleCount('8021')]).toEqual([
    undefined,
    undefined,
  ])
  expect(await two.ledger.keys()).toEqual([])
})

postgresTest('one lost account does not harm the others of the same commit', async () => {
  const { one, two } = await fleet('8021', '9000')
  await acquired(one, '8021', lapsedMs)
  await acquired(one, '9000')
  await acquired(two, '8021')
  const theirs = { accountId: '9000', requestId: '2' }

  const results = await Promise.allSettled([
    one.ledger.record(requested(anItem({ requestId: '1' }))),
    one.ledger.record(requested(anItem(theirs))),
  ])

  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  expect([await idsWaiting(one), await idsWaiting(two)]).toEqual([['2'], []])
})

postgresTest('a lease that is renewed stays, one that was taken is lost', async () => {
  const { one, two } = await fleet('8021', '9000')
  await acquired(one, '8021', lapsedMs)
  await acquired(one, '9000', lapsedMs)
  await acquired(two, '9000')
  const lost: string[] = []
  one.leases.onLost((accountId) => lost.push(accountId))

  await one.leases.renew(longMs)

  expect([lost, [...one.leases.held]]).toEqual([['9000'], ['8021']])
  expect(await two.leases.acquire('8021', longMs)).toBe('held')
})

postgresTest('a new sign-in takes the account from its owner, and is wanted soon', async () => {
  const { one, two, person, logins } = await fleet('8021')
  const first = await acquired(one, '8021')
  expect([first.isFresh, await two.leases.fresh(10)]).toEqual([true, []])

  const login = aLogin('8021')
  await person.credentials.save(login)
  await person.credentials.forget(logins[0]?.key ?? '')

  expect(await two.leases.fresh(10)).toEqual(['8021'])
  await expect(one.ledger.record(requested())).rejects.toThrow(LeaseLost)
  const next = await acquired(two, '8021')
  expect([next.isFresh, next.credentials.key]).toEqual([true, login.key])
})

postgresTest('events that nobody delivers are those of accounts that nobody holds', async () => {
  const { one, two } = await fleet('8021', '8022', '8023')
  for (const accountId of ['8021', '8022', '8023']) await acquired(one, accountId)
  for (const accountId of ['8021', '8022'])
    await one.ledger.record(requested(anItem({ accountId, requestId: accountId })))

  expect(await two.leases.undelivered(10)).toEqual([])
  for (const accountId of ['8021', '8023']) await one.leases.release(accountId, left(accountId))
  expect(await two.leases.undelivered(10)).toEqual(['8021'])
  await acquired(two, '8021')
  await acquired(one, '8022', lapsedMs)
  expect(await two.leases.undelivered(10)).toEqual(['8022'])
})

postgresTest('what an owner leaves is what the next one finds', async () => {
  const { one, two } = await fleet('8021')
  await acquired(one, '8021')
  await one.limits.saveBreaker('8021', { failures: 2, openUntil: 9 })
  const access = { accessToken: new Secret('access'), expiresAt: 7_000 }
  const counts = { requested: 3, failed: 1, skipped: 0 }
  const { snapshot } = left('8021', { status: 'throttled', detail: 'slow down', retryAt: 9 })

  await one.leases.release('8021', { snapshot, access, run: { at: 5_000, counts } })

  expect([...one.leases.held]).toEqual([])
  const next = await acquired(two, '8021')
  expect([next.snapshot, next.lastRun, next.isFresh]).toEqual([snapshot, 5_000, false])
  expect([next.access?.accessToken.reveal(), next.access?.expiresAt]).toEqual(['access', 7_000])
  expect(await two.limits.breaker('8021')).toEqual({ failures: 2, openUntil: 9 })
})

postgresTest('a write on its way when the account is given back comes too late', async () => {
  const { one } = await fleet('8021')
  await acquired(one, '8021')
  const giving = one.leases.release('8021', left('8021'))

  const late = one.ledger.record(requested()).then(
    () => 'kept',
    (error: unknown) => error instanceof LeaseLost,
  )

  await giving
  // Whichever came first: what was kept waits, what was not is an error.
  expect(await one.outbox.count()).toBe((await late) === 'kept' ? 1 : 0)
})

postgresTest('events wait for whoever holds their account, in their order', async () => {
  const { one, two } = await fleet('8021', '9000')
  await acquired(one, '8021')
  await acquired(one, '9000')
  for (const requestId of ['1', '2']) await one.ledger.record(requested(anItem({ requestId })))
  await one.ledger.record(requested(anItem({ accountId: '9000', requestId: '3' })))
  expect(await idsWaiting(two)).toEqual([])
  await one.leases.release('8021', left('8021'))
  const woken: unknown[] = []
  two.outbox.onArrival((added) => woken.push(added))

  await acquired(two, '8021')

  expect(woken).toEqual([undefined])
  expect([await idsWaiting(one), await idsWaiting(two)]).toEqual([['3'], ['1', '2']])
  await two.ledger.record(requested(anItem({ requestId: '4' })))
  const waiting = await two.outbox.waiting(10, [])
  expect(waiting.map(({ event }) => event.body.eventId)).toEqual(
    ['1', '2', '4'].map((requestId) => anItem({ requestId }).eventId),
  )
  expect(waiting.map(({ seq }) => seq)).toEqual(waiting.map(({ seq }) => seq).sort((a, b) => a - b))
  expect([await two.leases.waiting('8021'), await one.outbox.count()]).toEqual([3, 4])
})

postgresTest('expired events go with whoever holds them, or with anybody when nobody does', async () => {
  const { one, two } = await fleet('8021', '9000', '7')
  const expired = { expiresAt: 1 }
  for (const accountId of ['8021', '9000', '7']) {
    await acquired(one, accountId)
    await one.ledger.record(requested(anItem({ accountId, requestId: accountId, ...expired })))
  }
  await one.leases.release('9000', left('9000'))
  await one.leases.release('7', left('7'))
  await acquired(two, '7')

  expect(await two.outbox.sweep(2, [])).toEqual(new Map([['manifest_requested', 2]]))
  expect(await idsWaiting(one)).toEqual(['8021'])
  expect(await one.outbox.sweep(2, [])).toEqual(new Map([['manifest_requested', 1]]))
})

postgresTest('an acknowledgement counts, whoever holds the account by then', async () => {
  const { one, two } = await fleet('8021')
  await acquired(one, '8021', lapsedMs)
  await one.ledger.record(requested())
  const seqs = (await one.outbox.waiting(10, [])).map(({ seq }) => seq)
  await acquired(two, '8021')

  await one.outbox.remove(seqs)

  expect(await idsWaiting(two)).toEqual([])
})

postgresTest('a mark is there for the next owner, answered or not', async () => {
  const { one, two } = await fleet('8021')
  const [hall, barn] = [aModule(), aModule({ syncModuleId: '9' })]
  await acquired(one, '8021', lapsedMs)
  await one.ledger.seen('8021', [hall, barn, aModule({ syncModuleId: '10' })])
  await one.marks.mark(hall, 'tick')
  await one.ledger.record(requested(anItem(), hall))
  await one.marks.mark(barn, 'tick')

  await acquired(two, '8021')

  const marked = new Map([
    [keyOf(hall), 'answered'],
    [keyOf(barn), 'unanswered'],
  ])
  expect(await two.marks.marked('8021', 'tick')).toEqual(marked)
  expect(await two.marks.marked('8021', 'another')).toEqual(new Map())
})
