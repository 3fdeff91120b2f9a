/**
 * The daemon's database: opened once, held exclusively, migrated, written in groups, mended when it is damaged.
 *
 * SQLite's exclusive lock is the one-daemon lock as well: the kernel drops it when the process dies, however it
 * dies. Writes that come together share one commit, since the commit is what costs; each caller's promise resolves
 * only when that commit is on disk.
 *
 * A damaged file, met when it is opened or later, is set aside and a fresh one begun with what can still be read;
 * then the work that met the damage is done again. So the file may change under those who use it, and statements
 * are prepared here by their text.
 */
import { join } from 'node:path'
import { StoreFailed } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import { closeQuietly, connect, type Row, rollBack, type Sql, type Value, withDamaged } from './connection.ts'
import type { Reserve } from './disk-reserve.ts'
import { placeOf } from './file-trouble.ts'
import { removeDatabase, setAside } from './quarantine.ts'
import { nothingSalvaged, restore, type Salvage, salvage } from './recovery.ts'
import { DatabaseDamaged, expected } from './sqlite-errors.ts'
import { type Write, WriteQueue } from './write-queue.ts'

/** A prepared statement; run inside `read` and `write`. */
export interface Statement {
  all(...values: Value[]): Row[]
  get(...values: Value[]): Row | undefined
  /** Returns how many rows it changed. */
  run(...values: Value[]): number
}

export interface Database {
  readonly path: string
  /** The connection of this moment. */
  readonly sql: Sql
  /** What is held back for when the disk is full. */
  readonly reserve: Reserve | undefined
  prepare(text: string): Statement
  /**
   * Runs `work`, which sees what has been committed.
   *
   * @throws StoreFailed when the file cannot be read
   */
  read<T>(work: () => T): T
  /**
   * Runs `work` in the next shared transaction; again when the file had to be mended, so it must bear that.
   *
   * @throws StoreFailed when the commit failed; then nothing of it was kept
   */
  write<T>(work: () => T): Promise<T>
  /**
   * Makes the file again, with all that is in it, when it or its log was removed while it was in use.
   *
   * @throws StoreFailed when another file took its place, or it cannot be made
   */
  keepPlace(): void
  /** Writes what is waiting and closes; further writes are refused. */
  close(): Promise<void>
}

/** What mending a damaged file takes; without it damage is only told of. */
export interface Mending {
  readonly now: () => number
  readonly log: Log
  /** Given away when the disk is full. */
  readonly reserve?: Reserve
}

/**
 * Opens `state.db` in the directory, which must exist.
 *
 * @throws AlreadyRunning when another process holds it
 * @throws StoreFailed when it cannot be read, written or understood
 */
export function openDatabase(directory: string, mending?: Mending): Database {
  const database = new MendedDatabase(join(directory, 'state.db'), mending)
  return {
    path: database.path,
    reserve: mending?.reserve,
    get sql() {
      return database.sql
    },
    prepare: (text) => database.prepare(text),
    read: (work) => database.read(work),
    write: (work) => database.write(work),
    keepPlace: () => database.keepPlace(),
    close: () => database.close(),
  }
}

class MendedDatabase implements Omit<Database, 'reserve'> {
  readonly path: string
  readonly #mending: Mending | undefined
  #connection: Sql | undefined
  /** Read from a damaged file and not yet in the fresh one. */
  #salvaged: Salvage | undefined
  readonly #writes = new WriteQueue((group) => this.#commit(group))
  /** Which files these are; the log is there from the first write on. */
  #place: { readonly file: string | undefined; readonly log: string | undefined } | undefined
  #inTransaction = false
  #cannotWrite = false
  #closed = false

  constructor(path: string, mending: Mending | undefined) {
    this.path = path
    this.#mending = mending
    try {
      this.#connect()
    } catch (error) {
      if (!this.#mended(error)) throw error
    }
  }

  get sql(): Sql {
    return this.#connection ?? this.#connect()
  }

  prepare(text: string): Statement {
    const make = () => ({ sql: this.sql, statement: this.sql.prepare(text) })
    let made = this.read(make)
    const current = () => {
      if (made.sql !== this.sql) made = make()
      return made.statement
    }
    return {
      all: (...values) => current().all(...values),
      get: (...values) => current().get(...values),
      run: (...values) => Number(current().run(...values).changes),
    }
  }

  read<T>(work: () => T): T {
    const attempt = () => {
      try {
        return work()
      } catch (cause) {
        throw expected({ message: `cannot read ${this.path}`, path: this.path }, cause)
      }
    }
    try {
      return attempt()
    } catch (error) {
      // In a transaction it is for the transaction to be done again.
      if (this.#inTransaction || !this.#mended(error)) throw error
      return attempt()
    }
  }

  write<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreFailed(`cannot write to ${this.path}: it is closed`))
    return this.#writes.add(work)
  }

  keepPlace(): void {
    const connection = this.#connection
    if (this.#closed || !connection) return
    const { file, log } = this.#place ?? {}
    const found = { file: placeOf(this.path), log: placeOf(`${this.path}-wal`) }
    if (found.file !== undefined && found.file !== file) {
      throw new StoreFailed(`${this.path} was replaced by another file while it was in use`, {
        remedy: 'Start again, which uses the new one. To put back a backup, stop the daemon first.',
      })
    }
    if (found.file !== undefined && (log === undefined || found.log === log)) {
      this.#place = found
      return
    }
    // What was removed is still ours to read, until it is closed.
    this.#salvaged ??= salvage(connection)
    closeQuietly(connection)
    this.#connection = undefined
    removeDatabase(this.path)
    this.#connect()
    const remedy = 'Find out what removes files there: all was kept this time.'
    this.#mending?.log.error({ path: this.path, remedy }, 'database was removed: written anew')
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#writes.flush()
    this.#connection?.close()
  }

  #commit(group: readonly Write[]): void {
    try {
      this.#transact(group)
    } catch (error) {
      try {
        if (!this.#mended(error) && !this.#mending?.reserve?.spend()) throw error
        this.#transact(group)
      } catch (last) {
        this.#tellOfFailure(last)
        for (const { failed } of group) failed(last)
        return
      }
    }
    if (this.#cannotWrite) this.#mending?.log.info({ path: this.path }, 'database can be written again')
    this.#cannotWrite = false
    for (const { done } of group) done()
  }

  #transact(group: readonly Write[]): void {
    try {
      const { sql } = this
      this.#inTransaction = true
      sql.exec('BEGIN IMMEDIATE')
      for (const { work } of group) work()
      sql.exec('COMMIT')
    } catch (cause) {
      rollBack(this.#connection)
      throw expected({ message: `cannot write to ${this.path}`, path: this.path }, cause)
    } finally {
      this.#inTransaction = false
    }
  }

  #tellOfFailure(error: unknown): void {
    if (!(error instanceof StoreFailed) || this.#cannotWrite) return
    this.#cannotWrite = true
    this.#mending?.log.error({ detail: error.message, remedy: error.remedy }, 'database cannot be written')
  }

  #connect(): Sql {
    const sql = connect(this.path)
    try {
      if (this.#salvaged) restore(sql, this.#salvaged)
    } catch (cause) {
      closeQuietly(sql)
      throw expected({ message: `cannot write to ${this.path}`, path: this.path }, cause)
    }
    this.#salvaged = undefined
    this.#connection = sql
    this.#place = { file: placeOf(this.path), log: placeOf(`${this.path}-wal`) }
    return sql
  }

  /**
   * Whether the error told of damage that is mended now.
   *
   * @throws StoreFailed when it cannot be mended; it is tried again when the database is used again
   */
  #mended(error: unknown): boolean {
    if (!(error instanceof DatabaseDamaged) || !this.#mending) return false
    const { now, log } = this.#mending
    closeQuietly(this.#connection)
    this.#connection = undefined
    const aside = setAside(this.path, now())
    this.#salvaged ??= withDamaged(aside, salvage) ?? nothingSalvaged
    const { items, records } = this.#salvaged
    this.#connect()
    const detail = error.cause instanceof Error ? error.cause.message : error.message
    const fields = { detail, set_aside: aside, request_ids: items.length, modules: records.length }
    const remedy =
      'Nothing to do now: what could be read was kept. Check the disk, then delete the set aside file.'
    log.error({ ...fields, remedy }, 'database was damaged: set aside, and started fresh')
    return true
  }
}
