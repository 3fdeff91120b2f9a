/**
 * The leases of accounts: who works on which, until when, by the server's clock.
 *
 * With each owner the fence grows, and with each release, so that a write that was on its way comes too late.
 */
import { LeaseLost } from '../../domain/errors.ts'
import type { AccountLeases, KeptAccess, LeasedAccount, LeftAccount } from '../../domain/fleet.ts'
import type { AccountSnapshot, BlinkId, Credentials } from '../../domain/model.ts'
import { Secret } from '../../domain/secret.ts'
import { parseJson } from '../state-files.ts'
import { accountColumns, snapshotIn } from './account-rows.ts'
import { credentialColumns, credentialsIn } from './credentials.ts'
import type { Database, Row } from './database.ts'
import type { Fences } from './fences.ts'
import type { SharedOutbox } from './outbox.ts'
import type { Seal } from './sealed.ts'

export interface LeaseNeeds {
  readonly database: Database
  readonly fences: Fences
  readonly outbox: Pick<SharedOutbox, 'mayWait'>
  readonly seal: Seal
  /** Names this process, as no other. */
  readonly owner: string
}

export function openLeases({ database, fences, outbox, seal, owner }: LeaseNeeds): AccountLeases {
  const { query, tables } = database
  const { account, lease, credential, outbox: waitingEvents, run_part: runPart } = tables
  const take = `
    UPDATE ${lease} l SET fence = l.fence + 1, owner = $2, lease_until = now() + $3 * interval '1 ms', is_fresh = false
    FROM (SELECT account_id, is_fresh FROM ${lease} WHERE account_id = $1 FOR UPDATE) before
    WHERE l.account_id = before.account_id AND (l.owner IS NULL OR l.owner = $2 OR l.lease_until < now())
    RETURNING l.fence, before.is_fresh`
  // A statement of its own, and so of a later moment than the lease: what the last owner has left is in it.
  const look = `
    SELECT ${prefixed('a', accountColumns)}, a.access, a.last_run,
      EXISTS (SELECT 1 FROM ${waitingEvents} o WHERE o.account_id = a.account_id) AS is_waited_for,
      ${prefixed('c', credentialColumns.replace('account_id', 'account_id AS credential_account'))}
    FROM ${account} a JOIN ${credential} c ON c.account_id = a.account_id WHERE a.account_id = $1`
  const prolong = `
    WITH mine AS (
      SELECT l.account_id, l.fence FROM ${lease} l
      JOIN unnest($1::text[], $2::bigint[]) AS m (account_id, fence) ON m.account_id = l.account_id AND m.fence = l.fence
      ORDER BY l.account_id FOR UPDATE OF l
    )
    UPDATE ${lease} l SET lease_until = now() + $3 * interval '1 ms' FROM mine
    WHERE l.account_id = mine.account_id AND l.fence = mine.fence RETURNING l.account_id`
  const count = `
      INSERT INTO ${runPart} AS p (at, account_id, requested, failed, skipped)
      SELECT $3::bigint, account_id, $4::integer, $5::integer, $6::integer FROM mine WHERE $3::bigint IS NOT NULL
      ON CONFLICT (at, account_id) DO UPDATE SET
        requested = p.requested + excluded.requested, failed = p.failed + excluded.failed,
        skipped = p.skipped + excluded.skipped`
  const leave = `
    WITH mine AS (
      UPDATE ${lease} SET fence = fence + 1, owner = NULL, lease_until = NULL, change = pg_current_xact_id()
      WHERE account_id = $1 AND fence = $2 RETURNING account_id
    ), kept AS (
      UPDATE ${account} a SET snapshot = $7, access = $8, change = pg_current_xact_id(),
        last_run = greatest(a.last_run, $3::bigint)
      FROM mine WHERE a.account_id = mine.account_id
    ), counted AS (${count})
    SELECT account_id FROM mine`
  const finish = `
    WITH mine AS (
      UPDATE ${lease} SET change = pg_current_xact_id() WHERE account_id = $1 AND fence = $2 RETURNING account_id
    ), kept AS (
      UPDATE ${account} a SET last_run = greatest(a.last_run, $3::bigint) FROM mine WHERE a.account_id = mine.account_id
    ), counted AS (${count})
    SELECT account_id FROM mine`

  const ownerOf = (accountId: BlinkId) => `access ${accountId}`

  function accessIn(accountId: BlinkId, { access }: Row): KeptAccess | undefined {
    const text = access instanceof Uint8Array ? seal.open(access, ownerOf(accountId)) : undefined
    const kept: unknown = text === undefined ? undefined : parseJson(text)
    if (!Array.isArray(kept)) return undefined
    return { accessToken: new Secret(String(kept[0])), expiresAt: Number(kept[1]) }
  }

  function sealed(accountId: BlinkId, access: KeptAccess | undefined): Uint8Array | null {
    if (!access) return null
    return seal.close(JSON.stringify([access.accessToken.reveal(), access.expiresAt]), ownerOf(accountId))
  }

  return {
    held: fences.held,
    async acquire(accountId, leaseMs) {
      const taken = (await query(take, [accountId, owner, leaseMs])).rows[0]
      const { rows } = await query(look, [accountId])
      const [row] = rows
      if (!row) return undefined
      if (!taken) return 'held'
      fences.hold(accountId, Number(taken.fence), row)
      if (row.is_waited_for === true) outbox.mayWait()
      const credentials = rows.map((one) =>
        credentialsIn({ ...one, account_id: one.credential_account }, seal),
      )
      return {
        accountId,
        credentials: bestOf(credentials),
        access: accessIn(accountId, row),
        snapshot: snapshotIn(accountId, row.snapshot),
        lastRun: row.last_run === null ? undefined : Number(row.last_run),
        isFresh: taken.is_fresh === true,
      } satisfies LeasedAccount
    },
    async renew(leaseMs) {
      const mine = [...fences.held].map((id) => [id, fences.fenceOf(id) ?? 0] as const)
      if (mine.length === 0) return
      const values = [mine.map(([id]) => id), mine.map(([, fence]) => fence), leaseMs]
      const { rows } = await query(prolong, values)
      const kept = new Set(rows.map((row) => String(row.account_id)))
      for (const [id, fence] of mine) {
        // Released or acquired again meanwhile, it is another lease.
        if (!kept.has(id) && fences.fenceOf(id) === fence) fences.lost(id)
      }
    },
    async release(accountId, { snapshot, access, run }) {
      const fence = fences.fenceOf(accountId)
      if (fence === undefined) return
      const { rows } = await query(leave, [
        ...[accountId, fence, ...valuesOf(run)],
        ...[snapshotText(snapshot), sealed(accountId, access)],
      ])
      if (fences.fenceOf(accountId) !== fence) return
      if (rows.length === 0) fences.lost(accountId)
      else fences.drop(accountId)
    },
    async finished(accountId, run) {
      const fence = fences.fenceOf(accountId)
      if (fence === undefined) throw new LeaseLost(accountId)
      const { rows } = await query(finish, [accountId, fence, ...valuesOf(run)])
      if (rows.length > 0) return
      throw fences.fenceOf(accountId) === fence ? fences.lost(accountId) : new LeaseLost(accountId)
    },
    drop: (accountId) => fences.drop(accountId),
    async waiting(accountId) {
      const text = `SELECT count(*) AS size FROM ${waitingEvents} WHERE account_id = $1`
      return Number((await query(text, [accountId])).rows[0]?.size)
    },
    async fresh(limit) {
      const { rows } = await query(
        `SELECT account_id FROM ${lease} l WHERE is_fresh
           AND EXISTS (SELECT 1 FROM ${credential} c WHERE c.account_id = l.account_id) ORDER BY account_id LIMIT $1`,
        [limit],
      )
      return rows.map((row) => String(row.account_id))
    },
    async undelivered(limit) {
      const { rows } = await query(
        `SELECT account_id FROM ${lease} l WHERE (owner IS NULL OR lease_until < now())
           AND EXISTS (SELECT 1 FROM ${waitingEvents} o WHERE o.account_id = l.account_id)
         ORDER BY account_id LIMIT $1`,
        [limit],
      )
      return rows.map((row) => String(row.account_id))
    },
    onLost: (listener) => fences.onLost(listener),
  }
}

function valuesOf(run: LeftAccount['run']) {
  const { requested = null, failed = null, skipped = null } = run?.counts ?? {}
  return [run?.at ?? null, requested, failed, skipped] as const
}

const snapshotText = (snapshot: AccountSnapshot) => JSON.stringify(snapshot)

const prefixed = (table: string, columns: string) =>
  columns
    .split(', ')
    .map((column) => `${table}.${column}`)
    .join(', ')

/** Until one of two is given up: those that work before those that were refused, then those refreshed last. */
function bestOf(all: readonly Credentials[]): Credentials {
  const rank = (one: Credentials) => (one.refusedAt === undefined ? 1 : 0)
  const sorted = [...all].sort(
    (one, other) =>
      rank(other) - rank(one) ||
      (other.refreshedAt ?? 0) - (one.refreshedAt ?? 0) ||
      (one.key < other.key ? 1 : -1),
  )
  return sorted[0] as Credentials
}
