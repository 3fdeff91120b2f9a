/** Runs that instances share: each account has its part in each run once, whoever dies, sleeps or has another clock. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect } from 'vitest'
import { iso } from '../../../src/domain/clock.ts'
import type { FleetRun } from '../../../src/domain/fleet.ts'
import type { Driver } from '../../../src/storage/postgres/database.ts'
import { lapse, noRequests, openPeer, type PeerOptions } from '../../support/fleet-peers.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../../support/postgres.ts'
import { signedIn } from '../../support/postgres-instances.ts'
import { until } from '../../support/until.ts'

let server: Postgres

beforeAll(async () => {
  if (!isPostgresMissing) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

async function fleet(...accountIds: readonly string[]) {
  const { schema, person } = await signedIn(server, accountIds)
  const requests = noRequests()
  const peer = (name: string, options: Partial<PeerOptions> = {}) =>
    openPeer(server, { name, schema, requests, ...options })
  return { person, requests, peer }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${1_000 + index}`)
const runAt = (at: number): FleetRun => ({ trigger: 'schedule', at })
const requestsOf = (runs: readonly FleetRun[], accountIds: readonly string[]) =>
  runs.flatMap(({ at }) => accountIds.flatMap((id) => [0, 1].map((index) => `${iso(at)} ${id}/${index}`)))

/** The end of a job is kept late: when another one was to be made for its account, or nobody has tried for long. */
function slowAtEnds(inserted: PromiseWithResolvers<void>) {
  let isEnding = false
  const slow =
    (query: Driver['query']): Driver['query'] =>
    async (text, values, options) => {
      if (isEnding && /INSERT INTO \S+job/i.test(text)) {
        const result = await query(text, values, options)
        inserted.resolve()
        return result
      }
      if (/SET completed_on/.test(text) && !isEnding) {
        isEnding = true
        await Promise.race([inserted.promise, pause(longEnoughMs)])
      }
      return query(text, values, options)
    }
  return (driver: Driver): Driver => ({
    query: slow((...all) => driver.query(...all)),
    session: (work) => driver.session((query) => work(slow(query))),
    end: () => driver.end(),
  })
}

/** Some looks of whoever would make another job. */
const longEnoughMs = 2_500

function dyingAt(isLast: (text: string) => boolean) {
  let isDead = false
  const dying =
    (query: Driver['query']): Driver['query'] =>
    async (text, values, options) => {
      isDead ||= isLast(text)
      if (isDead) throw Object.assign(new Error('killed'), { code: 'ECONNRESET' })
      return query(text, values, options)
    }
  return (driver: Driver): Driver => ({
    query: dying((...all) => driver.query(...all)),
    session: (work) =>
      driver.session((query) =>
        work(dying(query)).finally(() => query('ROLLBACK', [], {}).then(undefined, () => undefined)),
      ),
    end: () => driver.end(),
  })
}

function thousandsMore(schema: string): string {
  return `
    INSERT INTO "${schema}".account (account_id) SELECT 'many-' || n FROM generate_series(1, 12000) n;
    INSERT INTO "${schema}".credential (key, account_id, token, details)
    SELECT account_id, account_id, '', '{}' FROM "${schema}".account WHERE account_id LIKE 'many-%'`
}

const oneConnection = { options: '?connections=1' }

const never = new Promise<never>(() => undefined)

postgresTest('an owner that dies in a newer run leaves the one before as done', async () => {
  const { requests, peer } = await fleet('8021')
  const [one, two] = [await peer('one'), await peer('two')]
  const [first, second] = [runAt(Date.now() - 10_000), runAt(Date.now() - 5_000)]
  const job = { accountId: '8021', task: { run: first }, resumed: false }
  // The second run comes while the account is in work; one dies in the middle of it.
  requests.answer = async (request) => {
    if (request === `${iso(first.at)} 8021/1`) one.work.runBegun(second.at)
    if (request === `${iso(second.at)} 8021/1`) await never
  }
  void one.work.handle(job)
  await until('the second run of one', () => requests.sent.length === 4)
  requests.answer = async () => undefined
  await lapse(two.storage, '8021')

  await two.work.handle({ ...job, resumed: true })

  expect(requests.sent).toEqual([...new Set(requests.sent)])
})

postgresTest('two instances give each account its part in each run once', async () => {
  const ids = numbered(30)
  const { requests, peer } = await fleet(...ids)
  const peers = [await peer('one'), await peer('two')]
  for (const each of peers) each.start()
  const runs = [runAt(Date.now() - 3_000), runAt(Date.now() - 2_000), runAt(Date.now() - 1_000)]

  for (const run of runs) {
    const expected = requestsOf([run], ids)
    await Promise.all(peers.map((each) => each.begin(run)))
    await until('the requests of a run', () => expected.every((each) => requests.sent.includes(each)))
  }

  expect(requests.sent.toSorted()).toEqual(requestsOf(runs, ids))
})

postgresTest('a run that begins while an account is in work is made up for behind its job', async () => {
  const { requests, peer } = await fleet('8021')
  const inserted = Promise.withResolvers<void>()
  const one = await peer('one', { between: slowAtEnds(inserted) })
  one.start()
  const [first, second] = [runAt(Date.now() - 2_000), runAt(Date.now() - 1_000)]
  requests.answer = async (request) => {
    // The job of the first run is still there, so there is none of the second one.
    if (request === `${iso(first.at)} 8021/1`) await one.begin(second)
  }

  await one.begin(first)

  const last = `${iso(second.at)} 8021/1`
  await until('the second run', () => requests.sent.includes(last))
  expect(requests.sent).toEqual(requestsOf([first, second], ['8021']))
})

postgresTest('an instance whose clock is late makes up for a run at once', async () => {
  const { requests, peer } = await fleet('8021')
  const early = await peer('early')
  const late = await peer('late', { aheadMs: -3_600_000 })
  late.start()
  const [first, second] = [runAt(Date.now() - 2_000), runAt(Date.now() - 1_000)]
  requests.answer = async (request) => {
    // The job of the first run is still there, so there is none of the second one.
    if (request === `${iso(first.at)} 8021/1`) await early.begin(second)
  }

  await early.begin(first)

  await until('the second run', () => requests.sent.includes(`${iso(second.at)} 8021/1`))
  expect(requests.sent).toEqual(requestsOf([first, second], ['8021']))
})

postgresTest('clocks that are 90 seconds apart in both directions make no difference', async () => {
  const ids = numbered(10)
  const { requests, peer } = await fleet(...ids)
  const peers = [
    await peer('early', { aheadMs: 90_000 }),
    await peer('late', { aheadMs: -90_000 }),
    await peer('right'),
  ]
  for (const each of peers) each.start()
  const now = Date.now()
  // A moment ago by the first of the clocks.
  const runs = [runAt(now + 86_000), runAt(now + 87_000), runAt(now + 88_000)]

  for (const run of runs) {
    await peers[0]?.begin(run)
    const expected = requestsOf([run], ids)
    await until('the requests of a run', () => expected.every((each) => requests.sent.includes(each)))
  }
  for (const run of runs) await Promise.all(peers.slice(1).map((each) => each.begin(run)))
  // What these have begun in vain would be worked on before this one.
  const last = runAt(now + 89_000)
  await peers[0]?.begin(last)
  const expected = requestsOf([last], ids)
  await until('the last run', () => expected.every((each) => requests.sent.includes(each)))

  expect(requests.sent.toSorted()).toEqual(requestsOf([...runs, last], ids))
})

postgresTest('an instance that dies amid the fan-out of thousands leaves each account one job', async () => {
  const { person, peer } = await fleet('8021')
  await person.queue.executeSql(thousandsMore(person.schema))
  let commits = 0
  // The connection ends with the second chunk, and no statement of this instance arrives any more.
  const one = await peer('one', { between: dyingAt((text) => text === 'COMMIT' && ++commits > 1) })
  const two = await peer('two')
  const run = runAt(Date.now() + 600_000)
  const dead = new Promise<void>((resolve) => {
    one.stopping.signal.addEventListener('abort', () => resolve())
  })
  const begun = one.begin(run)
  await until('the first chunk', () => commits > 1)
  one.stopping.abort(new Error('killed'))
  await dead
  await begun

  await two.fanOut.resume(two.stopping.signal)

  const { rows } = await two.storage.queue.executeSql(
    `SELECT count(*) AS jobs, count(DISTINCT singleton_key) AS accounts FROM "${person.schema}_jobs".job WHERE name = 'run'`,
  )
  expect(rows).toEqual([{ jobs: '12001', accounts: '12001' }])
  expect(await two.storage.runs.unfinished()).toEqual([])
})

postgresTest('an owner that slept requests and keeps nothing when it wakes', async () => {
  const { requests, peer } = await fleet('8021')
  const [one, two] = [await peer('one'), await peer('two')]
  const run = runAt(Date.now() - 1_000)
  const job = { accountId: '8021', task: { run }, resumed: false }
  const asleep = Promise.withResolvers<void>()
  requests.answer = async (_request, name) => {
    if (name === 'one') await asleep.promise
  }
  const ending = one.work.handle(job)
  await until('a request of one', () => requests.sent.length === 1)
  await lapse(two.storage, '8021')
  expect(await two.work.handle({ ...job, resumed: true })).toBe('done')

  asleep.resolve()

  expect(await ending).toBe('again')
  // The module whose answer nobody has kept is not requested again, by nobody.
  expect(requests.sent).toEqual(requestsOf([run], ['8021']))
  const read = (index: number) =>
    two.storage.ledger.read({ accountId: '8021', networkId: '44107', syncModuleId: `${index}` })
  expect([(await read(0))?.requestsTotal, (await read(1))?.requestsTotal]).toEqual([0, 1])
})

postgresTest('with one connection each, instances are slow and never stuck', async () => {
  const ids = numbered(10)
  const { requests, peer } = await fleet(...ids)
  const peers = [await peer('one', oneConnection), await peer('two', oneConnection)]
  for (const each of peers) each.start()
  const runs = [runAt(Date.now() - 2_000), runAt(Date.now() - 1_000)]

  for (const run of runs) {
    await Promise.all(peers.map((each) => each.begin(run)))
    const expected = requestsOf([run], ids)
    await until('the requests of a run', () => expected.every((each) => requests.sent.includes(each)))
  }

  expect(requests.sent.toSorted()).toEqual(requestsOf(runs, ids))
})

postgresTest('a run that is fanned out before the queue is ready does not wait for itself', async () => {
  const ids = numbered(10)
  const { requests, peer } = await fleet(...ids)
  const one = await peer('one', oneConnection)
  const run = runAt(Date.now() - 1_000)

  await one.begin(run)
  one.start()

  const expected = requestsOf([run], ids)
  await until('the requests of a run', () => expected.every((each) => requests.sent.includes(each)))
})
