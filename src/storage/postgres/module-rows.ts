/**
 * The rows of the modules of accounts that this process holds, as they are in the database.
 *
 * Nobody else writes them while the lease is held, so they are read once for an account run and not before each
 * result. What was read is dropped with the account.
 */
import { type BlinkId, keyOf, type ModuleKey } from '../../domain/model.ts'
import { noProgress } from '../../domain/module-history.ts'
import type { Database, Row } from './database.ts'
import type { Fences } from './fences.ts'

/** A module's row. Texts are as the row has them. */
export interface ModuleRow extends ModuleKey {
  readonly module: string
  readonly missing: number
  readonly progress: string
  /** The live request IDs, the newest last: pairs of event id and expiry. */
  readonly recent: string
  /** The last run in which a request was about to be sent, and whether its result is known. */
  readonly markedRun: string | undefined
  readonly isAnswered: boolean
}

export interface ModuleRows {
  /** All rows of an account, by `keyOf`; read when they are not known. */
  of(accountId: BlinkId): Promise<ReadonlyMap<string, ModuleRow>>
  /** What is known of a module's row after `of` of its account. */
  get(key: ModuleKey): ModuleRow | undefined
  /** All that is known of an account after `of`. */
  known(accountId: BlinkId): Iterable<ModuleRow>
  /** After a commit. */
  keep(row: ModuleRow): void
  /** They are read again when they are wanted: a commit whose outcome nobody knows. */
  forget(accountId: BlinkId): void
}

const moduleColumns =
  'account_id, network_id, sync_module_id, module, missing, progress, recent, marked_run, is_answered'

export function newRow({ accountId, networkId, syncModuleId }: ModuleKey, module: string): ModuleRow {
  return {
    ...{ accountId, networkId, syncModuleId, module },
    ...{ missing: 0, progress: JSON.stringify(noProgress), recent: '[]' },
    ...{ markedRun: undefined, isAnswered: true },
  }
}

function rowIn(row: Row): ModuleRow {
  return {
    ...keyIn(row),
    module: String(row.module),
    missing: Number(row.missing),
    progress: String(row.progress),
    recent: String(row.recent),
    markedRun: row.marked_run === null ? undefined : String(row.marked_run),
    isAnswered: row.is_answered === true,
  }
}

export function keyIn(row: Row): ModuleKey {
  return {
    accountId: String(row.account_id),
    networkId: String(row.network_id),
    syncModuleId: String(row.sync_module_id),
  }
}

export function openModuleRows({ query, tables }: Database, fences: Fences): ModuleRows {
  const accounts = new Map<BlinkId, Map<string, ModuleRow>>()
  /** Those who come meanwhile wait for the same answer, and go on in the order in which they came. */
  const reading = new Map<BlinkId, Promise<ReadonlyMap<string, ModuleRow>>>()
  const forget = (accountId: BlinkId) => {
    accounts.delete(accountId)
    reading.delete(accountId)
  }
  fences.onDropped(forget)

  async function read(accountId: BlinkId): Promise<Map<string, ModuleRow>> {
    const text = `SELECT ${moduleColumns} FROM ${tables.module} WHERE account_id = $1`
    const { rows } = await query(text, [accountId])
    return new Map(rows.map((row) => [keyOf(keyIn(row)), rowIn(row)]))
  }

  function readHeld(accountId: BlinkId): Promise<ReadonlyMap<string, ModuleRow>> {
    const known = reading.get(accountId)
    if (known) return known
    const answer: Promise<ReadonlyMap<string, ModuleRow>> = read(accountId).then(
      (rows) => {
        // Dropped meanwhile, it is another owner's, or is to be read again.
        if (reading.get(accountId) === answer) {
          reading.delete(accountId)
          accounts.set(accountId, rows)
        }
        return rows
      },
      (error: unknown) => {
        if (reading.get(accountId) === answer) reading.delete(accountId)
        throw error
      },
    )
    reading.set(accountId, answer)
    return answer
  }

  return {
    async of(accountId) {
      return accounts.get(accountId) ?? (fences.held.has(accountId) ? readHeld(accountId) : read(accountId))
    },
    get: (key) => accounts.get(key.accountId)?.get(keyOf(key)),
    known: (accountId) => accounts.get(accountId)?.values() ?? [],
    keep(row) {
      accounts.get(row.accountId)?.set(keyOf(row), row)
    },
    forget,
  }
}
