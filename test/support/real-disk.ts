/** The real store as a disk whose troubles are in the test's hand, for the play of a delivery. */
import { systemClock } from '../../src/domain/clock.ts'
import { StoreFailed } from '../../src/domain/errors.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { openLedger } from '../../src/storage/ledger.ts'
import { openOutbox } from '../../src/storage/outbox.ts'
import { eventColumns, eventIn, readable } from '../../src/storage/rows.ts'
import type { DiskLife, FakeDisk } from './fake-outbox.ts'
import { noReserve, readableLog, requested, workItemOf } from './samples.ts'

export interface RealDisk extends FakeDisk {
  close(): Promise<void>
}

/** The store of a directory; `changed` is called after each change, before its commit. */
export function realDisk(directory: string, changed: () => void): RealDisk {
  const database = openDatabase(directory, { log: readableLog(), reserve: noReserve, clock: systemClock })
  const all = database.prepare(
    `SELECT ${eventColumns} FROM events WHERE seq IN (SELECT seq FROM outbox) ORDER BY seq`,
  )
  let readOnly = false
  const ill = {
    reads: false,
    get writes() {
      return readOnly
    },
    /** What a disk does that became read-only. */
    set writes(now) {
      readOnly = now
      database.sql.exec(`PRAGMA query_only = ${now ? 'ON' : 'OFF'}`)
    },
  }
  let queued = 0
  let uses = 0

  /** The database as one life of the program sees it. */
  function lifeOf(isKilled: () => boolean, isOpen: () => boolean): Database {
    return Object.create(database, {
      read: {
        value: <T>(work: () => T) => {
          uses++
          if (ill.reads && isOpen()) throw new StoreFailed('cannot read')
          return database.read(work)
        },
      },
      write: {
        value: <T>(work: () => T): Promise<T> => {
          if (isKilled()) return new Promise<T>(() => undefined)
          uses++
          queued++
          const run = () => {
            // Not committed before the kill, and so never.
            if (isKilled()) return undefined as T
            const value = work()
            changed()
            return value
          }
          const written = database.write(run).finally(() => queued--)
          // A killed program does not hear of what became of its last writes.
          return new Promise<T>((resolve, reject) => {
            written.then(
              (value) => isKilled() || resolve(value),
              (error: Error) => isKilled() || reject(error),
            )
          })
        },
      },
    }) as Database
  }

  function open(): DiskLife {
    let [killed, opened] = [false, false]
    const life = lifeOf(
      () => killed,
      () => opened,
    )
    const outbox = openOutbox(life)
    const ledger = openLedger(life, outbox, noReserve)
    // Whoever cannot read it does not even start.
    opened = true
    return {
      // A killed program does not go on when its disk is well again.
      outbox: { ...outbox, waiting: async (...values) => (killed ? [] : outbox.waiting(...values)) },
      async add(item) {
        await ledger.record(requested(item))
      },
      kill() {
        killed = true
      },
    }
  }

  return {
    open,
    commit: () => undefined,
    ill,
    rows: () => all.all().map((row) => workItemOf(readable(eventIn(row), database.path))),
    get queued() {
      return queued
    },
    get uses() {
      return uses
    },
    close: () => database.close(),
  }
}
