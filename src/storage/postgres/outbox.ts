/**
 * Durable events in PostgreSQL, and which of them the broker has not acknowledged yet.
 *
 * Only events of accounts that this process holds are given out, so one process delivers an account's events, in the
 * order of storing. An acknowledgement counts whoever holds the account by then.
 */
import { type DurableEvent, type EventKind, eventKinds, keyIn, type ModuleKey } from '../../domain/model.ts'
import type { Outbox, StoredEvent } from '../../domain/ports.ts'
import { eventIn } from '../rows.ts'
import type { Database, Row, Sql } from './database.ts'
import type { Fences } from './fences.ts'

export interface SharedOutbox extends Outbox {
  /** Adds an event inside the transaction of the caller, after its `guard`. */
  add(sql: Sql, event: DurableEvent): Promise<StoredEvent>
  /** Notifies the listeners; called once the transaction is committed. */
  announce(added: StoredEvent): void
  /** Something waits that was not announced. */
  mayWait(): void
  nextExpiry(now: number): Promise<number | undefined>
  deleteExpired(now: number): Promise<readonly ModuleKey[]>
}

/** So many rows are deleted at a time, so that nobody has to wait for those of a long outage, or of a fleet. */
const deletedAtOnce = 500

export function openOutbox({ query, tables }: Database, fences: Fences): SharedOutbox {
  const listeners = new Set<(added?: StoredEvent) => void>()
  const isRequest = "kind = 'manifest_requested'"
  const insert = `
    WITH stored AS (
      INSERT INTO ${tables.event} (event_id, account_id, kind, order_key, expires_at, body)
      VALUES ($1, $2, $3, $4, $5, $6) RETURNING seq
    )
    INSERT INTO ${tables.outbox} (seq, account_id, kind, order_key) SELECT seq, $2, $3, $4 FROM stored RETURNING seq`
  const oldest = `
    SELECT e.seq, e.kind, e.order_key, e.expires_at, e.body
    FROM ${tables.outbox} o JOIN ${tables.event} e ON e.seq = o.seq
    WHERE o.account_id = ANY ($1::text[]) AND o.kind = ANY ($4::text[]) AND o.order_key <> ALL ($2::text[]) AND o.seq <> ALL ($3::bigint[])
    ORDER BY array_position($4::text[], o.kind), o.seq LIMIT $5`
  const dropBodies = `bodies AS (
      DELETE FROM ${tables.event} e USING gone WHERE e.seq = gone.seq AND NOT gone.${isRequest}
    )`
  const drop = `
    WITH gone AS (DELETE FROM ${tables.outbox} WHERE seq = ANY ($1::bigint[]) RETURNING seq, kind), ${dropBodies}
    SELECT count(*) FROM gone`
  const dropOld = `
    WITH old AS (
      SELECT o.seq FROM ${tables.outbox} o JOIN ${tables.event} e ON e.seq = o.seq
      WHERE e.expires_at <= $1 AND o.seq <> ALL ($2::bigint[])
        AND (o.account_id = ANY ($3::text[]) OR NOT EXISTS (
          SELECT 1 FROM ${tables.lease} l
          WHERE l.account_id = o.account_id AND l.owner IS NOT NULL AND l.lease_until >= now()))
      LIMIT $4 FOR UPDATE OF o SKIP LOCKED
    ), gone AS (DELETE FROM ${tables.outbox} o USING old WHERE o.seq = old.seq RETURNING o.seq, o.kind), ${dropBodies}
    SELECT kind, count(*) AS size FROM gone GROUP BY kind`
  const next = `
    SELECT expires_at FROM ${tables.event} WHERE ${isRequest} AND expires_at > $1 ORDER BY seq LIMIT 1`
  const deleteFirst = `
    DELETE FROM ${tables.event}
    WHERE seq IN (
        SELECT e.seq FROM ${tables.event} e
        WHERE e.${isRequest} AND NOT EXISTS (SELECT 1 FROM ${tables.outbox} o WHERE o.seq = e.seq)
        ORDER BY e.seq LIMIT $2)
      AND expires_at <= $1
    RETURNING order_key`

  /** What a newer version beside this one has stored is left to it; what is damaged expires. */
  const toStored = (row: Row): readonly StoredEvent[] => {
    const event = eventIn(row)
    return event ? [{ seq: Number(row.seq), event }] : []
  }

  return {
    async add(sql, event) {
      const { kind, orderKey, expiresAt, body } = event
      const values = [body.eventId, body.accountId, kind, orderKey, expiresAt, JSON.stringify(body)]
      const { rows } = await sql.query(insert, values)
      return { seq: Number(rows[0]?.seq), event }
    },
    announce(added) {
      for (const listener of listeners) listener(added)
    },
    mayWait() {
      for (const listener of listeners) listener()
    },
    async waiting(limit, exceptKeys, exceptSeqs = []) {
      if (fences.held.size === 0) return []
      const [held, keys, seqs] = [[...fences.held], [...exceptKeys], [...exceptSeqs]]
      const { rows } = await query(oldest, [held, keys, seqs, [...eventKinds], limit])
      return rows.flatMap(toStored)
    },
    async remove(seqs) {
      await query(drop, [[...seqs]])
    },
    async sweep(now, spared) {
      const counts = new Map<EventKind, number>()
      let size: number
      do {
        const { rows } = await query(dropOld, [now, [...spared], [...fences.held], deletedAtOnce])
        size = 0
        for (const kind of eventKinds) {
          const count = Number(rows.find((row) => row.kind === kind)?.size ?? 0)
          if (count > 0) counts.set(kind, (counts.get(kind) ?? 0) + count)
          size += count
        }
      } while (size > 0)
      return counts
    },
    count: async () => Number((await query(`SELECT count(*) AS size FROM ${tables.outbox}`)).rows[0]?.size),
    onArrival(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async nextExpiry(now) {
      const [row] = (await query(next, [now])).rows
      return row && Number(row.expires_at)
    },
    async deleteExpired(now) {
      const { rows } = await query(deleteFirst, [now, deletedAtOnce])
      return [...new Set(rows.map((row) => String(row.order_key)))].map(keyIn)
    },
  }
}
