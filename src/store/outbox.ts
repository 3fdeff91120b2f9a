/**
 * The outbox: work items that the broker has not acknowledged yet, oldest first.
 *
 * A row is committed before anyone is told of its id and deleted only on PUBACK, so a crash delivers
 * twice, never zero times. Rows carry their own expiry; an expired row is counted and dropped here,
 * because nobody downstream could use it.
 */
import { keyOf, type WorkItem } from '../model.ts'
import type { Outbox, Waiting } from '../ports.ts'
import type { Database } from './database.ts'

export interface StoredOutbox extends Outbox {
  /** Adds an item inside the caller's transaction. */
  add(item: WorkItem): void
  /** Tells the listeners; called once the transaction is on disk. */
  announce(): void
}

/** The outbox of an open database. */
export function openOutbox({ sql, read, write }: Database): StoredOutbox {
  const insert = sql.prepare('INSERT INTO outbox (module, expires_at, item) VALUES (?, ?, ?)')
  const select = sql.prepare(
    `SELECT seq, item FROM outbox WHERE module NOT IN (SELECT value FROM json_each(?))
     ORDER BY seq LIMIT ?`,
  )
  const drop = sql.prepare('DELETE FROM outbox WHERE seq = ?')
  const isDead = 'expires_at <= ? AND seq NOT IN (SELECT value FROM json_each(?))'
  const firstExpired = sql.prepare(`SELECT 1 FROM outbox WHERE ${isDead} LIMIT 1`)
  const dropOld = sql.prepare(`DELETE FROM outbox WHERE ${isDead}`)
  const size = sql.prepare('SELECT count(*) AS size FROM outbox')
  const listeners = new Set<() => void>()

  return {
    add(item) {
      insert.run(keyOf(item), item.expiresAt, JSON.stringify(item))
    },
    announce() {
      for (const listener of listeners) listener()
    },
    waiting: (limit, except) => read(() => select.all(JSON.stringify([...except]), limit).map(toWaiting)),
    remove: (seq) =>
      write(() => {
        drop.run(seq)
      }),
    async dropExpired(now, inFlight) {
      const spared = JSON.stringify([...inFlight])
      if (!read(() => firstExpired.get(now, spared))) return 0
      return write(() => Number(dropOld.run(now, spared).changes))
    },
    count: () => read(() => Number(size.get()?.size ?? 0)),
    onArrival(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function toWaiting(row: Record<string, unknown>): Waiting {
  // Written by `add` from a WorkItem; the database's own checks guard what is in between.
  return { seq: Number(row.seq), item: JSON.parse(String(row.item)) as WorkItem }
}
