/**
 * The accounts' credentials: a row for each key, in which the refresh token is sealed.
 *
 * A rotated token is written by whoever holds the account, under its fence. Credentials with a new key are a person's
 * sign-in, and those that are forgotten a sign-out: either takes the account away from its owner, whose token is worth
 * nothing from then on.
 */
import { z } from 'zod'
import type { BlinkId, Credentials } from '../../domain/model.ts'
import type { CredentialStore } from '../../domain/ports.ts'
import { Secret } from '../../domain/secret.ts'
import { credentialsFile, fromFile, toFile } from '../account-forms.ts'
import { parseJson } from '../state-files.ts'
import type { Database, Row, Sql } from './database.ts'
import type { Owner } from './owner.ts'
import type { Repeating } from './repeating.ts'
import type { Seal } from './sealed.ts'

/** The columns of `credential` that `credentialsIn` reads. */
export const credentialColumns = 'key, account_id, token, details'

const sealedPart = z.object({ refresh_token: z.string(), hardware_id: z.string().optional() })

/** What the sealed part belongs to. */
const ownerOf = (key: string, accountId: string | undefined) => `credential ${key} ${accountId ?? ''}`

/** The credentials of a row; of one that cannot be unsealed, what waits for a sign-in in their place. */
export function credentialsIn(row: Row, seal: Seal): Credentials {
  const key = String(row.key)
  const accountId = typeof row.account_id === 'string' ? row.account_id : undefined
  const text = row.token instanceof Uint8Array ? seal.open(row.token, ownerOf(key, accountId)) : undefined
  const secret = text === undefined ? undefined : sealedPart.safeParse(parseJson(text)).data
  const details = parseJson(String(row.details))
  const kept = credentialsFile.safeParse({ ...Object(details), ...secret, account_id: accountId }).data
  if (secret && kept) return fromFile(key, kept)
  return {
    ...{ key, source: 'login', fingerprint: undefined, clientId: 'unknown', refreshToken: new Secret('') },
    ...{ accountId, region: undefined, hardwareId: undefined, refusedAt: 0, refusedFor: 'login_required' },
    unusable: {
      message: `the credentials ${key} in the database are damaged, or were sealed with another store.key`,
      remedy: 'Give this daemon the store.key of the others; or sign in again with `blink-manifestd login`.',
    },
  }
}

/** The values of a row, in the order of `credentialColumns`. */
function credentialValues(credentials: Credentials, seal: Seal) {
  const { key, accountId } = credentials
  const { refresh_token, hardware_id, account_id, ...details } = toFile(credentials)
  const sealed = seal.close(JSON.stringify({ refresh_token, hardware_id }), ownerOf(key, accountId))
  return [key, account_id ?? null, sealed, JSON.stringify(details)] as const
}

export interface CredentialNeeds extends Owner {
  readonly seal: Seal
  /** For rotated tokens: the cloud takes none twice, so one that is not kept costs a person a sign-in. */
  readonly persist?: Repeating | undefined
}

export function openCredentials(database: Database, needs: CredentialNeeds): CredentialStore {
  const { seal, fences, isInstance, persist = (work) => work() } = needs
  const { query, transaction, tables } = database
  const { account, credential, forgotten_credential: forgotten, key_limit, lease } = tables
  const limits = 'breaker, spent, clip_spent, module_count'

  /** Keeps what the cloud has made of credentials that are in use here; returns whether they were still there. */
  async function rotate(credentials: Credentials, fence: number): Promise<boolean> {
    const { changed } = await query(
      `WITH guard AS (
         UPDATE ${lease} SET change = pg_current_xact_id() WHERE account_id = $2 AND fence = $5
         RETURNING account_id
       ), newer AS (
         UPDATE ${account} SET version = version + 1, access = NULL FROM guard
         WHERE ${account}.account_id = guard.account_id
       )
       UPDATE ${credential} SET token = $3, details = $4, changed_at = clock_timestamp() FROM guard
       WHERE key = $1 AND ${credential}.account_id = guard.account_id`,
      [...credentialValues(credentials, seal), fence],
    )
    return changed > 0
  }

  /** Of two that write one key, the second sees what the first has done. */
  const inTurn = (sql: Sql, key: string) =>
    sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [key])

  async function put(sql: Sql, credentials: Credentials): Promise<void> {
    const { key, accountId } = credentials
    await inTurn(sql, key)
    const { rows } = await sql.query(
      `SELECT EXISTS (SELECT FROM ${forgotten} WHERE key = $1) AS is_forgotten, one.account_id, one.details
       FROM (SELECT) AS always LEFT JOIN ${credential} AS one ON one.key = $1`,
      [key],
    )
    const [before] = rows
    if (before?.is_forgotten === true) {
      // Signed out, or signed in anew: whoever did that took the account away as well.
      if (accountId !== undefined && fences.held.has(accountId)) throw fences.lost(accountId)
      return
    }
    if (accountId !== undefined) {
      const isRefused = isRefusedIn(before?.details)
      // They are in use somewhere else by now, and were renewed there.
      if (isInstance && before?.account_id === accountId && !isRefused) throw fences.lost(accountId)
      await fences.takeAway(sql, accountId)
    }
    await sql.query(
      `INSERT INTO ${credential} (${credentialColumns}) VALUES ($1, $2, $3, $4)
       ON CONFLICT (key) DO UPDATE
       SET account_id = excluded.account_id, token = excluded.token, details = excluded.details,
           changed_at = clock_timestamp()`,
      credentialValues(credentials, seal),
    )
    if (accountId !== undefined) await putAccount(sql, accountId)
  }

  /** What was kept of the account before it was there is its own from now on. */
  async function putAccount(sql: Sql, accountId: BlinkId): Promise<void> {
    await sql.query(
      `WITH before AS (DELETE FROM ${key_limit} WHERE key = $1 RETURNING ${limits})
       INSERT INTO ${account} AS account (account_id, version, ${limits})
       SELECT $1, 1, ${limits} FROM (SELECT) AS always LEFT JOIN before ON true
       ON CONFLICT (account_id) DO UPDATE SET version = account.version + 1, access = NULL`,
      [accountId],
    )
  }

  async function remove(sql: Sql, key: string): Promise<void> {
    await inTurn(sql, key)
    await sql.query(
      `INSERT INTO ${forgotten} (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET changed_at = clock_timestamp()`,
      [key],
    )
    const { rows } = await sql.query(`SELECT account_id FROM ${credential} WHERE key = $1`, [key])
    const accountId = rows[0]?.account_id
    if (typeof accountId === 'string') await removeAccountWithout(sql, key, accountId)
    await sql.query(`DELETE FROM ${credential} WHERE key = $1`, [key])
  }

  /** Without credentials there is no account. Where others are left, a sign-in has taken it from its owner already. */
  async function removeAccountWithout(sql: Sql, key: string, accountId: BlinkId): Promise<void> {
    await sql.query(`SELECT FROM ${lease} WHERE account_id = $1 FOR UPDATE`, [accountId])
    const others = await sql.query(`SELECT FROM ${credential} WHERE account_id = $1 AND key <> $2 LIMIT 1`, [
      accountId,
      key,
    ])
    if (others.rows.length > 0) return
    await fences.takeAway(sql, accountId)
    await sql.query(
      `WITH gone AS (DELETE FROM ${account} WHERE account_id = $1 RETURNING account_id, ${limits})
       INSERT INTO ${key_limit} (key, ${limits}) SELECT account_id, ${limits} FROM gone
       ON CONFLICT (key) DO NOTHING`,
      [accountId],
    )
  }

  return {
    async list() {
      const { rows } = await query(`SELECT ${credentialColumns} FROM ${credential} ORDER BY key`)
      return rows.map((row) => credentialsIn(row, seal))
    },
    async save(credentials) {
      const { accountId } = credentials
      const fence = accountId === undefined ? undefined : fences.fenceOf(accountId)
      // A person who signs in must know at once that it did not work.
      const isRotated = fence !== undefined || accountId === undefined
      if (fence !== undefined && (await persist(() => rotate(credentials, fence)))) return
      const putAll = () => transaction((sql) => put(sql, credentials))
      await (isRotated ? persist(putAll) : putAll())
    },
    async forget(key) {
      await transaction((sql) => remove(sql, key))
    },
    async forgotten() {
      const { rows } = await query(`SELECT key FROM ${forgotten}`)
      return new Set(rows.map((row) => String(row.key)))
    },
    async changedAt() {
      const { rows } = await query(
        `SELECT extract(epoch FROM greatest(
           (SELECT max(changed_at) FROM ${credential}), (SELECT max(changed_at) FROM ${forgotten})
         )) * 1000 AS at`,
      )
      return Number(rows[0]?.at ?? 0)
    },
  }
}

function isRefusedIn(details: unknown): boolean {
  return typeof details === 'string' && Object(parseJson(details)).refused_at !== undefined
}
