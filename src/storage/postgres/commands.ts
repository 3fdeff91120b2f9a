/** Commands that wait for the owner of their account, and what came of them. */
import type { Clock } from '../../domain/clock.ts'
import type { Command, CommandResult } from '../../domain/commands.ts'
import type { FleetCommands } from '../../domain/fleet.ts'
import { parseJson } from '../state-files.ts'
import type { Database } from './database.ts'

/** Nobody waits longer for an answer. */
const awaitedFor = "interval '5 minutes'"
const keptFor = "interval '1 hour'"

export function openCommands({ query, tables }: Database, clock: Pick<Clock, 'uuid'>): FleetCommands {
  const { command: table } = tables
  return {
    async ask(commands) {
      const asked = commands.map(({ accountId, command }) => ({ id: clock.uuid(), accountId, command }))
      await query(
        `WITH old AS (DELETE FROM ${table} WHERE asked_at < now() - ${keptFor})
         INSERT INTO ${table} (id, account_id, command)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])`,
        [
          asked.map(({ id }) => id),
          asked.map(({ accountId }) => accountId),
          asked.map(({ command }) => JSON.stringify(command)),
        ],
      )
      return asked.map(({ id }) => id)
    },
    async results(ids) {
      const { rows } = await query(
        `SELECT id, result FROM ${table} WHERE id = ANY ($1::uuid[]) AND result IS NOT NULL`,
        [[...ids]],
      )
      // Written by `answer`, of this version or of one beside it.
      return new Map(rows.map((row) => [String(row.id), parseJson(String(row.result)) as CommandResult]))
    },
    async waiting(accountIds) {
      const { rows } = await query(
        `SELECT id, account_id, command FROM ${table}
         WHERE account_id = ANY ($1::text[]) AND result IS NULL AND asked_at > now() - ${awaitedFor} ORDER BY seq`,
        [[...accountIds]],
      )
      return rows.map((row) => ({
        id: String(row.id),
        accountId: String(row.account_id),
        command: parseJson(String(row.command)) as Command,
      }))
    },
    async answer(id, result) {
      await query(`UPDATE ${table} SET result = $2 WHERE id = $1 AND result IS NULL`, [
        id,
        JSON.stringify(result),
      ])
    },
  }
}
