/**
 * Who has given the page's password, at whichever instance.
 *
 * Only hashes are kept: who reads the database must not be able to visit the page.
 */
import { createHash } from 'node:crypto'
import type { WebSessions } from '../../domain/ports.ts'
import type { Database } from './database.ts'

const life = "interval '30 days'"
/** Prolonging it costs a write, so not at each look. */
const prolonged = "interval '1 hour'"

export function openWebSessions(database: Database): WebSessions {
  const { web_session: table } = database.tables
  const look = `SELECT expires_at < now() + ${life} - ${prolonged} AS is_old FROM ${table}
    WHERE id = $1 AND expires_at > now()`
  const prolong = `UPDATE ${table} SET expires_at = now() + ${life} WHERE id = $1`
  const add = `WITH expired AS (DELETE FROM ${table} WHERE expires_at <= now())
    INSERT INTO ${table} (id, session, expires_at) VALUES ($1, '', now() + ${life})`
  return {
    async use(id) {
      const hashed = hashOf(id)
      const { rows } = await database.query(look, [hashed])
      if (rows[0]?.is_old === true) await database.query(prolong, [hashed])
      return rows.length > 0
    },
    async open(id) {
      await database.query(add, [hashOf(id)])
    },
    async close(id) {
      await database.query(`DELETE FROM ${table} WHERE id = $1`, [hashOf(id)])
    },
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}
