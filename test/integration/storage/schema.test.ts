/** A database of an older version becomes one of this, with everything in it. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../../src/storage/database.ts'
import { openItems } from '../../../src/storage/items.ts'
import { openLedger } from '../../../src/storage/ledger.ts'
import { openOutbox } from '../../../src/storage/outbox.ts'
import { aModule, anItem, failed, readableLog, start, temporaryDirectory } from '../../support/samples.ts'

/** As version 2 made it, with these rows in it. */
function ofVersion2(items: readonly object[], records: readonly (readonly [string, string])[]): string {
  const directory = join(temporaryDirectory(), 'data')
  mkdirSync(directory)
  const sql = new DatabaseSync(join(directory, 'state.db'))
  sql.exec(`
    CREATE TABLE outbox (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, module TEXT NOT NULL, expires_at INTEGER NOT NULL, item TEXT NOT NULL
    ) STRICT;
    CREATE INDEX outbox_by_expiry ON outbox (expires_at);
    CREATE INDEX outbox_by_module ON outbox (module);
    CREATE TABLE modules (
      account_id TEXT NOT NULL, network_id TEXT NOT NULL, sync_module_id TEXT NOT NULL, record TEXT NOT NULL,
      PRIMARY KEY (account_id, network_id, sync_module_id)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;`)
  const addItem = sql.prepare(
    `INSERT INTO outbox (module, expires_at, item) VALUES ('8021/44107/350221', ?, ?)`,
  )
  for (const item of items) addItem.run(start + 600_000, JSON.stringify(item))
  const addRecord = sql.prepare("INSERT INTO modules VALUES ('8021', '44107', ?, ?)")
  for (const row of records) addRecord.run(...row)
  sql.close()
  return directory
}

function opened(directory: string) {
  const database = openDatabase(directory)
  onTestFinished(() => database.close())
  const [items, outbox] = [openItems(database), openOutbox(database)]
  return { outbox, ledger: openLedger(database, items, outbox) }
}

const counters = {
  missing: 1,
  requestsTotal: 7,
  failuresInARow: 2,
  lastAttemptAt: start,
  lastOutcome: 'busy',
}

test('what waits in a database of version 2 still waits, and counters stay', () => {
  const record = { module: aModule(), ...counters, lastFailure: failed().failure, lastLatencyMs: 120 }
  const directory = ofVersion2(
    [anItem({ requestId: '501' }), anItem({ requestId: '502' })],
    [
      ['350221', JSON.stringify({ ...record, lastItem: anItem(), recent: [anItem()] })],
      ['9', JSON.stringify({ module: aModule({ syncModuleId: '9' }), ...counters, recent: [] })],
    ],
  )

  const { outbox, ledger } = opened(directory)

  expect(outbox.waiting(9, []).map(({ seq, item }) => [seq, item.requestId])).toEqual([
    [1, '501'],
    [2, '502'],
  ])
  expect(ledger.read(aModule())).toMatchObject({
    ...record,
    lastAccepted: {
      requestId: '670555852',
      trigger: 'schedule',
      requestedAt: start,
      expiresAt: start + 600_000,
    },
    recent: [{ requestId: '501' }, { requestId: '502' }],
  })
  expect(ledger.read(aModule({ syncModuleId: '9' }))).toEqual({
    module: aModule({ syncModuleId: '9' }),
    ...counters,
    recent: [],
  })
})

test.each([
  ['is cut off', '{"module":'],
  ['has a flipped bit in a name', JSON.stringify({ modulf: aModule(), ...counters, recent: [] })],
  ['is none', '[]'],
])('a record of version 2 that %s is left out, and the rest is there', (_, text) => {
  const good = JSON.stringify({ module: aModule(), ...counters, recent: [] })

  const { ledger, outbox } = opened(
    ofVersion2(
      [anItem()],
      [
        ['350221', good],
        ['9', text],
      ],
    ),
  )

  expect(ledger.keys().map(({ syncModuleId }) => syncModuleId)).toEqual(['350221'])
  expect(outbox.count()).toBe(1)
})

test('what waits in a damaged database of version 2 is read out of it as well', () => {
  const directory = ofVersion2([anItem({ requestId: '501' }), anItem({ requestId: '502' })], [])
  const sql = new DatabaseSync(join(directory, 'state.db'))
  sql.exec('DROP TABLE modules')
  sql.close()

  const database = openDatabase(directory, { now: () => start, log: readableLog() })
  onTestFinished(() => database.close())

  expect(
    openOutbox(database)
      .waiting(9, [])
      .map(({ seq, item }) => [seq, item.requestId]),
  ).toEqual([
    [1, '501'],
    [2, '502'],
  ])
})
