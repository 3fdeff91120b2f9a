/**
 * The daemon's database: opened once, held exclusively, written in groups, recovered when it is damaged.
 *
 * SQLite's exclusive lock is the one-daemon lock as well: the kernel drops it when the process dies, however it
 * dies. Writes that come together share one commit, since the commit is what costs; each caller's promise resolves
 * only when that commit is on disk.
 *
 * Damage can be met when the file is opened or later; then the work that met it is done again on the recovered
 * file. So the connection may change under those who use it, and statements are prepared here by their text.
 */
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Log, Observer } from '../domain/ports.ts'
import { closeQuietly, connect, type Row, rollBackQuietly, type Sql, type Value } from './connection.ts'
import type { DiskReserve } from './disk-reserve.ts'
import { completeRecovery, recover } from './recovery.ts'
import { DatabaseDamaged, expected } from './sqlite-errors.ts'
import { fileIdOf } from './state-files.ts'
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
  /** The current connection. */
  readonly sql: Sql
  prepare(text: string): Statement
  /**
   * Runs `work`, which sees what has been committed.
   *
   * @throws StoreFailed when the file cannot be read
   */
  read<T>(work: () => T): T
  /**
   * Runs `work` in the next shared transaction; twice when the file had to be recovered.
   *
   * @throws StoreFailed when the commit failed; then nothing of it was kept
   */
  write<T>(work: () => T): Promise<T>
  /**
   * Writes the file anew, with all that is in it, when it or its log was removed while it was in use.
   *
   * @throws StoreFailed when another file took its place, or it cannot be written
   */
  keepInPlace(): void
  /** Writes what is waiting and closes; further writes are refused. */
  close(): Promise<void>
}

export interface DatabaseNeeds {
  readonly log: Log
  readonly reserve: Pick<DiskReserve, 'spend'>
  readonly clock: Pick<Clock, 'elapsed'>
  readonly observer?: Pick<Observer, 'storeWritten'>
}

/**
 * Opens `state.db` in the directory, which must exist.
 *
 * @throws AlreadyRunning when another process holds it
 * @throws StoreFailed when it cannot be read or written, or a newer version has written it
 */
export function openDatabase(directory: string, { log, reserve, clock, observer }: DatabaseNeeds): Database {
  const path = join(directory, 'state.db')
  const logPath = `${path}-wal`
  const writes = new WriteQueue(commit)
  let connection: Sql | undefined
  /** Which files these are; the log is there from the first write on. */
  let fileIds: { readonly file: string | undefined; readonly log: string | undefined }
  let isInTransaction = false
  let isFailing = false
  let isClosed = false

  const idsNow = () => ({ file: fileIdOf(path), log: fileIdOf(logPath) })

  function current(): Sql {
    if (connection) return connection
    completeRecovery(path)
    connection = connect(path)
    fileIds = idsNow()
    return connection
  }

  /**
   * Whether the error was damage that is recovered from now.
   *
   * @throws StoreFailed when that failed; it is tried again when the database is used again
   */
  function isRecovered(error: unknown): boolean {
    if (!(error instanceof DatabaseDamaged)) return false
    closeQuietly(connection)
    connection = undefined
    const { quarantined, events, modules } = recover(path)
    current()
    const detail = error.cause instanceof Error ? error.cause.message : error.message
    const remedy =
      'Nothing to do now: what could be read was kept. Check the disk, then delete the quarantined file.'
    const fields = { detail, quarantined, events, modules, remedy }
    log.error(fields, 'database was damaged: quarantined and recovered')
    return true
  }

  function commit(group: readonly Write[]): void {
    const begun = clock.elapsed()
    try {
      transact(group)
    } catch (error) {
      try {
        if (!isRecovered(error) && !reserve.spend()) throw error
        transact(group)
      } catch (last) {
        if (last instanceof StoreFailed && !isFailing) {
          isFailing = true
          log.error({ detail: last.message, remedy: last.remedy }, 'database cannot be written')
        }
        for (const { failed } of group) failed(last)
        return
      }
    }
    if (isFailing) log.info({ path }, 'database can be written again')
    isFailing = false
    for (const { done } of group) done()
    observer?.storeWritten?.(clock.elapsed() - begun)
  }

  function transact(group: readonly Write[]): void {
    try {
      const sql = current()
      isInTransaction = true
      sql.exec('BEGIN IMMEDIATE')
      for (const { work } of group) work()
      sql.exec('COMMIT')
    } catch (cause) {
      rollBackQuietly(connection)
      throw expected(`cannot write to ${path}`, path, cause)
    } finally {
      isInTransaction = false
    }
  }

  function attempt<T>(work: () => T): T {
    try {
      return work()
    } catch (cause) {
      throw expected(`cannot read ${path}`, path, cause)
    }
  }

  function read<T>(work: () => T): T {
    if (isClosed && !isInTransaction) throw new StoreFailed(`cannot read ${path}: it is closed`)
    try {
      return attempt(work)
    } catch (error) {
      // A transaction is done again as a whole.
      if (isInTransaction || !isRecovered(error)) throw error
      return attempt(work)
    }
  }

  try {
    current()
  } catch (error) {
    if (!isRecovered(error)) throw error
  }
  return {
    path,
    get sql() {
      return current()
    },
    prepare(text) {
      const make = () => ({ sql: current(), statement: current().prepare(text) })
      let made = read(make)
      const statement = () => {
        if (made.sql !== current()) made = make()
        return made.statement
      }
      return {
        all: (...values) => statement().all(...values),
        get: (...values) => statement().get(...values),
        run: (...values) => Number(statement().run(...values).changes),
      }
    },
    read,
    async write<T>(work: () => T) {
      if (isClosed) throw new StoreFailed(`cannot write to ${path}: it is closed`)
      return writes.add(work)
    },
    keepInPlace() {
      if (isClosed || !connection) return
      const found = idsNow()
      if (found.file !== undefined && found.file !== fileIds.file) {
        throw new StoreFailed(`${path} was replaced by another file while it was in use`, {
          remedy: 'Start again, which uses the new one. To put back a backup, stop the daemon first.',
        })
      }
      if (found.file !== undefined && (fileIds.log === undefined || found.log === fileIds.log)) {
        fileIds = found
        return
      }
      try {
        // What was removed can be read until it is closed.
        recover(path, connection)
      } finally {
        if (!connection.isOpen) connection = undefined
      }
      current()
      const remedy = 'Find out what removes files there: all was kept this time.'
      log.error({ path, remedy }, 'database was removed: written anew')
    },
    async close() {
      if (isClosed) return
      isClosed = true
      writes.flush()
      connection?.close()
    },
  }
}
