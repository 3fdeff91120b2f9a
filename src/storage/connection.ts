/**
 * One connection to a database file, and the tables in it; the only file that knows node:sqlite.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { AlreadyRunning, StoreFailed } from '../domain/errors.ts'
import { fileFailed } from '../domain/file-failures.ts'
import {
  damaged,
  expectedWhileOpening,
  isIoError,
  isLocked,
  isReadOnly,
  requireRegular,
  troubleWith,
} from './sqlite-errors.ts'

export type Sql = DatabaseSync
export type Row = Record<string, unknown>
export type Value = SQLInputValue

/** Versions that no release has written. */
const unreleasedVersions = 2

/**
 * Each entry brings the schema one version up; entries are only ever added.
 *
 * A request ID is there once, whether it is acknowledged or not, and the outbox is a list of numbers. A module's record is
 * in parts, for with each request only its progress changes.
 */
const migrations = [
  `CREATE TABLE items (
     seq INTEGER PRIMARY KEY,
     module TEXT NOT NULL,
     expires_at INTEGER NOT NULL,
     item TEXT NOT NULL
   ) STRICT;
   CREATE TABLE outbox (seq INTEGER PRIMARY KEY, module TEXT NOT NULL) STRICT;
   CREATE TABLE modules (
     account_id TEXT NOT NULL,
     network_id TEXT NOT NULL,
     sync_module_id TEXT NOT NULL,
     module TEXT NOT NULL,
     missing INTEGER NOT NULL,
     progress TEXT NOT NULL,
     recent TEXT NOT NULL,
     PRIMARY KEY (account_id, network_id, sync_module_id)
   ) STRICT, WITHOUT ROWID;`,
  // Events of several kinds. A module's key is the order key of its request IDs.
  `ALTER TABLE items RENAME TO events;
   ALTER TABLE events RENAME COLUMN module TO order_key;
   ALTER TABLE events RENAME COLUMN item TO body;
   ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT 'manifest_requested';
   ALTER TABLE outbox RENAME COLUMN module TO order_key;
   ALTER TABLE outbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'manifest_requested';
   CREATE INDEX outbox_by_kind ON outbox (kind, seq);`,
  // Clips, and what is kept of their modules and of their directory.
  `CREATE TABLE clips (
     row INTEGER PRIMARY KEY,
     module TEXT NOT NULL,
     state TEXT NOT NULL,
     path TEXT,
     gone_at INTEGER,
     clip TEXT NOT NULL
   ) STRICT;
   CREATE INDEX clips_by_module ON clips (module);
   CREATE INDEX clips_by_path ON clips (path) WHERE path IS NOT NULL;
   CREATE TABLE clip_notes (name TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  // The attempts of the last 24 hours, for the page.
  `CREATE TABLE attempt (
     seq INTEGER PRIMARY KEY,
     module TEXT NOT NULL,
     at INTEGER NOT NULL,
     outcome TEXT NOT NULL,
     latency_ms REAL,
     request_id TEXT,
     expires_at INTEGER,
     delivered_at INTEGER
   ) STRICT;
   CREATE INDEX attempt_by_module ON attempt (module, at);`,
]

const currentVersion = unreleasedVersions + migrations.length

/** No program counts its schema that far: a larger version is a flipped bit. */
const mostVersions = 10_000

/**
 * Opens, locks, migrates and checks the file, which is made when it is not there.
 *
 * @throws AlreadyRunning when another process holds it
 * @throws DatabaseDamaged when it is not what we wrote
 * @throws StoreFailed when it cannot be read or written, or a newer version has written it
 */
export function connect(path: string): Sql {
  const message = `cannot open ${path}`
  let sql: Sql | undefined
  try {
    requireRegular(path)
    // SQLite would take an emptied file for a new one, and forget its log.
    if (isEmptied(path)) throw damaged(message, new Error('the file is empty, its log is not'))
    sql = connectUnchecked(path)
    chmodSync(path, 0o600)
    // The lock is taken by the first statement that touches the file and held until close.
    sql.exec('PRAGMA locking_mode = EXCLUSIVE')
    sql.exec('PRAGMA journal_mode = WAL')
    sql.exec('PRAGMA synchronous = FULL')
    // Four times the usual length: a fleet's run writes the same pages often, and the log is emptied less often.
    sql.exec('PRAGMA wal_autocheckpoint = 4000')
    // Taken only as the file grows: 4 MiB, so that the pages of the accounts at work are found in memory.
    sql.exec('PRAGMA cache_size = -4096')
    migrate(sql, path)
    check(sql, path)
    return sql
  } catch (cause) {
    closeQuietly(sql)
    const trouble = isReadOnly(cause) || isIoError(cause) ? troubleWith(path) : undefined
    if (trouble !== undefined) throw fileFailed(message, trouble)
    if ((isLocked(cause) || isIoError(cause)) && !canLock(dirname(path))) {
      throw new StoreFailed(`cannot lock ${path}: the file system has no locks`, {
        cause,
        remedy:
          'Set dataDir to a directory on a disk of this machine, or mount the network share with locks ' +
          '(NFS: without `nolock`, with its lock service running; CIFS: without `nobrl`).',
        isLasting: true,
      })
    }
    if (isLocked(cause)) {
      throw new AlreadyRunning(`another blink-manifestd is using ${path}`, {
        cause,
        remedy: 'Stop it first, or give this one a data directory of its own (dataDir).',
      })
    }
    // A flipped bit in its header makes SQLite take a file for one of a later format, which it only reads.
    if (isReadOnly(cause)) throw damaged(message, cause)
    throw expectedWhileOpening(path, cause)
  }
}

/** A connection to a file that may be damaged: it is neither locked nor looked at yet. */
export function connectUnchecked(path: string): Sql {
  return new DatabaseSync(path, { timeout: 0 })
}

/** Changes nothing, but takes a commit that does: inside a transaction, to know that the next one can be written. */
export function touch(sql: Sql): void {
  sql.exec(`PRAGMA user_version = ${currentVersion}`)
}

/** What a damaged file says when it is left is of no interest any more: the error that led here says more. */
export function closeQuietly(sql: Sql | undefined): void {
  try {
    sql?.close()
  } catch {
    // See above.
  }
}

export function rollBackQuietly(sql: Sql | undefined): void {
  try {
    if (sql?.isTransaction) sql.exec('ROLLBACK')
  } catch {
    // As when closing.
  }
}

function migrate(sql: Sql, path: string): void {
  sql.exec('BEGIN EXCLUSIVE')
  const version = Number(sql.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  if (version < 0 || version > mostVersions) throw damaged(`cannot open ${path}`)
  if (version > 0 && version <= unreleasedVersions) throw damaged(`cannot open ${path}`)
  if (version > currentVersion) {
    throw new StoreFailed(`${path} was written by a newer version`, {
      remedy:
        'Run that version again, restore the copy of the data directory from before the upgrade, or set another dataDir.',
      isLasting: true,
    })
  }
  for (const step of migrations.slice(Math.max(0, version - unreleasedVersions))) sql.exec(step)
  if (version < currentVersion) touch(sql)
  sql.exec('COMMIT')
}

/** Reads the whole file once, 50 ms for 100,000 events, since damage is cheaper to meet now than in a run. */
function check(sql: Sql, path: string): void {
  const verdict = sql.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (verdict !== 'ok') throw damaged(`cannot open ${path}`, new Error(String(verdict)))
  // A flipped bit in a table's name leaves every page in order.
  sql.prepare('SELECT seq, kind, order_key, expires_at, body FROM events')
  sql.prepare('SELECT seq, kind, order_key FROM outbox')
  sql.prepare('SELECT account_id, network_id, sync_module_id, module, missing, progress, recent FROM modules')
  sql.prepare('SELECT module, at, outcome, latency_ms, request_id, expires_at, delivered_at FROM attempt')
}

function isEmptied(path: string): boolean {
  const log = `${path}-wal`
  return existsSync(path) && statSync(path).size === 0 && existsSync(log) && statSync(log).size > 0
}

/** Whether a file that nobody else can know of can be locked there. */
function canLock(directory: string): boolean {
  let own: string | undefined
  let sql: Sql | undefined
  try {
    own = mkdtempSync(join(directory, '.locks-'))
    sql = connectUnchecked(join(own, 'try.db'))
    sql.exec('BEGIN EXCLUSIVE; COMMIT')
    return true
  } catch {
    return false
  } finally {
    closeQuietly(sql)
    if (own !== undefined) removeQuietly(own)
  }
}

function removeQuietly(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true })
  } catch {
    // Nothing of value is left behind.
  }
}
