/**
 * The daemon's database: opened once, held exclusively, migrated, written in groups.
 *
 * SQLite's exclusive lock is the one-daemon lock as well: the kernel drops it when the process dies, however it
 * dies. Writes that are asked for in the same turn of the event loop share one commit, since the commit is what
 * costs; each caller's promise resolves only when that commit is on disk.
 */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AlreadyRunning, StoreFailed } from '../errors.ts'

export interface Database {
  readonly path: string
  /** For preparing statements; they are run inside `read` and `write`. */
  readonly sql: DatabaseSync
  /**
   * Runs `work`, which sees what has been committed.
   *
   * @throws StoreFailed when the file cannot be read
   */
  read<T>(work: () => T): T
  /**
   * Runs `work` in the next shared transaction.
   *
   * @throws StoreFailed when the commit failed; then nothing of it was kept
   */
  write<T>(work: () => T): Promise<T>
  /** Writes what is waiting and closes; further writes are refused. */
  close(): Promise<void>
}

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
]

interface Write {
  readonly work: () => unknown
  readonly done: (value: unknown) => void
  readonly failed: (error: unknown) => void
}

/**
 * Opens `state.db` in the directory, which must exist.
 *
 * @throws AlreadyRunning when another process holds it
 * @throws StoreFailed when it cannot be read, written or understood
 */
export function openDatabase(directory: string): Database {
  const path = join(directory, 'state.db')
  const sql = open(path)
  let waiting: Write[] = []
  let closed = false

  const commit = () => {
    const group = waiting
    waiting = []
    if (group.length === 0) return
    try {
      sql.exec('BEGIN IMMEDIATE')
      const values = group.map(({ work }) => work())
      sql.exec('COMMIT')
      group.forEach(({ done }, index) => {
        done(values[index])
      })
    } catch (cause) {
      if (sql.isTransaction) sql.exec('ROLLBACK')
      const error = expected(`cannot write to ${path}`, cause)
      for (const { failed } of group) failed(error)
    }
  }

  return {
    path,
    sql,
    read(work) {
      try {
        return work()
      } catch (cause) {
        throw expected(`cannot read ${path}`, cause)
      }
    },
    write<T>(work: () => T): Promise<T> {
      if (closed) return Promise.reject(new StoreFailed(`cannot write to ${path}: it is closed`))
      if (waiting.length === 0) setImmediate(commit)
      return new Promise<T>((resolve, reject) => {
        let value: T
        waiting.push({
          work: () => {
            value = work()
          },
          done: () => resolve(value),
          failed: reject,
        })
      })
    },
    async close() {
      if (closed) return
      closed = true
      commit()
      sql.close()
    },
  }
}

function open(path: string): DatabaseSync {
  let sql: DatabaseSync | undefined
  try {
    sql = new DatabaseSync(path, { timeout: 0 })
    chmodSync(path, 0o600)
    // The lock is taken by the first statement that touches the file and held until close.
    sql.exec('PRAGMA locking_mode = EXCLUSIVE')
    sql.exec('PRAGMA journal_mode = WAL')
    sql.exec('PRAGMA synchronous = FULL')
    migrate(sql, path)
    return sql
  } catch (cause) {
    sql?.close()
    if (isLocked(cause)) {
      throw new AlreadyRunning(`another blink-manifestd is using ${path}`, {
        cause,
        remedy: 'Stop it first, or give this one a data directory of its own (dataDir).',
      })
    }
    throw cause instanceof StoreFailed ? cause : storeFailed(`cannot open ${path}`, cause)
  }
}

function migrate(sql: DatabaseSync, path: string): void {
  sql.exec('BEGIN EXCLUSIVE')
  const version = Number(sql.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  if (version > migrations.length) {
    throw new StoreFailed(`${path} was written by a newer version`, {
      remedy: 'Run that version again, or give this one another data directory.',
    })
  }
  for (const step of migrations.slice(version)) sql.exec(step)
  sql.exec(`PRAGMA user_version = ${migrations.length}`)
  sql.exec('COMMIT')
}

/** SQLite's primary result codes, sqlite.org/rescode.html. */
const sqliteBusy = 5
const sqliteReadonly = 8
const sqliteCorrupt = 11
const sqliteFull = 13
const sqliteNotADatabase = 26

function resultCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !('errcode' in cause)) return undefined
  return typeof cause.errcode === 'number' ? cause.errcode & 0xff : undefined
}

function isLocked(cause: unknown): boolean {
  return resultCode(cause) === sqliteBusy
}

/** Without a result code of SQLite's it is a bug of ours, and is shown as what it is. */
function expected(message: string, cause: unknown): unknown {
  return resultCode(cause) === undefined ? cause : storeFailed(message, cause)
}

function storeFailed(message: string, cause: unknown): StoreFailed {
  return new StoreFailed(message, { cause, remedy: remedyFor(resultCode(cause)) })
}

function remedyFor(code: number | undefined): string {
  switch (code) {
    case sqliteFull:
      return 'The disk is full: make room.'
    case sqliteReadonly:
      return 'The file or its directory is read-only for this user.'
    case sqliteCorrupt:
    case sqliteNotADatabase:
      return 'The file is damaged: move it away; logins are kept elsewhere and stay.'
    default:
      return 'Is the disk full, or the directory not writable for this user?'
  }
}
