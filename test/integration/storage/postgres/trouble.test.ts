/** A server that is away, restarts or loses an answer: nothing crashes, nothing is kept twice, nothing waits for ever. */
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest'
import { StoreFailed } from '../../../../src/domain/errors.ts'
import type { SharedStorage } from '../../../../src/domain/fleet.ts'
import { Secret } from '../../../../src/domain/secret.ts'
import type { Driver } from '../../../../src/storage/postgres/database.ts'
import { migrate } from '../../../../src/storage/postgres/migrations.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../../../support/postgres.ts'
import { databaseOn, freshSchema } from '../../../support/postgres-database.ts'
import {
  acquired,
  type InstanceOptions,
  idsWaiting,
  instanceOn,
  left,
  signedIn,
} from '../../../support/postgres-instances.ts'
import { aModule, anItem, requested } from '../../../support/samples.ts'
import { longestWaitMs } from '../../../support/until.ts'

let server: Postgres

beforeAll(async () => {
  if (!isPostgresMissing) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** An instance that holds an account. */
async function holder(options: InstanceOptions = {}, schema = freshSchema()): Promise<SharedStorage> {
  await signedIn(server, ['8021'], schema)
  const storage = await instanceOn(server, schema, options)
  await acquired(storage, '8021')
  return storage
}

const seen = (look: () => Promise<boolean>) => vi.waitUntil(look, { timeout: longestWaitMs, interval: 10 })

const lostAnswer = () => new Error('Connection terminated unexpectedly')

const insertsEvents = (text: string) => /INSERT INTO \S+\.event /.test(text)

/** A driver whose connection ends with each statement that `isStruck`, carried out before or not. */
function losing(isStruck: (text: string) => boolean, when: 'before' | 'after') {
  return (driver: Driver): Driver => {
    const query: Driver['query'] = async (text, values, options) => {
      if (!isStruck(text)) return driver.query(text, values, options)
      if (when === 'after') await driver.query(text, values, options)
      throw lostAnswer()
    }
    return { ...driver, query }
  }
}

postgresTest('a commit whose answer was lost is sent again and keeps its event once', async () => {
  let losses = 0
  const isEvent = (text: string) => insertsEvents(text) && ++losses < 4
  const storage = await holder({ between: losing(isEvent, 'after') })
  const announced: unknown[] = []
  storage.outbox.onArrival((added) => announced.push(added?.event.body.eventId))

  await storage.ledger.record(requested(anItem({ requestId: '1' })))

  expect([losses, await idsWaiting(storage)]).toEqual([4, ['1']])
  expect(announced).toEqual([anItem({ requestId: '1' }).eventId])
  expect(await storage.ledger.read(aModule())).toMatchObject({ requestsTotal: 1 })
})

postgresTest('a commit of which nobody ever knows counts as failed, and its event is delivered', async () => {
  let isLosing = false
  const isEvent = (text: string) => isLosing && insertsEvents(text)
  const storage = await holder({ between: losing(isEvent, 'after') })
  await storage.ledger.seen('8021', [aModule()])
  isLosing = true
  const arrivals: unknown[] = []
  storage.outbox.onArrival((added) => arrivals.push(added))

  // Closing gives up what would be sent again, as the end of the time for it does.
  const recording = storage.ledger.record(requested(anItem({ requestId: '1' })))
  await seen(async () => (await storage.outbox.count()) === 1)

  const failing = expect(recording).rejects.toThrow(StoreFailed)
  const closing = storage.close()
  await Promise.all([failing, closing])
  expect(arrivals).toEqual([undefined])
})

postgresTest('a server that restarts in the middle of writes costs none of them', async () => {
  const storage = await holder()
  await storage.ledger.seen('8021', [aModule()])
  const ids: string[] = []
  let isBack = false
  const writing = (async () => {
    while (!isBack) {
      const requestId = `${100 + ids.length}`
      ids.push(requestId)
      await storage.ledger.record(requested(anItem({ requestId })))
    }
  })()

  await seen(async () => (await storage.outbox.count()) > 5)
  await server.restart()
  isBack = true

  await writing
  expect(await idsWaiting(storage)).toEqual(ids)
  expect(storage.ledger.trouble).toBeUndefined()
})

postgresTest('while the server is away nothing is kept, and afterwards all goes on', async () => {
  const storage = await holder()
  await storage.ledger.seen('8021', [aModule()])
  await server.kill()

  await expect(storage.outbox.count()).rejects.toThrow(StoreFailed)
  expect(storage.ledger.trouble).toBeInstanceOf(StoreFailed)
  await expect(storage.leases.renew(1_000)).rejects.toThrow(StoreFailed)
  expect([...storage.leases.held]).toEqual(['8021'])

  await server.restart()
  await storage.ledger.record(requested(anItem({ requestId: '1' })))
  expect([await idsWaiting(storage), storage.ledger.trouble]).toEqual([['1'], undefined])
})

postgresTest('a rotated token outlives a server that is away, whoever has lost the account', async () => {
  const storage = await holder()
  const [before] = await storage.credentials.list()
  if (!before) throw new Error('no credentials')
  await server.kill()

  const saving = storage.credentials.save({ ...before, refreshToken: new Secret('rotated') })
  await expect(storage.outbox.count()).rejects.toThrow(StoreFailed)
  storage.leases.drop('8021')
  await server.restart()
  await saving

  const { credentials } = await acquired(storage, '8021')
  expect(credentials.refreshToken.reveal()).toBe('rotated')
})

postgresTest('an idle connection that ends does no harm', async () => {
  const schema = freshSchema()
  const storage = await holder({}, schema)
  const other = databaseOn(server)
  await Promise.all([storage.outbox.count(), storage.ledger.count(), storage.ledger.keys()])

  await other.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = $1',
    ['postgres'],
  )

  await storage.ledger.record(requested(anItem({ requestId: '1' })))
  expect(await idsWaiting(storage)).toEqual(['1'])
})

postgresTest('a pool of one connection is slow and never stuck', async () => {
  const storage = await holder({ options: '?connections=1' })
  await storage.runs.begin({ at: 1, trigger: 'schedule' })
  const many = Array.from({ length: 40 }, (_, index) => `${index}`)

  const all = many.flatMap((requestId) => [
    storage.ledger.record(requested(anItem({ requestId, syncModuleId: requestId }))),
    storage.attempts.record([], []),
    storage.pauses.set('8021/1', true),
    storage.leases.renew(60_000),
    storage.runs.fanOut({ at: 1, trigger: 'schedule' }, 1, async (_ids, sql) => {
      await sql.executeSql('SELECT 1')
    }),
    storage.changesSince(0),
  ])
  await Promise.all(all)

  expect(await storage.outbox.count()).toBe(40)
  await storage.leases.release('8021', left('8021'))
})

postgresTest('a wrong or missing password is refused, and told without a word of it', async () => {
  const right = new URL(server.url).password
  const refusalOf = (password: string) =>
    migrate(databaseOn({ url: server.url.replace(right, password) })).catch((error: unknown) => error)

  const refused = [await refusalOf('very-secret'), await refusalOf('')]

  for (const each of refused) {
    expect(each).toBeInstanceOf(StoreFailed)
    expect(each).toMatchObject({ isLasting: true, remedy: expect.stringContaining('password') })
  }
  expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain('very-secret')
})

postgresTest('closing waits for what is under way', async () => {
  const storage = await holder()
  onTestFinished(() => storage.close())
  const writing = storage.ledger.record(requested(anItem({ requestId: '1' })))

  await storage.close()

  await expect(writing).resolves.toMatchObject({ requestsTotal: 1 })
})
