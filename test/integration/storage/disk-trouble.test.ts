/** A disk that refuses: told before an id is asked for, told in the state, told once in the log, and over by itself. */
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { openStores } from '../../../src/storage/open.ts'
import { sizeOf } from '../../support/damaged.ts'
import { mountTest, smallDisk } from '../../support/mounts.ts'
import { aModule, anItem, readableLog, requested, temporaryDirectory } from '../../support/samples.ts'

/** Stores whose database can be made read-only under their hands. */
async function opened(directory = temporaryDirectory()) {
  const log = readableLog()
  const stores = await openStores(directory, systemClock, log)
  onTestFinished(() => stores.database.close())
  return {
    ...stores,
    log,
    refuse: () => stores.database.sql.exec('PRAGMA query_only = ON'),
    accept: () => stores.database.sql.exec('PRAGMA query_only = OFF'),
  }
}

test('a list without changes still reports that the database cannot be written', async () => {
  const { ledger, refuse, accept } = await opened()
  await ledger.seen('8021', [aModule()])
  refuse()

  await expect(ledger.seen('8021', [aModule()])).rejects.toThrow(StoreFailed)

  accept()
  await ledger.seen('8021', [aModule()])
})

test('a list without changes is a commit all the same: it proves by writing', async () => {
  const { ledger, database } = await opened()
  await ledger.seen('8021', [aModule()])
  const before = sizeOf(`${database.path}-wal`)

  await ledger.seen('8021', [aModule()])

  expect(sizeOf(`${database.path}-wal`)).toBeGreaterThan(before)
})

test('an attempt that the disk refused is store_failed until one is kept again', async () => {
  const { ledger, outbox, refuse, accept } = await opened()
  await ledger.record(requested(anItem({ requestId: '501' })))
  refuse()

  await expect(ledger.record(requested(anItem({ requestId: '502' })))).rejects.toThrow(StoreFailed)

  expect(ledger.read(aModule())).toMatchObject({
    lastOutcome: 'error',
    lastFailure: { code: 'store_failed' },
    lastAccepted: { requestId: '501' },
    failuresInARow: 1,
    requestsTotal: 1,
  })

  accept()
  await ledger.record(requested(anItem({ requestId: '503' })))
  expect(ledger.read(aModule())).toMatchObject({
    lastOutcome: 'requested',
    requestsTotal: 2,
    failuresInARow: 0,
  })
  expect(outbox.waiting(9, []).map(({ item }) => item.requestId)).toEqual(['501', '503'])
})

test('a database that cannot be written is told once, and once that it can be again', async () => {
  const { ledger, log, refuse, accept } = await opened()
  refuse()
  for (let turn = 0; turn < 3; turn++) await ledger.record(requested()).catch(() => undefined)
  accept()
  for (let turn = 0; turn < 3; turn++) await ledger.record(requested())

  expect(log.lines).toMatchObject([
    {
      level: 'error',
      message: 'database cannot be written',
      fields: { remedy: expect.any(String) as unknown },
    },
    { level: 'info', message: 'database can be written again' },
  ])
})

mountTest('the answer in hand is kept on a disk that fills up, and requests end', async () => {
  using disk = smallDisk(4)
  const { ledger, outbox, log } = await opened(disk.path)
  await ledger.seen('8021', [aModule()])
  disk.fill()
  expect(ledger.trouble).toBeUndefined()

  let kept = 0
  while (!ledger.trouble) {
    await ledger.record(requested(anItem({ requestId: String(kept) })))
    kept++
  }

  expect(outbox.count()).toBe(kept)
  await expect(ledger.seen('8021', [aModule()])).rejects.toMatchObject({
    code: 'store_failed',
    remedy: 'The disk is full: make room.',
  })
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])

  disk.makeRoom()
  await ledger.seen('8021', [aModule()])
  expect(ledger.trouble).toBeUndefined()
})
