/**
 * The sign-in that is under way, sealed as a whole: whichever daemon or command goes on with it.
 */

import { type PendingSignIns, pendingIn, pendingText } from '../pending-sign-in.ts'
import type { Database } from './database.ts'
import type { Seal } from './sealed.ts'

/** As with a data directory, there is one. */
const id = 'sign-in'

export function openPending(
  { query, tables: { pending_login: table } }: Database,
  seal: Seal,
): PendingSignIns {
  return {
    async read() {
      const { rows } = await query(`SELECT sealed FROM ${table} WHERE id = $1`, [id])
      const sealed = rows[0]?.sealed
      const text = sealed instanceof Uint8Array ? seal.open(sealed, id) : undefined
      return text === undefined ? undefined : pendingIn(text)
    },
    async save(pending) {
      await query(
        `INSERT INTO ${table} (id, sealed) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, changed_at = clock_timestamp()`,
        [id, seal.close(pendingText(pending), id)],
      )
    },
    async remove() {
      await query(`DELETE FROM ${table} WHERE id = $1`, [id])
    },
  }
}
