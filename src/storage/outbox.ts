/**
 * The outbox: which work items the broker has not acknowledged yet, oldest first.
 *
 * An item is committed before anyone is told of its id and taken out only on PUBACK, so a crash delivers
 * twice, never zero times. An expired one is counted and taken out here, because nobody downstream could use it.
 */
import { keyOf } from '../domain/model.ts'
import type { Outbox, Waiting } from '../domain/ports.ts'
import type { Database } from './database.ts'
import { toItem } from './items.ts'

export interface StoredOutbox extends Outbox {
  /** Adds an item inside the transaction that stores it. */
  add(item: Waiting): void
  /** Tells the listeners; called once the transaction is on disk. */
  announce(item: Waiting): void
}

/** So many are dropped at a time, so that nobody has to wait for a long outage's. */
const droppedAtOnce = 500

/** The outbox of an open database. */
export function openOutbox({ path, prepare, read, write }: Database): StoredOutbox {
  const insert = prepare('INSERT INTO outbox (seq, module) VALUES (?, ?)')
  const busy = 'module IN (SELECT value FROM json_each(?))'
  // The rows are short, and a backlog of busy modules is looked through in no time.
  const oldest = prepare(
    `SELECT seq, item FROM items
     WHERE seq IN (SELECT seq FROM outbox WHERE NOT ${busy} ORDER BY seq LIMIT ?)
     ORDER BY seq`,
  )
  const drop = prepare('DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))')
  // Of the oldest; the younger ones end later, unless the clock was set or their lives are shorter now.
  const dropOld = prepare(
    `DELETE FROM outbox
     WHERE seq IN (SELECT seq FROM outbox WHERE seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?)
       AND (SELECT expires_at FROM items WHERE items.seq = outbox.seq) <= ?`,
  )
  const size = prepare('SELECT count(*) AS size FROM outbox')
  const listeners = new Set<(added: Waiting) => void>()

  return {
    add({ seq, item }) {
      insert.run(seq, keyOf(item))
    },
    announce(added) {
      for (const listener of listeners) listener(added)
    },
    waiting(limit, except) {
      const names = JSON.stringify([...except])
      return read(() => {
        const rows = oldest.all(names, limit)
        return rows.map((row): Waiting => ({ seq: Number(row.seq), item: toItem(row, path) }))
      })
    },
    async remove(seqs) {
      const numbers = JSON.stringify([...seqs])
      await write(() => drop.run(numbers))
    },
    async dropExpired(now, spared) {
      let dropped = 0
      for (;;) {
        const some = await write(() => dropOld.run(JSON.stringify([...spared]), droppedAtOnce, now))
        if (some === 0) return dropped
        dropped += some
      }
    },
    count: () => read(() => Number(size.get()?.size ?? 0)),
    onArrival(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
