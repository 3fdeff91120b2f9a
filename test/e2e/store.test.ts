/** The built program on PostgreSQL: `store key`, `store move`, and the commands of accounts there. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { openStorage } from '../../src/storage/open.ts'
import { migrate } from '../../src/storage/postgres/migrations.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { home, workItems } from '../support/homes.ts'
import { noTokens, personIn, signedIn } from '../support/person.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../support/postgres.ts'
import { databaseOn, freshSchema } from '../support/postgres-database.ts'
import { readableLog } from '../support/samples.ts'
import { longestWaitMs, until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(2), home(1, { id: 8022, region: 'u011' })] }
/** Where no broker is. */
const noBroker = { MQTT_URL: 'mqtt://127.0.0.1:9' }

let server: Postgres
beforeAll(async () => {
  if (!isPostgresMissing) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** The variables of a store of its own on the server. */
function newStore() {
  const key = Buffer.alloc(32, 7).toString('base64')
  return { ...noTokens, STORE_URL: server.url, STORE_KEY: key, STORE_SCHEMA: freshSchema() }
}

type Store = ReturnType<typeof newStore>

/** Whoever does something in this world does it on the store. */
function within({ directory, cloud, finish }: Pick<World, 'directory' | 'cloud' | 'finish'>, store: Store) {
  return {
    directory,
    cloud,
    finish: (args: readonly string[], env = {}) => finish(args, { ...store, ...env }),
  }
}

/** The lines of `accounts --json`. */
async function accountsIn(world: World, store: Store) {
  const { stdout } = await world.finish(['accounts', '--json'], store)
  const lines = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  return lines.toSorted((a, b) => a.account_id - b.account_id)
}

/** Has a daemon on the data directory request everything once, which nobody takes; returns the events that wait. */
async function filled(world: World): Promise<readonly string[]> {
  await signedIn(world)
  const daemon = world.start(['run'], { ...noTokens, ...noBroker })
  await daemon.says('run done')
  await daemon.stop('SIGTERM')
  const storage = await openStorage(world.dataDir, fakeClock(), readableLog())
  const waiting = await storage.outbox.waiting(99, [])
  await storage.close()
  return waiting.map(({ event }) => event.body.eventId)
}

test('each key that is printed is new, and of 32 bytes', async () => {
  await using world = await startWorld({ simulator, broker: false })

  const keys = await Promise.all([1, 2].map(() => world.finish(['store', 'key'])))

  const printed = keys.map(({ stdout }) => stdout.trim())
  expect(printed.map((text) => Buffer.from(text, 'base64').length)).toEqual([32, 32])
  expect(new Set(printed).size).toBe(2)
  expect(keys).toMatchObject([{ code: 0 }, { code: 0 }])
})

postgresTest('accounts sign in and out on the store, beside an empty directory', async () => {
  await using world = await startWorld({ simulator, broker: false })
  const store = newStore()
  const [first, second] = [8021, 8022].map((id) => world.cloud.person(id))
  const signIn = async (person = first) => personIn(within(world, store), person).signIn(person?.code)

  expect(await signIn()).toMatchObject({ code: 0 })
  expect(await signIn(second)).toMatchObject({ code: 0 })

  expect(await accountsIn(world, store)).toMatchObject([
    { account_id: 8021, state: 'ok', region: 'e008', source: 'login' },
    { account_id: 8022, state: 'ok', region: 'u011' },
  ])
  const discovered = await world.finish(['discover', '--json'], store)
  expect(JSON.parse(discovered.stdout)).toMatchObject({
    accounts: [
      { account_id: 8021, state: 'ok', networks: [{ network_id: 44_001 }, { network_id: 44_002 }] },
      { account_id: 8022, state: 'ok' },
    ],
  })
  expect(discovered.code).toBe(0)
  const database = databaseOn(server, store.STORE_SCHEMA)
  const leased = `SELECT FROM ${database.tables.lease} WHERE owner IS NOT NULL`
  expect((await database.query(leased)).rows).toEqual([])
  expect(await world.finish(['logout', '8022'], store)).toMatchObject({ code: 0 })
  expect(await accountsIn(world, store)).toMatchObject([{ account_id: 8021 }])
  expect(existsSync(world.dataDir) ? readdirSync(world.dataDir) : []).toEqual([])
  const wrong = { ...store, STORE_KEY: Buffer.alloc(32, 8).toString('base64') }
  expect(await world.finish(['accounts'], wrong)).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('another store.key'),
  })
})

postgresTest('a moved directory goes on in the store, with what waits and the sign-in begun', async () => {
  await using world = await startWorld({ simulator })
  const waiting = await filled(world)
  const second = world.cloud.person(8022)
  await personIn(world, second).signIn()
  const store = newStore()

  const moved = await world.finish(['store', 'move', '--json'], store)

  expect(waiting).toHaveLength(2)
  expect(JSON.parse(moved.stdout)).toMatchObject({
    ...{ from: world.dataDir, already_moved: false, accounts: 1, unidentified: 0, login_required: 0 },
    ...{ sync_modules: 2, waiting: 2, clips: 0 },
  })
  expect(moved).toMatchObject({ code: 0, stderr: '' })
  for (const command of ['run', 'accounts', 'once']) {
    const refused = await world.finish([command], noTokens)
    expect(refused).toMatchObject({ code: 78, stderr: expect.stringContaining('was moved to PostgreSQL') })
    expect(refused.stderr).toContain('Set store.url and store.key')
  }
  expect(await personIn(within(world, store), second).enter(second.code)).toMatchObject({ code: 0 })
  expect(await accountsIn(world, store)).toMatchObject([
    { account_id: 8021, state: 'ok', modules: 2 },
    { account_id: 8022, state: 'ok' },
  ])

  const observer = await world.observer()
  const daemon = world.start(['run'], store)
  const idsSeen = () => workItems(observer).map(({ event_id }) => event_id)
  await until('the events of before', () => waiting.every((id) => idsSeen().includes(id)), {
    state: daemon.stderr,
  })
  await daemon.stop('SIGTERM')
})

const tables = ['credential', 'event', 'module']

test.runIf(!isPostgresMissing).for(tables)(
  'a move that is killed at the table %s is done anew, whole and once',
  async (table) => {
    await using world = await startWorld({ simulator, broker: false })
    const waiting = await filled(world)
    const store = newStore()
    const holder = await holding(store, table)
    const move = world.start(['store', 'move', '--json'], store)
    await holder.isWaitedFor()

    await move.stop('SIGKILL')
    await holder.letGo()

    expect(await world.finish(['run'], noTokens)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('is being moved to PostgreSQL'),
    })
    const again = await world.finish(['store', 'move', '--json'], store)
    expect(JSON.parse(again.stdout)).toMatchObject({ accounts: 1, waiting: waiting.length })
    expect(await accountsIn(world, store)).toMatchObject([{ account_id: 8021, state: 'ok', modules: 2 }])
  },
)

postgresTest('a move that ends between its commit and its mark is only marked', async () => {
  await using world = await startWorld({ simulator, broker: false })
  await filled(world)
  const store = newStore()
  const holder = await holding(store, 'module')
  const move = world.start(['store', 'move'], store)
  await holder.isWaitedFor()
  const mark = join(world.dataDir, 'moved.json')
  renameSync(mark, `${mark}.kept`)
  mkdirSync(mark)
  await holder.letGo()
  expect((await move.finished()).code).not.toBe(0)
  rmdirSync(mark)
  renameSync(`${mark}.kept`, mark)

  const again = await world.finish(['store', 'move', '--json'], store)

  expect(JSON.parse(again.stdout)).toMatchObject({ already_moved: true, accounts: null })
  expect(await accountsIn(world, store)).toMatchObject([{ account_id: 8021, state: 'ok' }])
})

postgresTest('a move is refused while a daemon runs, and without a store in the settings', async () => {
  await using world = await startWorld({ simulator, broker: false })
  await signedIn(world)
  const daemon = world.start(['run'], { ...noTokens, ...noBroker })
  await daemon.says('run done')

  const refused = await world.finish(['store', 'move'], newStore())
  const nowhere = await world.finish(['store', 'move'], noTokens)
  const argument = await world.finish(['store', 'move', server.url], noTokens)

  expect(refused).toMatchObject({ code: 75, stderr: expect.stringContaining('a daemon runs on') })
  expect(nowhere).toMatchObject({ code: 78, stderr: expect.stringContaining('store.url') })
  expect(argument.code).toBe(64)
  await daemon.stop('SIGTERM')
})

/** Another session that holds a table, so that a move stops there. */
async function holding({ STORE_SCHEMA: schema }: Store, table: string) {
  await migrate(databaseOn(server, schema))
  const client = new Client(server.url)
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('BEGIN')
  await client.query(`LOCK TABLE "${schema}".${table} IN ACCESS EXCLUSIVE MODE`)
  const waiting = async () => {
    const { rows } = await client.query(
      'SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass',
      [`"${schema}".${table}`],
    )
    return rows.length > 0
  }
  return {
    isWaitedFor: () => vi.waitUntil(waiting, { timeout: longestWaitMs, interval: 20 }),
    letGo: () => client.query('ROLLBACK'),
  }
}
