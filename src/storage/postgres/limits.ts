/**
 * What limits the requests of an account, in its row, which an instance has read with the lease: then nothing is looked
 * up. Limits of credentials whose account is not known yet, and of accounts that are not there yet, have rows of their
 * fences.
 */
import type { z } from 'zod'
import { LeaseLost } from '../../domain/errors.ts'
import type { BlinkId } from '../../domain/model.ts'
import type { LimitStore } from '../../domain/ports.ts'
import { closedBreaker } from '../../domain/retry-policy.ts'
import { breakerFile, fromBreaker, moveLimits, spentFile, toBreaker } from '../account-forms.ts'
import { parseJson } from '../state-files.ts'
import type { Database, Row, Value } from './database.ts'
import { openFences } from './fences.ts'
import type { Owner } from './owner.ts'

type Column = 'breaker' | 'spent' | 'clip_spent' | 'module_count'

/** Where a name's limits are: the budget for clips has a name of its own. */
interface Place {
  /** An account's id, or the key of credentials. */
  readonly name: string
  readonly accountId: BlinkId | undefined
  readonly spent: 'spent' | 'clip_spent'
  /** Then there is nothing else. */
  readonly isClips: boolean
}

function placeOf(account: string): Place {
  const [, clipsOf] = /^(.+)-clips$/.exec(account) ?? []
  const name = clipsOf ?? account
  const accountId = /^\d+$/.test(name) ? name : undefined
  const isClips = clipsOf !== undefined
  return { name, accountId, spent: isClips ? 'clip_spent' : 'spent', isClips }
}

/** The limits of all accounts. */
export function openLimits(database: Database, { fences, isInstance }: Owner): LimitStore {
  const { query, tables } = database
  const { account, key_limit, lease } = tables
  const columns = 'breaker, spent, clip_spent, module_count'

  async function rowOf({ name, accountId }: Place): Promise<Row> {
    const known = accountId === undefined ? undefined : fences.rowOf(accountId)
    if (known) return known
    const { rows } = await query(
      `SELECT ${columns} FROM ${account} WHERE account_id = $1
       UNION ALL SELECT ${columns} FROM ${key_limit} WHERE key = $1 LIMIT 1`,
      [name],
    )
    return rows[0] ?? {}
  }

  async function save({ name, accountId }: Place, column: Column, value: Value): Promise<void> {
    if (accountId !== undefined && isInstance) return saveHeld(accountId, column, value)
    const { changed } = await query(
      `UPDATE ${account} SET ${column} = $2, change = pg_current_xact_id() WHERE account_id = $1`,
      [name, value],
    )
    if (changed > 0) return
    await query(
      `INSERT INTO ${key_limit} (key, ${column}) VALUES ($1, $2)
       ON CONFLICT (key) DO UPDATE SET ${column} = excluded.${column}`,
      [name, value],
    )
  }

  async function saveHeld(accountId: BlinkId, column: Column, value: Value): Promise<void> {
    const fence = fences.fenceOf(accountId)
    if (fence === undefined) throw new LeaseLost(accountId)
    const { changed } = await query(
      `WITH guard AS (
         UPDATE ${lease} SET change = pg_current_xact_id() WHERE account_id = $1 AND fence = $2
         RETURNING account_id
       )
       UPDATE ${account} SET ${column} = $3, change = pg_current_xact_id() FROM guard WHERE ${account}.account_id = guard.account_id`,
      [accountId, fence, value],
    )
    if (changed === 0) throw fences.lost(accountId)
    fences.changed(accountId, { [column]: value })
  }

  /** As a damaged file would be, one that cannot be read is as good as none. */
  const parsed = <T>(schema: z.ZodType<T>, text: unknown) =>
    typeof text === 'string' ? schema.safeParse(parseJson(text)).data : undefined

  const limits: LimitStore = {
    async breaker(name) {
      const place = placeOf(name)
      const kept = place.isClips ? undefined : parsed(breakerFile, (await rowOf(place)).breaker)
      return kept ? fromBreaker(kept) : closedBreaker
    },
    saveBreaker: (name, breaker) => save(placeOf(name), 'breaker', JSON.stringify(toBreaker(breaker))),
    async spent(name) {
      const place = placeOf(name)
      return parsed(spentFile, (await rowOf(place))[place.spent])
    },
    saveSpent(name, spent) {
      const place = placeOf(name)
      return save(place, place.spent, JSON.stringify(spent))
    },
    async moduleCount(name) {
      const place = placeOf(name)
      const count = place.isClips ? undefined : (await rowOf(place)).module_count
      return typeof count === 'number' ? count : undefined
    },
    saveModuleCount: (name, count) => save(placeOf(name), 'module_count', count),
    async remove(name) {
      const { name: stem, isClips } = placeOf(name)
      const empty = isClips ? 'clip_spent = NULL' : 'breaker = NULL, spent = NULL, module_count = NULL'
      for (const [table, key] of [
        [account, 'account_id'],
        [key_limit, 'key'],
      ] as const) {
        await query(`UPDATE ${table} SET ${empty} WHERE ${key} = $1`, [stem])
      }
      await query(`DELETE FROM ${key_limit} WHERE key = $1 AND (${columns}) IS NULL`, [stem])
    },
    // By whoever has found out whose they are: a longer pause and a larger sum hold for every owner.
    move: (key, accountId) => moveLimits(forAnybody(database), key, accountId),
  }
  return limits
}

/** The limits as they are in the database, of accounts that this process may not hold. */
function forAnybody(database: Database): LimitStore {
  return openLimits(database, { fences: openFences(database), isInstance: false })
}
