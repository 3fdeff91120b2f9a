/**
 * The attempts of the last 24 hours of all instances. They share the database with what must not be lost, so each
 * write is one transaction, and their number is bounded whatever the schedule is.
 */
import { attemptsKeptMs } from '../../domain/attempt.ts'
import type { Clock } from '../../domain/clock.ts'
import { keyOf } from '../../domain/model.ts'
import type { AttemptHistory } from '../../domain/ports.ts'
import { attemptColumns, attemptIn, attemptValues } from '../rows.ts'
import type { Database } from './database.ts'

/** Those of 10,000 modules that are requested every five minutes: some 500 MB with their index. */
const mostAttempts = 3_000_000

/** More than are added at a time, so that a backlog shrinks. */
const leastDeleted = 500

export function openAttempts(
  { query, transaction, tables }: Database,
  clock: Pick<Clock, 'now'>,
  most = mostAttempts,
): AttemptHistory {
  const { attempt } = tables
  const insert = `
    INSERT INTO ${attempt} (${attemptColumns})
    SELECT a ->> 0, (a ->> 1)::bigint, a ->> 2, (a ->> 3)::double precision, a ->> 4, (a ->> 5)::bigint,
      (a ->> 6)::bigint
    FROM json_array_elements($1::json) a`
  const setDelivered = `
    UPDATE ${attempt} a SET delivered_at = d.delivered_at
    FROM json_to_recordset($1::json) AS d (module text, at bigint, request_id text, delivered_at bigint)
    WHERE a.module = d.module AND a.at = d.at AND a.request_id = d.request_id`
  // Those first that came first. A clock that was ahead once has left attempts of the future.
  const deleteOld = `
    DELETE FROM ${attempt}
    WHERE seq IN (SELECT seq FROM ${attempt} ORDER BY seq LIMIT $1)
      AND (at NOT BETWEEN $2 AND $3 OR seq <= (SELECT max(seq) FROM ${attempt}) - $4::bigint)`
  const ofModule = `SELECT ${attemptColumns} FROM ${attempt} WHERE module = $1 AND at >= $2 ORDER BY at, seq`

  return {
    record: (attempts, delivered) =>
      transaction(async (sql) => {
        const added = attempts.map(({ module, ...one }) => attemptValues(keyOf(module), one))
        if (added.length > 0) await sql.query(insert, [JSON.stringify(added)])
        const marked = delivered.map(({ module, at, requestId, deliveredAt }) => ({
          ...{ module: keyOf(module), at, request_id: requestId, delivered_at: deliveredAt },
        }))
        if (marked.length > 0) await sql.query(setDelivered, [JSON.stringify(marked)])
        const now = clock.now()
        const deleted = Math.max(leastDeleted, attempts.length * 2)
        await sql.query(deleteOld, [deleted, now - attemptsKeptMs, now + attemptsKeptMs, most])
      }),
    async of(key, since) {
      const { rows } = await query(ofModule, [keyOf(key), since])
      // The driver gives wide integers as texts; times are none that would lose digits.
      const numbers = ['at', 'latency_ms', 'expires_at', 'delivered_at'] as const
      return rows.flatMap((row) => {
        const read = numbers.map((name) => [name, row[name] === null ? null : Number(row[name])])
        return attemptIn({ ...row, ...Object.fromEntries(read) }) ?? []
      })
    },
  }
}
