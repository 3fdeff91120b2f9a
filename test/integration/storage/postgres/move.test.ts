/** A data directory moves into PostgreSQL with everything in it, once. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { AlreadyRunning, StoreFailed } from '../../../../src/domain/errors.ts'
import { openStorage } from '../../../../src/storage/open.ts'
import type { Database } from '../../../../src/storage/postgres/database.ts'
import { migrate } from '../../../../src/storage/postgres/migrations.ts'
import { moveDirectory } from '../../../../src/storage/postgres/move-directory.ts'
import { keepInstallation } from '../../../../src/storage/postgres/notes.ts'
import { openOn } from '../../../../src/storage/postgres/open.ts'
import { openPending } from '../../../../src/storage/postgres/pending.ts'
import { createSeal } from '../../../../src/storage/postgres/sealed.ts'
import { fakeClock } from '../../../support/fake-clock.ts'
import { everythingIn, fillDirectory, pendingSignIn } from '../../../support/full-directory.ts'
import { liteDatabase } from '../../../support/postgres-database.ts'
import { storeKey } from '../../../support/postgres-place.ts'
import { readableLog, temporaryDirectory } from '../../../support/samples.ts'

const log = readableLog()

async function world() {
  const dataDir = join(temporaryDirectory(), 'data')
  await fillDirectory(dataDir)
  const database = await liteDatabase()
  await migrate(database)
  const move = (to: Database = database) =>
    moveDirectory({ dataDir, database: to, key: storeKey, clock: fakeClock(), log })
  const markOf = () => JSON.parse(readFileSync(join(dataDir, 'moved.json'), 'utf8'))
  return { dataDir, database, move, markOf }
}

async function openThere(database: Database, isInstance = false) {
  const { storage } = await openOn(database, { key: storeKey, isInstance, clock: fakeClock(), log })
  return storage
}

test('everything is there after a move, secrets and ids to the last digit', async () => {
  const { dataDir, database, move } = await world()
  const before = await openStorage(dataDir, fakeClock(), log)
  const all = await everythingIn(before)
  await before.close()

  const { counts, place } = await move()

  const storage = await openThere(database)
  expect(await everythingIn(storage)).toEqual(all)
  expect(await openPending(database, createSeal(storeKey, fakeClock())).read()).toEqual(pendingSignIn)
  expect(place).toBe(database.place)
  expect(counts).toEqual({
    ...{ accounts: 3, unidentified: 1, loginRequired: 2, modules: 3, events: 6, waiting: 5, clips: 2 },
    attempts: 2,
  })
})

test('events wait in their order with their ids, and later ones come behind', async () => {
  const { dataDir, database, move } = await world()
  const before = await openStorage(dataDir, fakeClock(), log)
  const idsOf = async ({ outbox }: Awaited<ReturnType<typeof openThere>> | typeof before) =>
    (await outbox.waiting(99, [])).map(({ event }) => [event.kind, event.body.eventId])
  const waiting = await idsOf(before)
  await before.close()
  await move()
  const storage = await openThere(database, true)

  for (const account of ['8021', '9000']) {
    expect(await storage.leases.acquire(account, 60_000)).toMatchObject({ isFresh: false })
  }

  expect(await idsOf(storage)).toEqual(waiting)
  const [first] = await storage.outbox.waiting(1, [])
  const clipRow = await storage.clips.put(
    { accountId: '8021', networkId: '1', syncModuleId: '2' },
    { createdAt: 1, listedSize: 1, cameraName: 'x', state: 'listed' },
  )
  expect(first?.seq).toBeGreaterThan(0)
  expect(clipRow).toBe(3)
})

test('damaged credentials are there as an account that somebody must sign in to', async () => {
  const { database, move } = await world()

  await move()

  const { credentials, leases } = await openThere(database, true)
  const damaged = (await credentials.list()).find(({ key }) => key === '77-login-8')
  expect(damaged).toMatchObject({ accountId: '77', refusedFor: 'login_required' })
  expect(damaged?.refusedAt).toBeGreaterThan(0)
  expect(await leases.acquire('77', 60_000)).toMatchObject({ accountId: '77' })
})

test('a directory that was moved is refused without a store, with a sentence', async () => {
  const { dataDir, database, move, markOf } = await world()

  await move()

  expect(markOf()).toMatchObject({ state: 'moved', place: database.place, schema: database.schema })
  const opening = openStorage(dataDir, fakeClock(), log)
  await expect(opening).rejects.toThrow(`${dataDir} was moved to ${database.place}`)
  await expect(opening).rejects.toMatchObject({ isLasting: true })
})

test('moving it again changes nothing, whatever the daemons have done since', async () => {
  const { database, move } = await world()
  const { installId } = await move()
  const storage = await openThere(database)
  await storage.credentials.forget('8021-login-1')

  expect(await move()).toEqual({ place: database.place, installId, counts: undefined })

  expect((await storage.credentials.list()).map(({ key }) => key)).not.toContain('8021-login-1')
})

test('a move that is cut off before its commit leaves nothing, and is done anew', async () => {
  const { dataDir, database, move, markOf } = await world()
  const cut: Database = {
    ...database,
    transaction: (work) =>
      database.transaction(async (sql) => {
        await work(sql)
        throw new StoreFailed('the connection was lost')
      }),
  }

  await expect(move(cut)).rejects.toThrow('the connection was lost')

  expect(markOf()).toMatchObject({ state: 'moving' })
  await expect(openStorage(dataDir, fakeClock(), log)).rejects.toThrow('is being moved')
  const { rows } = await database.query(`SELECT FROM ${database.tables.credential}`)
  expect(rows).toEqual([])
  expect((await move()).counts?.accounts).toBe(3)
  expect(markOf()).toMatchObject({ state: 'moved' })
})

test('a move that is cut off behind its commit is only marked', async () => {
  const { database, move, markOf } = await world()
  const cut: Database = {
    ...database,
    async transaction(work) {
      await database.transaction(work)
      throw new StoreFailed('the answer to COMMIT was lost')
    },
  }
  await expect(move(cut)).rejects.toThrow('the answer to COMMIT was lost')
  expect(markOf()).toMatchObject({ state: 'moving' })

  expect((await move()).counts).toBeUndefined()

  expect(markOf()).toMatchObject({ state: 'moved' })
})

test('a directory that a daemon runs on is refused and not marked', async () => {
  const { dataDir, move } = await world()
  const running = await openStorage(dataDir, fakeClock(), log)
  onTestFinished(() => running.close())

  await expect(move()).rejects.toThrow(AlreadyRunning)

  expect(existsSync(join(dataDir, 'moved.json'))).toBe(false)
})

test('a schema with another installation is refused, and nothing there changes', async () => {
  const { dataDir, database, move } = await world()
  const other = { installId: 'feedbeef', hardwareId: 'A-B' }
  await keepInstallation(database, createSeal(storeKey, fakeClock()), other)

  await expect(move()).rejects.toThrow('holds another installation (feedbeef)')

  const { installation, credentials } = await openThere(database)
  expect([installation, await credentials.list()]).toEqual([other, []])
  expect(existsSync(join(dataDir, 'moved.json'))).toBe(false)
})

test('a directory whose mark was removed is not copied over what is newer', async () => {
  const { dataDir, database, move } = await world()
  await move()
  const files = readdirSync(dataDir)
  const storage = await openThere(database)
  const all = await everythingIn(storage)
  writeFileSync(join(dataDir, 'moved.json'), '')

  await expect(move()).rejects.toThrow('moved.json is damaged')

  expect(await everythingIn(storage)).toEqual(all)
  expect(readdirSync(dataDir)).toEqual(files)
})

test('a move that was begun to one place does not go on to another', async () => {
  const { database, move } = await world()
  const cut: Database = {
    ...database,
    transaction: () => Promise.reject(new StoreFailed('the connection was lost')),
  }
  await expect(move(cut)).rejects.toThrow('the connection was lost')

  await expect(move(await liteDatabase())).rejects.toThrow(
    `is being moved to ${database.place}, schema ${database.schema}`,
  )
})

test('an empty place is nothing to move', async () => {
  const dataDir = temporaryDirectory()
  const database = await liteDatabase()
  const moving = moveDirectory({ dataDir, database, key: storeKey, clock: fakeClock(), log })

  await expect(moving).rejects.toThrow(`there is nothing to move in ${dataDir}`)

  expect(readdirSync(dataDir)).toEqual([])
})
