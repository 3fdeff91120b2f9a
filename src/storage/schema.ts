/**
 * The tables, and how a database of an older version becomes one of this.
 */
import { StoreFailed } from '../domain/errors.ts'
import type { Sql } from './connection.ts'
import { damaged } from './sqlite-errors.ts'

/** Each entry brings the schema one version up; entries are only ever added. */
const migrations = [
  `CREATE TABLE outbox (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     module TEXT NOT NULL,
     expires_at INTEGER NOT NULL,
     item TEXT NOT NULL
   ) STRICT;
   CREATE INDEX outbox_by_expiry ON outbox (expires_at);
   CREATE TABLE modules (
     account_id TEXT NOT NULL,
     network_id TEXT NOT NULL,
     sync_module_id TEXT NOT NULL,
     record TEXT NOT NULL,
     PRIMARY KEY (account_id, network_id, sync_module_id)
   ) STRICT, WITHOUT ROWID;`,
  // For a backlog of one module: finds the first item of another without reading all of it.
  `CREATE INDEX IF NOT EXISTS outbox_by_module ON outbox (module);`,
  // A module's record in parts, for with each request only its progress changes. Each item once, whether it is
  // acknowledged or not, and the outbox as a list of numbers. A record that lacks something is left out: for one of
  // them the whole file, with all that waits in it, would count as damaged.
  `CREATE TABLE items (
     seq INTEGER PRIMARY KEY,
     module TEXT NOT NULL,
     expires_at INTEGER NOT NULL,
     item TEXT NOT NULL
   ) STRICT;
   INSERT INTO items SELECT seq, module, expires_at, item FROM outbox;
   DROP TABLE outbox;
   CREATE TABLE outbox (seq INTEGER PRIMARY KEY, module TEXT NOT NULL) STRICT;
   INSERT INTO outbox SELECT seq, module FROM items;
   CREATE TABLE modules_in_parts (
     account_id TEXT NOT NULL,
     network_id TEXT NOT NULL,
     sync_module_id TEXT NOT NULL,
     module TEXT NOT NULL,
     missing INTEGER NOT NULL,
     progress TEXT NOT NULL,
     recent TEXT NOT NULL,
     PRIMARY KEY (account_id, network_id, sync_module_id)
   ) STRICT, WITHOUT ROWID;
   INSERT OR IGNORE INTO modules_in_parts
   SELECT account_id, network_id, sync_module_id,
          json_extract(record, '$.module'),
          json_extract(record, '$.missing'),
          json_patch(
            json_remove(record, '$.module', '$.missing', '$.recent', '$.lastItem'),
            json_object('lastAccepted', iif(json_type(record, '$.lastItem') = 'object', json_object(
              'requestId', json_extract(record, '$.lastItem.requestId'),
              'trigger', json_extract(record, '$.lastItem.trigger'),
              'requestedAt', json_extract(record, '$.lastItem.requestedAt'),
              'expiresAt', json_extract(record, '$.lastItem.expiresAt')), NULL))),
          (SELECT json_group_array(json_array(seq, expires_at) ORDER BY seq) FROM items
           WHERE items.module = account_id || '/' || network_id || '/' || sync_module_id)
   FROM modules WHERE json_valid(record);
   DROP TABLE modules;
   ALTER TABLE modules_in_parts RENAME TO modules;`,
]

/** No program counts its schema that far: a larger version is a flipped bit. */
const mostVersions = 10_000

/**
 * Brings the tables to this version.
 *
 * @throws StoreFailed when a newer version has written the file
 * @throws DatabaseDamaged when its version cannot be one of ours
 */
export function migrate(sql: Sql, path: string): void {
  sql.exec('BEGIN EXCLUSIVE')
  const version = Number(sql.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  if (version < 0 || version > mostVersions) throw damaged(`cannot open ${path}`, undefined)
  if (version > migrations.length) {
    throw new StoreFailed(`${path} was written by a newer version`, {
      remedy: 'Run that version again, or give this one another data directory.',
    })
  }
  for (const step of migrations.slice(version)) sql.exec(step)
  if (version < migrations.length) sql.exec(`PRAGMA user_version = ${migrations.length}`)
  sql.exec('COMMIT')
}

/**
 * Reads the whole file once, 50 ms for 100,000 work items, since damage is cheaper to meet now than in a tick.
 *
 * @throws DatabaseDamaged when a page or a table is not as it should be
 */
export function check(sql: Sql, path: string): void {
  const verdict = sql.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (verdict !== 'ok') throw damaged(`cannot open ${path}`, new Error(String(verdict)))
  // A flipped bit in a table's name leaves every page in order.
  sql.prepare('SELECT seq, module, expires_at, item FROM items')
  sql.prepare('SELECT seq, module FROM outbox')
  sql.prepare('SELECT account_id, network_id, sync_module_id, module, missing, progress, recent FROM modules')
}

/** Changes nothing, but takes a commit that does: inside a transaction, to know that the next one can be written. */
export function touch(sql: Sql): void {
  sql.exec(`PRAGMA user_version = ${migrations.length}`)
}
