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
import { itemIn, readable } from './rows.ts'

export interface StoredOutbox extends Outbox {
  /** Adds an item inside the caller's transaction. */
  add(item: WorkItem): void
  /** Tells the listeners; called once the transaction is on disk. */
  announce(): void
}

/** So many of the oldest rows are looked through for an item of a module that is not busy. */
const nearRows = 512

/** The outbox of an open database. */
export function openOutbox({ path, prepare, read, write }: Database): StoredOutbox {
  const insert = prepare('INSERT INTO outbox (module, expires_at, item) VALUES (?, ?, ?)')
  const busy = 'module IN (SELECT value FROM json_each(?))'
  const near = prepare(
    `SELECT seq, item FROM (SELECT seq, module, item FROM outbox ORDER BY seq LIMIT ?)
     WHERE NOT ${busy} LIMIT ?`,
  )
  // From module to module through the index: a backlog of one would otherwise be read whole for each item.
  const firstOfEach = prepare(
    `WITH RECURSIVE modules_here (module) AS (
       SELECT min(module) FROM outbox UNION ALL
       SELECT (SELECT min(module) FROM outbox WHERE module > modules_here.module) FROM modules_here
       WHERE modules_here.module IS NOT NULL)
     SELECT seq, item FROM outbox
     WHERE seq IN (SELECT (SELECT min(seq) FROM outbox WHERE outbox.module = modules_here.module)
                   FROM modules_here WHERE module IS NOT NULL AND NOT ${busy})
     ORDER BY seq LIMIT ?`,
  )
  const drop = prepare('DELETE FROM outbox WHERE seq = ?')
  const isDead = 'expires_at <= ? AND seq NOT IN (SELECT value FROM json_each(?))'
  const firstExpired = prepare(`SELECT 1 FROM outbox WHERE ${isDead} LIMIT 1`)
  const dropOld = prepare(`DELETE FROM outbox WHERE ${isDead}`)
  const size = prepare('SELECT count(*) AS size FROM outbox')
  const listeners = new Set<() => void>()

  const toWaiting = (row: Record<string, unknown>): Waiting => ({
    seq: Number(row.seq),
    item: readable(itemIn(row.item), `a work item in ${path}`),
  })

  return {
    add(item) {
      insert.run(keyOf(item), item.expiresAt, JSON.stringify(item))
    },
    announce() {
      for (const listener of listeners) listener()
    },
    waiting(limit, except) {
      const names = JSON.stringify([...except])
      return read(() => {
        const rows = near.all(Math.max(limit, nearRows), names, limit)
        return (rows.length > 0 ? rows : firstOfEach.all(names, limit)).map(toWaiting)
      })
    },
    remove: (seq) =>
      write(() => {
        drop.run(seq)
      }),
    async dropExpired(now, inFlight) {
      const spared = JSON.stringify([...inFlight])
      if (!read(() => firstExpired.get(now, spared))) return 0
      return write(() => dropOld.run(now, spared))
    },
    count: () => read(() => Number(size.get()?.size ?? 0)),
    onArrival(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
