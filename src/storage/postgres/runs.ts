/**
 * Runs that all instances share. Each has the same schedule, and whoever comes first begins a run; whoever is free
 * fans it out, page by page, each page in one transaction with the jobs that it makes.
 */
import { StoreFailed } from '../../domain/errors.ts'
import type { FleetRun, FleetRuns } from '../../domain/fleet.ts'
import type { Database, Row } from './database.ts'
import { runnerOf } from './queue.ts'

/** After this no more results of a run are waited for. */
const longestRun = "interval '1 hour'"
const keptFor = "interval '2 days'"

/** An account that had such a run would be requested no more until that time has come. */
const farAheadMs = 15 * 60_000

/** A row for each account and run, so what an outage has left is not deleted in one statement. */
const partsAtOnce = 20_000

const triggers = ['schedule', 'start', 'once'] as const

export function openRuns({ query, transaction, tables, place }: Database): FleetRuns {
  const { run, run_part: part, account, credential } = tables
  const isIt = 'at = $1 AND trigger = $2'
  const hasCredentials = `EXISTS (SELECT 1 FROM ${credential} c WHERE c.account_id = a.account_id)`

  // Of the last run that has ended, and of those that have not, the sums are still wanted.
  const dropParts = `
    WITH wanted AS (
      SELECT least(max(at) FILTER (WHERE has_ended), min(at) FILTER (WHERE NOT has_ended)) AS since FROM ${run}
    ), old AS (
      SELECT p.at, p.account_id FROM ${part} p, wanted WHERE p.at < wanted.since ORDER BY p.at LIMIT $1
    )
    DELETE FROM ${part} p USING old WHERE p.at = old.at AND p.account_id = old.account_id`

  return {
    async begin({ at, trigger }) {
      const clock = await query('SELECT floor(extract(epoch FROM now()) * 1000) AS now', [])
      const aheadMs = at - Number(clock.rows[0]?.now)
      if (aheadMs > farAheadMs) {
        const minutes = Math.round(aheadMs / 60_000)
        throw new StoreFailed(`the clock of this machine is ${minutes} minutes ahead of that of ${place}`, {
          remedy: 'Set the clocks, by NTP.',
        })
      }
      const { rows } = await query(
        `WITH old AS (DELETE FROM ${run} WHERE began_at < now() - ${keptFor})
         INSERT INTO ${run} (at, trigger) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING at`,
        [at, trigger],
      )
      return rows.length > 0
    },
    async unfinished() {
      const { rows } = await query(
        `SELECT at, trigger FROM ${run}
         WHERE NOT is_fanned_out AND NOT has_ended AND began_at > now() - ${longestRun} ORDER BY at`,
      )
      return rows.map(toRun)
    },
    fanOut: ({ at, trigger }, limit, send) =>
      transaction(async (sql) => {
        const found = await sql.query(
          `SELECT fanned_out_to FROM ${run} WHERE ${isIt} AND NOT is_fanned_out FOR UPDATE SKIP LOCKED`,
          [at, trigger],
        )
        const [row] = found.rows
        if (!row) return 0
        const { rows } = await sql.query(
          `SELECT account_id FROM ${account} a WHERE account_id > $1 AND ${hasCredentials} ORDER BY account_id LIMIT $2`,
          [String(row.fanned_out_to), limit],
        )
        const ids = rows.map(({ account_id: id }) => String(id))
        if (ids.length > 0) await send(ids, runnerOf(sql))
        await sql.query(
          `UPDATE ${run} SET fanned_out_to = coalesce($3, fanned_out_to), is_fanned_out = $4 WHERE ${isIt}`,
          [at, trigger, ids.at(-1) ?? null, ids.length < limit],
        )
        return ids.length
      }),
    async latest() {
      const { rows } = await query(`SELECT max(at) AS at FROM ${run} WHERE trigger = $1`, ['schedule'])
      const at = rows[0]?.at ?? undefined
      return at === undefined ? undefined : Number(at)
    },
    async lastEnded() {
      const { rows } = await query(
        `SELECT last.at, coalesce(sum(requested), 0) AS requested, coalesce(sum(failed), 0) AS failed,
           coalesce(sum(skipped), 0) AS skipped
         FROM (SELECT at FROM ${run} WHERE has_ended ORDER BY at DESC LIMIT 1) last LEFT JOIN ${part} USING (at)
         GROUP BY last.at`,
      )
      const [row] = rows
      return row && { at: Number(row.at), counts: countsIn(row) }
    },
    async ended() {
      await query(dropParts, [partsAtOnce])
      const { rows } = await query(
        `WITH ended AS (
           UPDATE ${run} r SET has_ended = true
           WHERE NOT has_ended AND (began_at < now() - ${longestRun} OR (is_fanned_out AND NOT EXISTS (
             SELECT 1 FROM ${account} a WHERE a.added_at <= r.began_at AND ${hasCredentials}
               AND (a.last_run IS NULL OR a.last_run < r.at))))
           RETURNING at, trigger, extract(epoch FROM now() - began_at) * 1000 AS elapsed_ms
         )
         SELECT at, trigger, elapsed_ms, coalesce(sum(requested), 0) AS requested,
           coalesce(sum(failed), 0) AS failed, coalesce(sum(skipped), 0) AS skipped
         FROM ended LEFT JOIN ${part} USING (at) GROUP BY at, trigger, elapsed_ms ORDER BY at`,
      )
      return rows.map((row) => ({
        run: toRun(row),
        counts: { ...countsIn(row), elapsedMs: Math.round(Number(row.elapsed_ms)) },
      }))
    },
  }
}

function countsIn({ requested, failed, skipped }: Row) {
  return { requested: Number(requested), failed: Number(failed), skipped: Number(skipped) }
}

function toRun(row: Row): FleetRun {
  const trigger = triggers.find((one) => one === row.trigger)
  return { at: Number(row.at), trigger: trigger ?? 'schedule' }
}
