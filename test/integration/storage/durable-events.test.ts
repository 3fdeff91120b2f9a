/** Events of several kinds in one outbox, and the database of the version that knew request IDs only. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { keyOf } from '../../../src/domain/model.ts'
import { manifestRequested } from '../../../src/domain/work-item.ts'
import { openDatabase } from '../../../src/storage/database.ts'
import { openLedger } from '../../../src/storage/ledger.ts'
import { openOutbox } from '../../../src/storage/outbox.ts'
import { aModule, anItem, noReserve, readableLog, temporaryDirectory } from '../../support/samples.ts'

/** As version 3 made it: item 501 is acknowledged, 502 waits. */
function ofVersion3(): string {
  const directory = temporaryDirectory()
  const sql = new DatabaseSync(join(directory, 'state.db'))
  sql.exec(`
    CREATE TABLE items (
      seq INTEGER PRIMARY KEY, module TEXT NOT NULL, expires_at INTEGER NOT NULL, item TEXT NOT NULL
    ) STRICT;
    CREATE TABLE outbox (seq INTEGER PRIMARY KEY, module TEXT NOT NULL) STRICT;
    CREATE TABLE modules (
      account_id TEXT NOT NULL, network_id TEXT NOT NULL, sync_module_id TEXT NOT NULL, module TEXT NOT NULL,
      missing INTEGER NOT NULL, progress TEXT NOT NULL, recent TEXT NOT NULL,
      PRIMARY KEY (account_id, network_id, sync_module_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO outbox VALUES (2, '${keyOf(anItem())}');
    PRAGMA user_version = 3;`)
  const add = sql.prepare('INSERT INTO items VALUES (?, ?, ?, ?)')
  for (const [index, requestId] of ['501', '502'].entries()) {
    const item = anItem({ requestId })
    add.run(index + 1, keyOf(item), item.expiresAt, JSON.stringify(item))
  }
  const counters = JSON.stringify({ requestsTotal: 2, failuresInARow: 0 })
  const { accountId, networkId, syncModuleId } = aModule()
  sql
    .prepare("INSERT INTO modules VALUES (?, ?, ?, ?, 0, ?, '[[1, 1], [2, 2]]')")
    .run(accountId, networkId, syncModuleId, JSON.stringify(aModule()), counters)
  sql.close()
  return directory
}

function opened(directory: string) {
  const database = openDatabase(directory, { log: readableLog(), reserve: noReserve })
  onTestFinished(() => database.close())
  const outbox = openOutbox(database)
  return { database, outbox, ledger: openLedger(database, outbox, noReserve) }
}

test('what waits in a database of version 3 still waits, and the live IDs are still listed', async () => {
  const { outbox, ledger } = opened(ofVersion3())

  expect(await outbox.waiting(9, [])).toEqual([
    { seq: 2, event: manifestRequested(anItem({ requestId: '502' })) },
  ])
  expect((await ledger.read(aModule()))?.recent.map(({ requestId }) => requestId)).toEqual(['501', '502'])
})

test('what waits in a damaged database of version 3 is kept', async () => {
  const directory = ofVersion3()
  const sql = new DatabaseSync(join(directory, 'state.db'))
  sql.exec('ALTER TABLE modules RENAME TO modulfs')
  sql.close()

  const { outbox } = opened(directory)

  expect((await outbox.waiting(9, [])).map(({ event }) => event.body.requestId)).toEqual(['502'])
})

test('an event of a kind that nobody knows is damage, and the others are kept', async () => {
  const directory = ofVersion3()
  const first = opened(directory)
  first.database.sql.exec("UPDATE events SET kind = 'manifest_requestee' WHERE seq = 1")
  await first.database.write(() => first.outbox.add(manifestRequested(anItem({ requestId: '503' }))))
  first.database.sql.exec("UPDATE events SET kind = 'manifest_requestee' WHERE seq = 2")

  const waiting = await first.outbox.waiting(9, [])

  expect(waiting.map(({ event }) => event.body.requestId)).toEqual(['503'])
})
