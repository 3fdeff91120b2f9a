/**
 * One connection to a database file; the only file that knows node:sqlite.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { AlreadyRunning, StoreFailed } from '../domain/errors.ts'
import { fileFailed } from '../domain/file-failures.ts'
import { requireRegular, troubleWith } from './file-trouble.ts'
import { check, migrate } from './schema.ts'
import { damaged, expected, expectedWhileOpening, isIoError, isLocked, isReadOnly } from './sqlite-errors.ts'

export type Sql = DatabaseSync
export type Row = Record<string, unknown>
export type Value = SQLInputValue

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
    sql = new DatabaseSync(path, { timeout: 0 })
    chmodSync(path, 0o600)
    // The lock is taken by the first statement that touches the file and held until close.
    sql.exec('PRAGMA locking_mode = EXCLUSIVE')
    sql.exec('PRAGMA journal_mode = WAL')
    sql.exec('PRAGMA synchronous = FULL')
    // Four times the usual length: a fleet's tick writes the same pages often, and the log is emptied less often.
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

/** What `work` makes of a file that may be damaged beyond opening; `undefined` then. */
export function withDamaged<T>(path: string, work: (sql: Sql) => T): T | undefined {
  let sql: Sql | undefined
  try {
    sql = new DatabaseSync(path, { timeout: 0 })
    return work(sql)
  } catch (cause) {
    if (!(expected({ message: 'cannot open' }, cause) instanceof StoreFailed)) throw cause
    return undefined
  } finally {
    closeQuietly(sql)
  }
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
    sql = new DatabaseSync(join(own, 'try.db'), { timeout: 0 })
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

/** What a damaged file says when it is left is of no interest any more. */
export function rollBack(sql: Sql | undefined): void {
  try {
    if (sql?.isTransaction) sql.exec('ROLLBACK')
  } catch {
    // The error that led here tells more.
  }
}

export function closeQuietly(sql: Sql | undefined): void {
  try {
    sql?.close()
  } catch {
    // The error that led here tells more.
  }
}
