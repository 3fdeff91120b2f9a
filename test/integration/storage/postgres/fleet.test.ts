/** What instances know of each other through the database: runs, commands, names, and what changed. */
import { afterAll, beforeAll, expect } from 'vitest'
import type { FleetRun, SharedStorage } from '../../../../src/domain/fleet.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../../../support/postgres.ts'
import {
  acquired,
  aLogin,
  lapsedMs,
  left,
  longMs,
  twoInstances,
} from '../../../support/postgres-instances.ts'
import { aModule, anItem, requested } from '../../../support/samples.ts'

let server: Postgres

beforeAll(async () => {
  if (!isPostgresMissing) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const fleet = (...accountIds: readonly string[]) => twoInstances(server, accountIds)

const run: FleetRun = { at: Date.now(), trigger: 'schedule' }
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${1_000 + index}`)

async function fanOutAll(storage: SharedStorage, sent: string[], limit = 3): Promise<void> {
  const send = async (accountIds: readonly string[]) => void sent.push(...accountIds)
  while ((await storage.runs.fanOut(run, limit, send)) > 0);
}

postgresTest('a clock that is far ahead begins no run', async () => {
  const { one, two } = await fleet()
  const tomorrow = { ...run, at: run.at + 24 * 3_600_000 }

  await expect(one.runs.begin(tomorrow)).rejects.toThrow(/clock of this machine is 14\d\d minutes ahead/)

  expect(await two.runs.latest()).toBeUndefined()
  expect(await two.runs.begin(run)).toBe(true)
})

postgresTest('a run begins once, wherever and however often it is due', async () => {
  const { one, two } = await fleet()

  const begun = await Promise.all([one, two, one, two].map(({ runs }) => runs.begin(run)))

  expect(begun.filter(Boolean)).toHaveLength(1)
  expect(await two.runs.begin({ ...run, trigger: 'start' })).toBe(true)
  expect([await one.runs.latest(), await two.runs.latest()]).toEqual([run.at, run.at])
})

postgresTest('two instances that fan out at once reach each account once', async () => {
  const { one, two } = await fleet(...numbered(20))
  await one.runs.begin(run)
  const sent: string[] = []

  await Promise.all([fanOutAll(one, sent), fanOutAll(two, sent)])
  await fanOutAll(one, sent)

  expect(sent.toSorted()).toEqual(numbered(20))
  expect(await one.runs.unfinished()).toEqual([])
})

postgresTest('a death in the middle of a fan-out leaves nothing out and nothing twice', async () => {
  const { one, two } = await fleet(...numbered(10))
  await one.runs.begin(run)
  const kept: string[] = []
  await one.runs.fanOut(run, 4, async (ids) => void kept.push(...ids))
  const dying = one.runs.fanOut(run, 4, async (ids, sql) => {
    await sql.executeSql('CREATE TABLE never_kept ()')
    expect(ids).toHaveLength(4)
    throw new Error('killed')
  })
  await expect(dying).rejects.toThrow('killed')

  expect(await two.runs.unfinished()).toEqual([run])
  await fanOutAll(two, kept)

  expect(kept).toEqual(numbered(10))
  const found = await two.queue.executeSql("SELECT 1 FROM pg_tables WHERE tablename = 'never_kept'")
  expect(found.rows).toEqual([])
})

postgresTest('a run ends once, with the sums of what each account came to', async () => {
  const { one, two } = await fleet('8021', '9000')
  await one.runs.begin(run)
  await fanOutAll(one, [])
  const end = async (storage: SharedStorage, accountId: string, requestedCount: number) => {
    await acquired(storage, accountId)
    const counts = { requested: requestedCount, failed: 1, skipped: 0 }
    await storage.leases.release(accountId, { ...left(accountId), run: { at: run.at, counts } })
  }
  await end(one, '8021', 2)
  expect(await one.runs.ended()).toEqual([])
  await end(two, '9000', 5)

  const ended = await Promise.all([one, two].map(({ runs }) => runs.ended()))

  const counts = { requested: 7, failed: 2, skipped: 0, elapsedMs: expect.any(Number) }
  expect(ended.flat()).toEqual([{ run, counts }])
  expect(await one.runs.ended()).toEqual([])
})

postgresTest('what accounts came to in a run is kept until the next one has ended', async () => {
  const { one } = await fleet('8021')
  const later: FleetRun = { ...run, at: run.at + 1_000 }
  const parts = async () => {
    const { rows } = await one.queue.executeSql(`SELECT at FROM "${one.schema}".run_part ORDER BY at`)
    return rows.map(({ at }) => Number(at))
  }
  const counts = { requested: 1, failed: 0, skipped: 0 }
  for (const each of [run, later]) {
    await one.runs.begin(each)
    while ((await one.runs.fanOut(each, 10, async () => undefined)) > 0);
    await acquired(one, '8021')
    await one.leases.release('8021', { ...left('8021'), run: { at: each.at, counts } })
    expect(await one.runs.ended()).toMatchObject([{ run: each, counts }])
  }
  expect(await parts()).toEqual([run.at, later.at])

  expect(await one.runs.ended()).toEqual([])

  expect(await parts()).toEqual([later.at])
  expect(await one.runs.lastEnded()).toEqual({ at: later.at, counts })
})

postgresTest('an account that came after a run had begun does not hold its end up', async () => {
  const { one, person } = await fleet()
  await one.runs.begin(run)
  await person.credentials.save(aLogin('8021'))
  await one.runs.fanOut(run, 10, async () => undefined)

  expect(await one.runs.ended()).toMatchObject([{ run }])
})

postgresTest('commands wait for the owner of their account, and their answers for who asked', async () => {
  const { one, two } = await fleet('8021', '9000')
  const command = { verb: 'clips/sync', target: { accountId: '8021' } } as const
  const [first = '', second = ''] = await one.commands.ask([
    { accountId: '8021', command },
    { accountId: '9000', command: { verb: 'rescan' } },
  ])
  expect(await two.commands.waiting(['8021'])).toEqual([{ id: first, accountId: '8021', command }])
  expect(await one.commands.results([first, second])).toEqual(new Map())

  await two.commands.answer(first, { error: { code: 'busy', message: 'later' } })
  await two.commands.answer(first, { error: { code: 'twice', message: 'no' } })

  expect(await one.commands.results([first, second])).toEqual(
    new Map([[first, { error: { code: 'busy', message: 'later' } }]]),
  )
  expect(await two.commands.waiting(['8021', '9000'])).toMatchObject([{ id: second }])
})

postgresTest('a name belongs to one process until it lets go, or its lease has run out', async () => {
  const { one, two } = await fleet()
  expect(await one.named.hold('bridge', longMs)).toBe(true)
  expect(await two.named.hold('bridge', longMs)).toBe(false)
  expect(await one.named.hold('bridge', lapsedMs)).toBe(true)
  expect(await two.named.hold('bridge', longMs)).toBe(true)
  await one.named.free('bridge')
  expect(await one.named.hold('bridge', longMs)).toBe(false)

  await two.named.free('bridge')
  expect(await one.named.hold('bridge', longMs)).toBe(true)
})

postgresTest('instances see each other, how much each works, and who holds the bridge', async () => {
  const { one, two } = await fleet('8021', '9000')
  await one.named.hold('instance:one', longMs)
  await two.named.hold('instance:two', longMs)
  await two.named.hold('bridge', longMs)
  await acquired(one, '8021')
  await acquired(one, '9000')

  const seenAt = expect.any(Number)
  expect(await two.instances()).toEqual([
    { name: 'one', accountsInWork: 2, seenAt, holdsBridge: false },
    { name: 'two', accountsInWork: 0, seenAt, holdsBridge: true },
  ])
  await one.named.hold('instance:one', lapsedMs)
  expect((await two.instances()).map(({ name }) => name)).toEqual(['two'])
})

postgresTest('each change is seen once by whoever looks, whichever instance made it', async () => {
  const { one, two, person } = await fleet('8021')
  const first = await two.changesSince(0)
  expect(first.accounts.map(({ accountId }) => accountId)).toEqual(['8021'])
  await acquired(one, '8021')
  await one.ledger.seen('8021', [aModule()])
  await one.ledger.record(requested(anItem()))

  const second = await two.changesSince(first.upTo)
  const { accountId, networkId, syncModuleId } = aModule()
  expect(second).toMatchObject({
    ...{ accounts: [], removed: [], gone: [], altered: [aModule()] },
    modules: [{ accountId, networkId, syncModuleId }],
  })
  await one.limits.saveBreaker('8021', { failures: 1, openUntil: 9 })
  await one.leases.release('8021', left('8021', { status: 'throttled' }))
  const third = await two.changesSince(second.upTo)
  expect(third.accounts).toMatchObject([
    { accountId: '8021', snapshot: { status: 'throttled' }, breaker: { failures: 1 } },
  ])
  expect([third.modules, third.altered]).toEqual([[], []])
  for (const { key } of await person.credentials.list()) await person.credentials.forget(key)
  const fourth = await two.changesSince(third.upTo)
  expect([fourth.removed, fourth.accounts]).toEqual([['8021'], []])
  const fifth = await two.changesSince(fourth.upTo)
  expect([fifth.removed, fifth.accounts, fifth.modules]).toEqual([[], [], []])
})

postgresTest('a change that is committed late is not missed', async () => {
  const { one, two } = await fleet(...numbered(2))
  const [early = '', late = ''] = numbered(2)
  await acquired(one, early)
  await acquired(one, late)
  const before = await two.changesSince(0)
  const opened = Promise.withResolvers<void>()
  const looked = Promise.withResolvers<void>()
  // A transaction that is older than what is seen meanwhile, and ends later.
  await one.runs.begin(run)
  const slow = one.runs.fanOut(run, 1, async (_ids, sql) => {
    await sql.executeSql(
      `UPDATE "${one.schema}".lease SET change = pg_current_xact_id() WHERE account_id = '${late}'`,
    )
    await sql.executeSql(
      `UPDATE "${one.schema}".account SET change = pg_current_xact_id() WHERE account_id = '${late}'`,
    )
    opened.resolve()
    await looked.promise
  })
  await opened.promise
  await one.limits.saveModuleCount(early, 1)

  const first = await two.changesSince(before.upTo)
  looked.resolve()
  await slow
  const second = await two.changesSince(first.upTo)

  expect(first.accounts.map(({ accountId }) => accountId)).toEqual([early])
  expect(second.accounts.map(({ accountId }) => accountId)).toEqual([late])
})

postgresTest('a report says how much is kept, and of which modules', async () => {
  const { one } = await fleet('8021')
  await acquired(one, '8021')
  await one.ledger.record(requested(anItem()))

  const report = await one.report()

  expect(report).toMatchObject({ integrity: 'ok', waiting: 1, attempts: 0, clips: 0 })
  expect(report.modules).toMatchObject([{ module: aModule(), requestsTotal: 1 }])
  expect(report.bytes).toBeGreaterThan(0)
})
