/** A database that is damaged where nobody looked when it was opened. */
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { StoreFailed } from '../../src/errors.ts'
import { openDatabase } from '../../src/store/database.ts'
import { openLedger } from '../../src/store/ledger.ts'
import { openOutbox } from '../../src/store/outbox.ts'
import { aModule, requested, start, temporaryDirectory } from '../samples.ts'

/** Stores opened on a database whose pages after the first are noise. */
async function damagedStores() {
  const directory = temporaryDirectory()
  const database = openDatabase(directory)
  const ledger = openLedger(database, openOutbox(database))
  await ledger.record(requested())
  await database.close()
  const path = join(directory, 'state.db')
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(statSync(path).size - 4096, 0xa5), 0, undefined, 4096)
  closeSync(file)

  const damaged = openDatabase(directory)
  onTestFinished(() => damaged.close())
  const outbox = openOutbox(damaged)
  return { outbox, ledger: openLedger(damaged, outbox) }
}

test('a damaged database is a failure of the store and no bug, for those that write', async () => {
  const { outbox, ledger } = await damagedStores()

  await expect(ledger.record(requested())).rejects.toThrow(StoreFailed)
  await expect(ledger.seen('8021', [aModule()])).rejects.toThrow(StoreFailed)
  await expect(outbox.remove(1)).rejects.toThrow(StoreFailed)
})

test('a damaged database is a failure of the store and no bug, for those that read', async () => {
  const { outbox, ledger } = await damagedStores()

  expect(() => ledger.modulesOf('8021')).toThrow(StoreFailed)
  expect(() => ledger.read(aModule())).toThrow(StoreFailed)
  expect(() => ledger.keys()).toThrow(StoreFailed)
  expect(() => ledger.count()).toThrow(StoreFailed)
  expect(() => outbox.waiting(16, [])).toThrow(StoreFailed)
  expect(() => outbox.count()).toThrow(StoreFailed)
  await expect(outbox.dropExpired(start, [])).rejects.toThrow(StoreFailed)
})
