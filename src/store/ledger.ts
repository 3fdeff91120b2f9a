/**
 * What is known of each sync module, kept over restarts: as last seen, its counters, its live request IDs.
 *
 * The only way into the outbox leads through `record`, so that an id and the state that tells of it are on disk
 * together or not at all. Records live in the database and not in memory: a fleet's would not fit.
 */
import { dirname } from 'node:path'
import { StoreFailed } from '../errors.ts'
import { explain } from '../failure.ts'
import { afterList, afterReport, newRecord } from '../history.ts'
import { type BlinkId, keyOf, type ModuleKey, type ModuleRecord, type ModuleReport } from '../model.ts'
import type { Ledger } from '../ports.ts'
import type { Database } from './database.ts'
import { proveRoom } from './files.ts'
import type { StoredOutbox } from './outbox.ts'
import { readable, recordIn } from './rows.ts'
import { touch } from './schema.ts'

export interface StoredLedger extends Ledger {
  /**
   * The record of one module, or `undefined` when it is not known. Where the disk refused its last turn, that is
   * in it all the same, so that the state tells the truth.
   */
  read(key: ModuleKey): ModuleRecord | undefined
  /** The keys of all modules of an account, or of all accounts. */
  keys(accountId?: BlinkId): readonly ModuleKey[]
  /** How many modules are known. */
  count(): number
}

/** Room that a tick must find before it asks, in bytes: a module's record and item, with their indexes and log. */
const roomPerModule = 16 * 1024
const mostRoom = 1024 * 1024

/** The ledger of an open database; work items go into `outbox`. */
export function openLedger(database: Database, outbox: StoredOutbox): StoredLedger {
  const { path, prepare, read, write } = database
  const one = prepare(
    'SELECT record FROM modules WHERE account_id = ? AND network_id = ? AND sync_module_id = ?',
  )
  const ofAccount = prepare('SELECT record FROM modules WHERE account_id = ?')
  const keysOfAccount = prepare(
    'SELECT account_id, network_id, sync_module_id FROM modules WHERE account_id = ?',
  )
  const allKeys = prepare('SELECT account_id, network_id, sync_module_id FROM modules')
  const size = prepare('SELECT count(*) AS size FROM modules')
  const put = prepare(
    `INSERT INTO modules (account_id, network_id, sync_module_id, record) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET record = excluded.record WHERE record <> excluded.record`,
  )
  const forget = prepare('DELETE FROM modules WHERE account_id = ? AND network_id = ? AND sync_module_id = ?')

  /** The records of modules whose last turn could not be kept. */
  const unkept = new Map<string, ModuleRecord>()

  const toRecord = (row: Record<string, unknown>) =>
    readable(recordIn(row.record), `a sync module's record in ${path}`)
  const recordOf = (key: ModuleKey) =>
    unkept.get(keyOf(key)) ??
    read(() => {
      const row = one.get(...columns(key))
      return row && toRecord(row)
    })
  const recordsOf = (accountId: BlinkId) => read(() => ofAccount.all(accountId).map(toRecord))
  const keep = (record: ModuleRecord) => put.run(...columns(record.module), JSON.stringify(record))

  return {
    read: recordOf,
    keys: (accountId) =>
      read(() => (accountId === undefined ? allKeys.all() : keysOfAccount.all(accountId)).map(toKey)),
    count: () => read(() => Number(size.get()?.size ?? 0)),
    modulesOf: (accountId) => recordsOf(accountId).map(({ module }) => module),
    async seen(accountId, modules) {
      // An answer that cannot be kept is not asked for, so the disk is tried before the first of them.
      await proveRoom(dirname(path), Math.min(mostRoom, roomPerModule * (modules.length + 1)))
      return write(() => {
        touch(database.sql)
        const { records, changes } = afterList(recordsOf(accountId), modules, keyOf)
        for (const record of records) keep(record)
        for (const module of changes.gone) forget.run(...columns(module))
        return changes
      })
    },
    async record(report) {
      const grown = (told: ModuleReport) =>
        afterReport(recordOf(report.module) ?? newRecord(report.module), told)
      const name = keyOf(report.module)
      try {
        await write(() => {
          keep(grown(report))
          if (report.kind === 'requested') outbox.add(report.item)
        })
        unkept.delete(name)
      } catch (error) {
        if (error instanceof StoreFailed) unkept.set(name, grown(asFailed(report, error)))
        throw error
      }
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

/** A turn whose outcome the disk refused has failed, whatever it came to. */
function asFailed({ module, at, attempts }: ModuleReport, error: StoreFailed): ModuleReport {
  return { kind: 'failed', module, at, attempts, outcome: 'error', failure: explain(error, at) }
}
