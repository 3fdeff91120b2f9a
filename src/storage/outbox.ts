/**
 * The live request IDs, and which of them the broker has not acknowledged yet, oldest first.
 *
 * An item is committed before its id is published, and taken out of the outbox only on PUBACK, so a crash delivers
 * twice, never zero times. It is written once, at the end of its table, and stays until it expires, because a
 * module's topics show it that long. Expired rows of the outbox are counted and deleted here, because nobody
 * downstream could use them.
 */
import { keyOf, type ModuleKey, type WorkItem } from '../domain/model.ts'
import type { Outbox, Waiting } from '../domain/ports.ts'
import type { Row } from './connection.ts'
import type { Database } from './database.ts'
import { itemIn, readable } from './rows.ts'

export interface StoredOutbox extends Outbox {
  /** Adds an item inside the transaction of the caller. */
  add(item: WorkItem): Waiting
  /** Notifies the listeners; called once the transaction is on disk. */
  announce(item: Waiting): void
  /** The items of these numbers, as far as they have not been deleted; run inside a read. */
  items(seqs: readonly number[]): readonly WorkItem[]
  /** When the next item expires after `now`, acknowledged or not, or `undefined` when none does. */
  nextExpiry(now: number): Promise<number | undefined>
  /** Deletes some that are expired and acknowledged; returns their modules, none when none was left. */
  deleteExpired(now: number): Promise<readonly ModuleKey[]>
}

/** So many rows are deleted at a time, so that nobody has to wait for those of a long outage, or of a fleet. */
const deletedAtOnce = 500

/** The outbox of an open database. */
export function openOutbox({ path, prepare, read, write }: Database): StoredOutbox {
  const insertItem = prepare('INSERT INTO items (seq, module, expires_at, item) VALUES (?, ?, ?, ?)')
  const insertWaiting = prepare('INSERT INTO outbox (seq, module) VALUES (?, ?)')
  const some = prepare('SELECT item FROM items WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq')
  const busy = 'module IN (SELECT value FROM json_each(?))'
  // The rows are short, so a backlog of busy modules is searched quickly.
  const oldest = prepare(
    `SELECT seq, item FROM items
     WHERE seq IN (SELECT seq FROM outbox WHERE NOT ${busy} ORDER BY seq LIMIT ?)
     ORDER BY seq`,
  )
  const drop = prepare('DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))')
  // Of the oldest; younger ones expire later, unless the clock was set or request.ttlSeconds was shortened.
  const dropOld = prepare(
    `DELETE FROM outbox
     WHERE seq IN (SELECT seq FROM outbox WHERE seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?)
       AND (SELECT expires_at FROM items WHERE items.seq = outbox.seq) <= ?`,
  )
  const size = prepare('SELECT count(*) AS size FROM outbox')
  // In the order of storing, which is the order of expiry as long as nobody changes request.ttlSeconds.
  const acknowledged = 'FROM items WHERE seq NOT IN (SELECT seq FROM outbox) ORDER BY seq'
  const next = prepare('SELECT expires_at FROM items WHERE expires_at > ? ORDER BY seq LIMIT 1')
  const deleteFirst = prepare(
    `DELETE FROM items
     WHERE seq IN (SELECT seq ${acknowledged} LIMIT ?)
       AND expires_at <= ?
     RETURNING module`,
  )
  const last = prepare('SELECT max(seq) AS seq FROM items')
  // Never given out twice by one process, however often the tables are emptied or recovered.
  let seq = read(() => Number(last.get()?.seq ?? 0))
  const listeners = new Set<(added: Waiting) => void>()
  const toItem = ({ item }: Row) => readable(itemIn(item), `a work item in ${path}`)

  return {
    add(item) {
      seq++
      insertItem.run(seq, keyOf(item), item.expiresAt, JSON.stringify(item))
      insertWaiting.run(seq, keyOf(item))
      return { seq, item }
    },
    announce(added) {
      for (const listener of listeners) listener(added)
    },
    items: (seqs) => some.all(JSON.stringify(seqs)).map(toItem),
    async waiting(limit, except) {
      const names = JSON.stringify([...except])
      return read(() =>
        oldest.all(names, limit).map((row): Waiting => ({ seq: Number(row.seq), item: toItem(row) })),
      )
    },
    async remove(seqs) {
      const numbers = JSON.stringify([...seqs])
      await write(() => drop.run(numbers))
    },
    async dropExpired(now, spared) {
      let dropped = 0
      for (;;) {
        const count = await write(() => dropOld.run(JSON.stringify([...spared]), deletedAtOnce, now))
        if (count === 0) return dropped
        dropped += count
      }
    },
    count: async () => read(() => Number(size.get()?.size ?? 0)),
    onArrival(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async nextExpiry(now) {
      const row = read(() => next.get(now))
      return row && Number(row.expires_at)
    },
    async deleteExpired(now) {
      const rows = await write(() => deleteFirst.all(deletedAtOnce, now))
      return [...new Set(rows.map(({ module }) => String(module)))].map(keyIn)
    },
  }
}

function keyIn(name: string): ModuleKey {
  const [accountId = '', networkId = '', syncModuleId = ''] = name.split('/')
  return { accountId, networkId, syncModuleId }
}
