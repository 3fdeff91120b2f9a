/**
 * What changed at any instance since the last look.
 *
 * A look remembers which transactions were visible to it. A row is new when the one that changed it last was not
 * among them; so nothing is missed that was committed late, and nothing is given twice.
 */
import type { FleetChanges, SharedAccount } from '../../domain/fleet.ts'
import type { BlinkId, ModuleKey, SyncModule } from '../../domain/model.ts'
import { listsUntilGone } from '../../domain/module-history.ts'
import { moduleIn } from '../rows.ts'
import { accountColumns, sharedAccountIn } from './account-rows.ts'
import type { Database } from './database.ts'
import { keyIn } from './module-rows.ts'

/** More than one reader has looks under way at a time. */
const mostLooks = 16

/** @returns what changed since the look of this number; all accounts, and nothing else, for a number that is none */
export function openChanges({ query, tables }: Database): (number: number) => Promise<FleetChanges> {
  const { account, credential, lease, module } = tables
  const looks = new Map<number, string>()
  let last = 0
  // The comparison first: it is cheap, and leaves few rows for the other.
  const isNew = (column: string) =>
    `CASE WHEN ${column} >= pg_snapshot_xmin($1::pg_snapshot)
       THEN NOT pg_visible_in_snapshot(${column}, $1::pg_snapshot) ELSE false END`
  const hasCredentials = `EXISTS (SELECT 1 FROM ${credential} c WHERE c.account_id = l.account_id)`
  const columns = 'account_id, network_id, sync_module_id'
  const all = `
    SELECT 'look' AS kind, pg_current_snapshot()::text AS look, NULL AS account_id, NULL AS row
    UNION ALL SELECT 'account', NULL, l.account_id, row_to_json(a)::text FROM ${lease} l JOIN LATERAL (
      SELECT ${accountColumns} FROM ${account} one WHERE one.account_id = l.account_id) a ON true
    WHERE ${hasCredentials}`
  const since = `
    WITH changed AS MATERIALIZED (SELECT account_id FROM ${lease} WHERE ${isNew('change')})
    SELECT 'look' AS kind, pg_current_snapshot()::text AS look, NULL AS account_id, NULL AS row
    UNION ALL SELECT 'account', NULL, l.account_id, row_to_json(a)::text FROM changed l JOIN LATERAL (
      SELECT ${accountColumns} FROM ${account} one
      WHERE one.account_id = l.account_id AND ${isNew('one.change')}) a ON true
    WHERE ${hasCredentials}
    UNION ALL SELECT 'removed', NULL, l.account_id, NULL FROM changed l WHERE NOT ${hasCredentials}
    UNION ALL SELECT 'module', NULL, m.account_id, row_to_json(m)::text FROM changed l JOIN LATERAL (
      SELECT ${columns} FROM ${module} one WHERE one.account_id = l.account_id AND ${isNew('one.change')}) m ON true
    UNION ALL SELECT 'list', NULL, m.account_id, row_to_json(m)::text FROM changed l JOIN LATERAL (
      SELECT ${columns}, module, missing FROM ${module} one
      WHERE one.account_id = l.account_id AND ${isNew('one.listed_change')}) m ON true`

  return async (number) => {
    const before = looks.get(number)
    const { rows } = await (before === undefined ? query(all) : query(since, [before]))
    const accounts: SharedAccount[] = []
    const removed: BlinkId[] = []
    const modules: ModuleKey[] = []
    const altered: SyncModule[] = []
    const gone: SyncModule[] = []
    for (const { kind, look, account_id: accountId, row: text } of rows) {
      const row = typeof text === 'string' ? (JSON.parse(text) as Record<string, unknown>) : {}
      if (kind === 'look') looks.set(++last, String(look))
      else if (kind === 'account') accounts.push(sharedAccountIn(row))
      else if (kind === 'removed') removed.push(String(accountId))
      else if (kind === 'module') modules.push(keyIn(row))
      else {
        const read = moduleIn(row.module)
        if (read) (Number(row.missing) < listsUntilGone ? altered : gone).push(read)
      }
    }
    looks.delete(last - mostLooks)
    return { upTo: last, accounts, removed, modules, altered, gone }
  }
}
