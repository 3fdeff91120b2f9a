/**
 * Which accounts this process holds, each with the fence that it got with the lease.
 *
 * Every write of what an account owns begins with `guard`, which also locks the lease until the commit: whoever takes
 * the account over waits for it, and a write that comes later with the older fence finds nothing to change.
 */
import { LeaseLost } from '../../domain/errors.ts'
import type { BlinkId } from '../../domain/model.ts'
import type { Database, Row, Sql } from './database.ts'

export interface Fences {
  /** @param row of the table `account` as it was read under this fence; nobody else writes it meanwhile */
  hold(accountId: BlinkId, fence: number, row: Row): void
  drop(accountId: BlinkId): void
  readonly held: ReadonlySet<BlinkId>
  /** `undefined` for an account that is not held. */
  fenceOf(accountId: BlinkId): number | undefined
  /** The row of `account` as it was read with the lease, with what was saved since. */
  rowOf(accountId: BlinkId): Row | undefined
  /** After a commit: columns of that row that it has changed. */
  changed(accountId: BlinkId, columns: Row): void
  /**
   * Inside a transaction: makes sure that the account is held until its commit, and that readers see that it changed.
   *
   * @throws LeaseLost when it is not held; then it is dropped and the listeners are called
   */
  guard(sql: Sql, accountId: BlinkId): Promise<void>
  /**
   * Inside a transaction: whoever holds the account loses it, and the next owner is wanted soon. For a person who signs
   * in or out.
   */
  takeAway(sql: Sql, accountId: BlinkId): Promise<void>
  /** Somebody else holds the account: it is dropped, and the listeners are called. */
  lost(accountId: BlinkId): LeaseLost
  onLost(listener: (accountId: BlinkId) => void): void
  /** Called with each account that is dropped, for whatever reason: what was remembered of it is worth nothing. */
  onDropped(listener: (accountId: BlinkId) => void): void
}

export function openFences({ tables }: Pick<Database, 'tables'>): Fences {
  const held = new Map<BlinkId, { readonly fence: number; row: Row }>()
  const ids = new Set<BlinkId>()
  const lostListeners: ((accountId: BlinkId) => void)[] = []
  const dropListeners: ((accountId: BlinkId) => void)[] = []

  const fences: Fences = {
    held: ids,
    hold(accountId, fence, row) {
      held.set(accountId, { fence, row })
      ids.add(accountId)
    },
    drop(accountId) {
      held.delete(accountId)
      ids.delete(accountId)
      for (const listener of dropListeners) listener(accountId)
    },
    fenceOf: (accountId) => held.get(accountId)?.fence,
    rowOf: (accountId) => held.get(accountId)?.row,
    changed(accountId, columns) {
      const one = held.get(accountId)
      if (one) one.row = { ...one.row, ...columns }
    },
    async guard(sql, accountId) {
      const fence = held.get(accountId)?.fence
      if (fence === undefined) throw new LeaseLost(accountId)
      const { changed } = await sql.query(
        `UPDATE ${tables.lease} SET change = pg_current_xact_id() WHERE account_id = $1 AND fence = $2`,
        [accountId, fence],
      )
      if (changed === 0) throw fences.lost(accountId)
    },
    async takeAway(sql, accountId) {
      await sql.query(
        `INSERT INTO ${tables.lease} AS lease (account_id, fence) VALUES ($1, 1)
         ON CONFLICT (account_id) DO UPDATE
         SET fence = lease.fence + 1, owner = NULL, lease_until = NULL, is_fresh = true, change = pg_current_xact_id()`,
        [accountId],
      )
    },
    lost(accountId) {
      if (held.has(accountId)) {
        fences.drop(accountId)
        for (const listener of lostListeners) listener(accountId)
      }
      return new LeaseLost(accountId)
    },
    onLost: (listener) => void lostListeners.push(listener),
    onDropped: (listener) => void dropListeners.push(listener),
  }
  return fences
}
