/**
 * What is known of each sync module, kept over restarts: as last seen, its counters, its live request IDs.
 *
 * The only way into the outbox leads through `record`, so that a request ID and the state that shows it are on disk
 * together or not at all. Records live in the database and not in memory: a fleet's would not fit.
 */
import { StoreFailed } from '../domain/errors.ts'
import {
  type BlinkId,
  keyOf,
  type ModuleChanges,
  type ModuleKey,
  type ModuleReport,
  type Progress,
  type Sighting,
  type SyncModule,
} from '../domain/model.ts'
import {
  afterList,
  afterReport,
  asFailed,
  listsUntilGone,
  noProgress,
  unexpired,
} from '../domain/module-history.ts'
import type { Ledger, StoredEvent } from '../domain/ports.ts'
import { manifestRequested } from '../domain/work-item.ts'
import { type Row, touch } from './connection.ts'
import type { Database } from './database.ts'
import type { DiskReserve } from './disk-reserve.ts'
import type { StoredOutbox } from './outbox.ts'
import { moduleIn, progressIn, readable, recentIn, recentText } from './rows.ts'

/** The ledger of an open database; request IDs go into `outbox`. */
export function openLedger(
  database: Database,
  outbox: StoredOutbox,
  reserve: Pick<DiskReserve, 'missing' | 'hold'>,
): Ledger {
  const { path, prepare, read, write } = database
  const isIt = 'account_id = ? AND network_id = ? AND sync_module_id = ?'
  const isKnown = `missing < ${listsUntilGone}`
  const one = prepare(`SELECT module, missing, progress, recent FROM modules WHERE ${isIt} AND ${isKnown}`)
  const progressRow = prepare(`SELECT progress, recent FROM modules WHERE ${isIt}`)
  const ofAccount = prepare(
    'SELECT account_id, network_id, sync_module_id, module, missing FROM modules WHERE account_id = ?',
  )
  const keyRows = 'SELECT account_id, network_id, sync_module_id FROM modules WHERE missing < ?'
  const allKeys = prepare(keyRows)
  const keysOfAccount = prepare(`${keyRows} AND account_id = ?`)
  const size = prepare(`SELECT count(*) AS size FROM modules WHERE ${isKnown}`)
  const putSighting = prepare(
    `INSERT INTO modules (account_id, network_id, sync_module_id, module, missing, progress, recent)
     VALUES (?, ?, ?, ?, ?, ?, '[]')
     ON CONFLICT DO UPDATE SET module = excluded.module, missing = excluded.missing`,
  )
  const putProgress = prepare(`UPDATE modules SET progress = ?, recent = ? WHERE ${isIt}`)
  const gone = prepare(`SELECT 1 FROM modules WHERE ${isIt} AND NOT ${isKnown}`)
  const forget = prepare(`DELETE FROM modules WHERE ${isIt} AND NOT ${isKnown}`)

  /** What attempts that could not be kept have come to. */
  const unkept = new Map<string, Progress>()

  const what = `a sync module's record in ${path}`
  const toModule = ({ module }: Row) => readable(moduleIn(module), what)
  const toProgress = ({ progress }: Row) => readable(progressIn(progress), what)
  const toRecent = ({ recent }: Row) => readable(recentIn(recent), what)
  const putOne = ({ module, missing }: Sighting) =>
    putSighting.run(...columns(module), JSON.stringify(module), missing, JSON.stringify(noProgress))

  /** Compares the list with what is kept of the account, and keeps it. Most modules are as they were. */
  function compare(accountId: BlinkId, modules: readonly SyncModule[]): ModuleChanges {
    const rows = new Map(ofAccount.all(accountId).map((row) => [keyOf(toKey(row)), row]))
    const named = new Map(modules.map((module) => [keyOf(module), module]))
    for (const [name, module] of named) {
      const row = rows.get(name)
      if (row?.missing !== 0 || row.module !== JSON.stringify(module)) continue
      rows.delete(name)
      named.delete(name)
    }
    const before = [...rows.values()].map((row) => ({ module: toModule(row), missing: Number(row.missing) }))
    const { sightings, changes } = afterList(before, [...named.values()], keyOf)
    for (const sighting of sightings) putOne(sighting)
    return changes
  }

  /** Keys of modules that fewer lists in a row than this have missed. */
  const keysOf = (lists: number, accountId: BlinkId | undefined) =>
    read(() =>
      (accountId === undefined ? allKeys.all(lists) : keysOfAccount.all(lists, accountId)).map(toKey),
    )

  /** Keeps the result of an attempt; returns the item that has entered the outbox, if one has. */
  function keep(report: ModuleReport): { readonly progress: Progress; readonly added?: StoredEvent } {
    const key = columns(report.module)
    const row = progressRow.get(...key)
    if (!row) putOne({ module: report.module, missing: 0 })
    const before = unkept.get(keyOf(report.module)) ?? (row ? toProgress(row) : noProgress)
    const progress = afterReport(before, report)
    const text = JSON.stringify(progress)
    if (report.kind !== 'requested') {
      putProgress.run(text, String(row?.recent ?? '[]'), ...key)
      return { progress }
    }
    const added = outbox.add(manifestRequested(report.item))
    const recent = unexpired(row ? toRecent(row) : [], report.at)
    putProgress.run(
      text,
      recentText([...recent, { seq: added.seq, expiresAt: report.item.expiresAt }]),
      ...key,
    )
    return { progress, added }
  }

  function progressOf(key: ModuleKey): Progress {
    const kept = () => {
      const row = progressRow.get(...columns(key))
      return row ? toProgress(row) : noProgress
    }
    return unkept.get(keyOf(key)) ?? read(kept)
  }

  /** An attempt that could not be kept, as it is shown until one can be. */
  function note(report: ModuleReport, error: StoreFailed): void {
    unkept.set(keyOf(report.module), afterReport(progressOf(report.module), asFailed(report, error)))
  }

  return {
    get trouble() {
      return reserve.missing
    },
    read: async (key) =>
      read(() => {
        const row = one.get(...columns(key))
        if (!row) return undefined
        const progress = unkept.get(keyOf(key)) ?? toProgress(row)
        const listed = outbox.workItems(toRecent(row).map(({ seq }) => seq))
        // Numbers begin anew where the table was empty at a start; a clock that was set back may remember older ones.
        const recent = listed.filter((item) => keyOf(item) === keyOf(key))
        return { module: toModule(row), missing: Number(row.missing), ...progress, recent }
      }),
    lastAccepted: async (key) => progressOf(key).lastAccepted,
    keys: async (accountId) => keysOf(listsUntilGone, accountId),
    keysAndGone: async (accountId) => keysOf(Number.MAX_SAFE_INTEGER, accountId),
    count: async () => read(() => Number(size.get()?.size ?? 0)),
    async forget(key) {
      // Most modules whose topics are removed are not gone, but excluded.
      if (read(() => gone.get(...columns(key)))) await write(() => forget.run(...columns(key)))
    },
    async modulesOf(accountId) {
      const isHere = ({ missing }: Row) => Number(missing) < listsUntilGone
      return read(() => ofAccount.all(accountId).filter(isHere).map(toModule))
    },
    async seen(accountId, modules) {
      const changes = await write(() => {
        // An answer that cannot be kept is not requested, so the disk is tried before the first of them.
        touch(database.sql)
        return compare(accountId, modules)
      })
      reserve.hold()
      return changes
    },
    async record(report) {
      try {
        const { progress, added } = await write(() => keep(report))
        unkept.delete(keyOf(report.module))
        if (added) outbox.announce(added)
        return progress
      } catch (error) {
        if (error instanceof StoreFailed) note(report, error)
        throw error
      }
    },
    nextExpiry: (now) => outbox.nextExpiry(now),
    deleteExpired: (now) => outbox.deleteExpired(now),
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
