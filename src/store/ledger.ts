/**
 * What is known of each sync module, kept over restarts: as last seen, its counters, its live request IDs.
 *
 * The only way into the outbox leads through `record`, so that an id and the state that tells of it are on disk
 * together or not at all. Records live in the database and not in memory: a fleet's would not fit.
 */
import { afterList, afterReport, newRecord } from '../history.ts'
import { type BlinkId, keyOf, type ModuleKey, type ModuleRecord } from '../model.ts'
import type { Ledger } from '../ports.ts'
import type { Database } from './database.ts'
import type { StoredOutbox } from './outbox.ts'

export interface StoredLedger extends Ledger {
  /** The record of one module, or `undefined` when it is not known. */
  read(key: ModuleKey): ModuleRecord | undefined
  /** The keys of all modules of an account, or of all accounts. */
  keys(accountId?: BlinkId): readonly ModuleKey[]
  /** How many modules are known. */
  count(): number
}

/** The ledger of an open database; work items go into `outbox`. */
export function openLedger({ sql, read, write }: Database, outbox: StoredOutbox): StoredLedger {
  const one = sql.prepare(
    'SELECT record FROM modules WHERE account_id = ? AND network_id = ? AND sync_module_id = ?',
  )
  const ofAccount = sql.prepare('SELECT record FROM modules WHERE account_id = ?')
  const keysOfAccount = sql.prepare(
    'SELECT account_id, network_id, sync_module_id FROM modules WHERE account_id = ?',
  )
  const allKeys = sql.prepare('SELECT account_id, network_id, sync_module_id FROM modules')
  const size = sql.prepare('SELECT count(*) AS size FROM modules')
  const put = sql.prepare(
    `INSERT INTO modules (account_id, network_id, sync_module_id, record) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET record = excluded.record WHERE record <> excluded.record`,
  )
  const forget = sql.prepare(
    'DELETE FROM modules WHERE account_id = ? AND network_id = ? AND sync_module_id = ?',
  )

  const recordOf = (key: ModuleKey) => read(() => toRecord(one.get(...columns(key))))
  const recordsOf = (accountId: BlinkId) =>
    read(() => ofAccount.all(accountId).flatMap((row) => toRecord(row) ?? []))
  const keep = (record: ModuleRecord) => put.run(...columns(record.module), JSON.stringify(record))

  return {
    read: recordOf,
    keys: (accountId) =>
      read(() => (accountId === undefined ? allKeys.all() : keysOfAccount.all(accountId)).map(toKey)),
    count: () => read(() => Number(size.get()?.size ?? 0)),
    modulesOf: (accountId) => recordsOf(accountId).map(({ module }) => module),
    seen: (accountId, modules) =>
      write(() => {
        const { records, changes } = afterList(recordsOf(accountId), modules, keyOf)
        for (const record of records) keep(record)
        for (const module of changes.gone) forget.run(...columns(module))
        return changes
      }),
    async record(report) {
      await write(() => {
        keep(afterReport(recordOf(report.module) ?? newRecord(report.module), report))
        if (report.kind === 'requested') outbox.add(report.item)
      })
      if (report.kind === 'requested') outbox.announce()
    },
  }
}

function columns({ accountId, networkId, syncModuleId }: ModuleKey): [string, string, string] {
  return [accountId, networkId, syncModuleId]
}

function toKey(row: Record<string, unknown>): ModuleKey {
  return {
    accountId: String(row.account_id),
    networkId: String(row.network_id),
    syncModuleId: String(row.sync_module_id),
  }
}

function toRecord(row: Record<string, unknown> | undefined): ModuleRecord | undefined {
  // Written by `keep` from a ModuleRecord; absent values were left out by JSON and read as undefined again.
  return row && (JSON.parse(String(row.record)) as ModuleRecord)
}
