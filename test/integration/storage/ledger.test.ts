import { expect, onTestFinished, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { ModuleKey } from '../../../src/domain/model.ts'
import { openDatabase } from '../../../src/storage/database.ts'
import { openItems } from '../../../src/storage/items.ts'
import { openLedger } from '../../../src/storage/ledger.ts'
import { openOutbox } from '../../../src/storage/outbox.ts'
import {
  aModule,
  anItem,
  failed,
  newRecord,
  requested,
  skipped,
  start,
  temporaryDirectory,
} from '../../support/samples.ts'

function opened(directory = temporaryDirectory()) {
  const database = openDatabase(directory)
  onTestFinished(() => database.close())
  const [items, outbox] = [openItems(database), openOutbox(database)]
  return { database, items, outbox, ledger: openLedger(database, items, outbox) }
}

test('a module that nobody has seen has no record', () => {
  const { ledger } = opened()

  expect(ledger.read(aModule())).toBeUndefined()
  expect(ledger.lastAccepted(aModule())).toBeUndefined()
  expect(ledger.modulesOf('8021')).toEqual([])
  expect(ledger.keys()).toEqual([])
})

test('an answered request is in the record and in the outbox', async () => {
  const { ledger, outbox } = opened()

  await ledger.record(requested())

  expect(ledger.read(aModule())).toMatchObject({
    requestsTotal: 1,
    lastAccepted: {
      requestId: '670555852',
      trigger: 'schedule',
      requestedAt: start,
      expiresAt: start + 600_000,
    },
    recent: [anItem()],
  })
  expect(ledger.lastAccepted(aModule())).toEqual(ledger.read(aModule())?.lastAccepted)
  expect(outbox.waiting(10, [])).toEqual([{ seq: 1, item: anItem() }])
})

test("an emptied table and a clock set back do not show another module's item", async () => {
  const directory = temporaryDirectory()
  const before = opened(directory)
  await before.ledger.record(requested())
  await before.outbox.remove([1])
  await before.items.clear(start + 700_000)
  await before.database.close()

  const { ledger } = opened(directory)
  await ledger.record(requested(anItem({ syncModuleId: '9' })))

  expect(ledger.read(aModule())?.recent).toEqual([])
  expect(ledger.read(aModule({ syncModuleId: '9' }))?.recent).toHaveLength(1)
})

test('a failed and a skipped turn are in the record and not in the outbox', async () => {
  const { ledger, outbox } = opened()

  await ledger.record(failed())
  await ledger.record(skipped('offline', { outcome: 'offline' }))

  expect(ledger.read(aModule())).toMatchObject({ failuresInARow: 1, lastOutcome: 'offline' })
  expect(outbox.count()).toBe(0)
})

test('the record of a module and its request are on disk together or not at all', async () => {
  const { ledger, outbox, database } = opened()
  await ledger.record(failed())
  database.sql.exec(
    "CREATE TEMP TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(FAIL, 'no room'); END",
  )
  const arrivals: string[] = []
  outbox.onArrival(() => arrivals.push('came'))

  await expect(ledger.record(requested())).rejects.toThrow(StoreFailed)

  // What is told of the module is that the disk refused it.
  expect(ledger.read(aModule())).toMatchObject({ requestsTotal: 0, lastFailure: { code: 'store_failed' } })
  expect([outbox.count(), arrivals]).toEqual([0, []])

  database.sql.exec('DROP TRIGGER full')
  await ledger.record(requested())
  expect([ledger.read(aModule())?.requestsTotal, outbox.count(), arrivals]).toEqual([1, 1, ['came']])
})

test('on a full disk neither record nor request is kept, and both with room', async () => {
  const { ledger, outbox, database } = opened()
  const pages = Number(database.sql.prepare('PRAGMA page_count').get()?.page_count)
  database.sql.exec(`PRAGMA max_page_count = ${pages + 1}`)
  const large = aModule({ name: 'x'.repeat(100_000) })

  await expect(ledger.record(requested(anItem(), large))).rejects.toThrow(StoreFailed)

  expect([ledger.keys(), outbox.count()]).toEqual([[], 0])

  database.sql.exec('PRAGMA max_page_count = 100000')
  await ledger.record(requested(anItem(), large))
  expect([ledger.keys().length, outbox.count()]).toEqual([1, 1])
})

test('everything is there after a restart', async () => {
  const directory = temporaryDirectory()
  const first = openDatabase(directory)
  const ledger = openLedger(first, openItems(first), openOutbox(first))
  await ledger.seen('8021', [
    aModule(),
    aModule({ syncModuleId: '9', serial: undefined, storage: undefined }),
  ])
  await ledger.record(requested())
  await ledger.record(failed({ at: start + 1_000 }))
  const before = ledger.read(aModule())
  await first.close()

  const again = opened(directory)

  expect(again.ledger.read(aModule())).toEqual(before)
  expect(again.outbox.waiting(10, [])).toEqual([{ seq: 1, item: anItem() }])
  expect((await again.ledger.seen('8021', [])).gone).toEqual([])
  expect((await again.ledger.seen('8021', [])).gone).toEqual([])
  expect((await again.ledger.seen('8021', [])).gone).toHaveLength(2)
})

test('a new list keeps counters, reports changes, and drops what three lists lack', async () => {
  const { ledger } = opened()
  await ledger.seen('8021', [aModule()])
  await ledger.record(requested())
  const renamed = aModule({ name: 'Corridor' })

  const second = await ledger.seen('8021', [renamed])
  expect([second.found, second.renamed]).toEqual([[], [renamed]])
  expect(ledger.read(aModule())).toMatchObject({ module: renamed, requestsTotal: 1 })

  await ledger.seen('8021', [])
  await ledger.seen('8021', [])
  expect(ledger.modulesOf('8021')).toEqual([renamed])
  expect((await ledger.seen('8021', [])).gone).toEqual([renamed])
  expect(ledger.keys()).toEqual([])
})

test('what is gone is known only for clearing it, over restarts, until it is dropped', async () => {
  const directory = temporaryDirectory()
  const first = openDatabase(directory)
  const before = openLedger(first, openItems(first), openOutbox(first))
  const other = aModule({ syncModuleId: '9' })
  await before.seen('8021', [aModule(), other])
  for (let list = 0; list < 4; list++) await before.seen('8021', [other])
  await first.close()
  const { ledger } = opened(directory)
  const idsOf = (keys: readonly ModuleKey[]) => keys.map(({ syncModuleId }) => syncModuleId)

  expect(idsOf(ledger.keysAndGone()).sort()).toEqual(['350221', '9'])
  expect(idsOf(ledger.keysAndGone('8021')).sort()).toEqual(['350221', '9'])
  expect([idsOf(ledger.keys()), idsOf(ledger.keys('8021'))]).toEqual([['9'], ['9']])
  expect(ledger.modulesOf('8021')).toEqual([other])
  expect([ledger.count(), ledger.count('8021')]).toEqual([1, 1])
  expect(ledger.read(aModule())).toBeUndefined()

  await ledger.forget(aModule())
  await ledger.forget(other)
  expect(idsOf(ledger.keysAndGone())).toEqual(['9'])
  expect((await ledger.seen('8021', [aModule(), other])).found).toEqual([aModule()])
})

test('the list of one account says nothing of the modules of another', async () => {
  const { ledger } = opened()
  const theirs = aModule({ accountId: '9000' })
  await ledger.seen('9000', [theirs])

  for (let list = 0; list < 4; list++) await ledger.seen('8021', list === 0 ? [aModule()] : [])

  expect(ledger.modulesOf('9000')).toEqual([theirs])
  expect(ledger.keys('9000')).toEqual([{ accountId: '9000', networkId: '44107', syncModuleId: '350221' }])
  expect(ledger.keys('8021')).toEqual([])
})

test('names of any kind come back as they were', async () => {
  const { ledger } = opened()
  const hostile = aModule({ name: "\0'; DROP TABLE modules;--\ud800 😀", networkName: '\n"\\' })

  await ledger.seen('8021', [hostile])

  expect(ledger.modulesOf('8021')).toEqual([hostile])
})

test('ten thousand requests of ten thousand modules are kept in their order', async () => {
  const { ledger, outbox } = opened()
  const ids = Array.from({ length: 10_000 }, (_, index) => String(1_000 + index))

  await Promise.all(ids.map((id) => ledger.record(requested(anItem({ syncModuleId: id, requestId: id })))))

  expect(outbox.count()).toBe(10_000)
  expect(outbox.waiting(10_000, []).map(({ item }) => item.requestId)).toEqual(ids)
  expect(ledger.keys('8021')).toHaveLength(10_000)
  expect(ledger.read(aModule({ syncModuleId: '5000' }))).toMatchObject({ requestsTotal: 1 })
})

test('a module first heard of by its turn starts with a fresh record', async () => {
  const { ledger } = opened()

  await ledger.record(skipped())

  const lastSkip = { reason: 'paused', repeated: false }
  expect(ledger.read(aModule())).toEqual({ ...newRecord(aModule()), lastOutcome: 'skipped', lastSkip })
})

test("of a module's live items the newest fifty are listed, and no expired one", async () => {
  const { ledger } = opened()
  const told = () => ledger.read(aModule())?.recent.map(({ requestId }) => Number(requestId))
  for (let number = 0; number < 60; number++) {
    await ledger.record(requested(anItem({ requestId: String(number), requestedAt: start + number })))
  }
  expect(told()).toEqual(Array.from({ length: 50 }, (_, index) => index + 10))

  await ledger.record(requested(anItem({ requestId: '99', requestedAt: start + 600_058 })))

  expect(told()).toEqual([59, 99])
})
