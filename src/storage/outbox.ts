/**
 * Durable events, and which of them the broker has not acknowledged yet, oldest first.
 *
 * An event is committed before it is published, and taken out of the outbox only on PUBACK, so a crash delivers
 * twice, never zero times. A request ID is written once, at the end of its table, and stays until it expires,
 * because a module's topics show it that long; an event of another kind goes with its row in the outbox.
 */
import {
  type DurableEvent,
  type EventKind,
  eventKinds,
  keyIn,
  type ModuleKey,
  type WorkItem,
} from '../domain/model.ts'
import type { Outbox, StoredEvent } from '../domain/ports.ts'
import type { Row } from './connection.ts'
import type { Database } from './database.ts'
import { eventColumns, eventIn, readable, workItemIn } from './rows.ts'

export interface StoredOutbox extends Outbox {
  /** Adds an event inside the transaction of the caller. */
  add(event: DurableEvent): StoredEvent
  /** Notifies the listeners; called once the transaction is on disk. */
  announce(added: StoredEvent): void
  /** The work items of these numbers, as far as they have not been deleted; run inside a read. */
  workItems(seqs: readonly number[]): readonly WorkItem[]
  /** When the next request ID expires after `now`, acknowledged or not, or `undefined` when none does. */
  nextExpiry(now: number): Promise<number | undefined>
  /** Deletes some request IDs that are expired and acknowledged; returns their modules, none when none was left. */
  deleteExpired(now: number): Promise<readonly ModuleKey[]>
}

/** So many rows are deleted at a time, so that nobody has to wait for those of a long outage, or of a fleet. */
const deletedAtOnce = 500

/** The outbox of an open database. */
export function openOutbox({ path, prepare, read, write }: Database): StoredOutbox {
  const insertEvent = prepare(`INSERT INTO events (${eventColumns}) VALUES (?, ?, ?, ?, ?)`)
  const insertWaiting = prepare('INSERT INTO outbox (seq, kind, order_key) VALUES (?, ?, ?)')
  const numbered = 'seq IN (SELECT value FROM json_each(?))'
  const isRequest = "kind = 'manifest_requested'"
  const some = prepare(`SELECT body FROM events WHERE ${numbered} AND ${isRequest} ORDER BY seq`)
  // The rows are short, so a backlog of busy keys is searched quickly.
  const oldest = prepare(
    `SELECT ${eventColumns} FROM events
     WHERE seq IN (SELECT seq FROM outbox
                   WHERE kind = ? AND order_key NOT IN (SELECT value FROM json_each(?))
                     AND seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?)
     ORDER BY seq`,
  )
  const drop = prepare(`DELETE FROM outbox WHERE ${numbered} RETURNING seq`)
  // Of the oldest; younger ones expire later, unless the clock was set or request.ttlSeconds was shortened.
  const dropOld = prepare(
    `DELETE FROM outbox
     WHERE seq IN (SELECT seq FROM outbox
                   WHERE kind = ? AND seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?)
       AND (SELECT expires_at FROM events WHERE events.seq = outbox.seq) <= ?
     RETURNING seq`,
  )
  const dropBodies = prepare(`DELETE FROM events WHERE ${numbered} AND NOT ${isRequest}`)
  const size = prepare('SELECT count(*) AS size FROM outbox')
  // In the order of storing, which is the order of expiry as long as nobody changes request.ttlSeconds.
  const next = prepare(
    `SELECT expires_at FROM events WHERE ${isRequest} AND expires_at > ? ORDER BY seq LIMIT 1`,
  )
  const deleteFirst = prepare(
    `DELETE FROM events
     WHERE seq IN (SELECT seq FROM events
                   WHERE ${isRequest} AND seq NOT IN (SELECT seq FROM outbox) ORDER BY seq LIMIT ?)
       AND expires_at <= ?
     RETURNING order_key`,
  )
  const last = prepare('SELECT max(seq) AS seq FROM events')
  // Never given out twice by one process, however often the tables are emptied or recovered.
  let seq = read(() => Number(last.get()?.seq ?? 0))
  const listeners = new Set<(added: StoredEvent) => void>()
  const toStored = (row: Row): StoredEvent => ({
    seq: Number(row.seq),
    event: readable(eventIn(row), `an event in ${path}`),
  })
  /** Deletes rows of the outbox with what nobody reads any more; returns how many. */
  const dropped = (rows: readonly Row[]) => {
    if (rows.length > 0) dropBodies.run(JSON.stringify(rows.map((row) => row.seq)))
    return rows.length
  }

  return {
    add(event) {
      const { kind, orderKey, expiresAt, body } = event
      seq++
      insertEvent.run(seq, kind, orderKey, expiresAt, JSON.stringify(body))
      insertWaiting.run(seq, kind, orderKey)
      return { seq, event }
    },
    announce(added) {
      for (const listener of listeners) listener(added)
    },
    workItems: (seqs) =>
      some.all(JSON.stringify(seqs)).map(({ body }) => readable(workItemIn(body), `a work item in ${path}`)),
    async waiting(limit, exceptKeys, exceptSeqs = []) {
      const [keys, seqs] = [JSON.stringify([...exceptKeys]), JSON.stringify([...exceptSeqs])]
      return read(() => {
        const rows: Row[] = []
        for (const kind of eventKinds) {
          if (rows.length < limit) rows.push(...oldest.all(kind, keys, seqs, limit - rows.length))
        }
        return rows.map(toStored)
      })
    },
    async remove(seqs) {
      const numbers = JSON.stringify([...seqs])
      await write(() => dropped(drop.all(numbers)))
    },
    async sweep(now, spared) {
      const counts = new Map<EventKind, number>()
      for (const kind of eventKinds) {
        let count: number
        do {
          count = await write(() =>
            dropped(dropOld.all(kind, JSON.stringify([...spared]), deletedAtOnce, now)),
          )
          if (count > 0) counts.set(kind, (counts.get(kind) ?? 0) + count)
        } while (count > 0)
      }
      return counts
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
      return [...new Set(rows.map((row) => String(row.order_key)))].map(keyIn)
    },
  }
}
