/** A disk that refuses writes: known before an ID is requested, logged once, and over by itself. */
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { opened, sizeOf } from '../../support/database-fixture.ts'
import { mountTest, smallDisk } from '../../support/mounts.ts'
import { aModule, anItem, readableLog, requested } from '../../support/samples.ts'

test('a list in which nothing is new is written all the same, to try the disk', async () => {
  const { ledger, database } = opened()
  await ledger.seen('8021', [aModule()])
  const before = sizeOf(`${database.path}-wal`)

  await ledger.seen('8021', [aModule()])

  expect(sizeOf(`${database.path}-wal`)).toBeGreaterThan(before)
})

test('a database that cannot be written is logged once, and once that it can be again', async () => {
  const { ledger, log, database } = opened()
  database.sql.exec('PRAGMA query_only = ON')
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(ledger.record(requested())).rejects.toThrow(StoreFailed)
  }
  database.sql.exec('PRAGMA query_only = OFF')
  for (let attempt = 0; attempt < 3; attempt++) await ledger.record(requested())

  expect(log.lines).toMatchObject([
    {
      level: 'error',
      message: 'database cannot be written',
      fields: { remedy: expect.any(String) as unknown },
    },
    { level: 'info', message: 'database can be written again' },
  ])
})

mountTest('on a full disk the answer in hand is kept, and with room all goes on', async () => {
  using disk = smallDisk(4)
  const log = readableLog()
  const storage = await openStorage(disk.path, systemClock, log)
  onTestFinished(() => storage.close())
  const { ledger, outbox } = storage
  await ledger.seen('8021', [aModule()])
  disk.fill()
  expect(ledger.trouble).toBeUndefined()

  let kept = 0
  while (!ledger.trouble) {
    await ledger.record(requested(anItem({ requestId: String(kept) })))
    kept++
  }

  expect(await outbox.count()).toBe(kept)
  await expect(ledger.seen('8021', [aModule()])).rejects.toMatchObject({
    code: 'store_failed',
    remedy: 'The disk is full: make room.',
  })
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])

  disk.makeRoom()
  await ledger.seen('8021', [aModule()])
  expect(ledger.trouble).toBeUndefined()
})
