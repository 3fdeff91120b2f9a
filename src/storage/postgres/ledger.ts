/**
 * What is known of each sync module, in PostgreSQL: as last seen, its counters, its live request IDs.
 *
 * Only the owner of an account writes its modules, in groups with the writes of other accounts; everybody reads.
 */
import { LeaseLost, StoreFailed } from '../../domain/errors.ts'
import type { RequestMarks } from '../../domain/fleet.ts'
import {
  type BlinkId,
  keyOf,
  type ModuleChanges,
  type ModuleKey,
  type ModuleReport,
  type Progress,
  type SyncModule,
} from '../../domain/model.ts'
import {
  afterList,
  afterReport,
  asFailed,
  listsUntilGone,
  noProgress,
  unexpired,
} from '../../domain/module-history.ts'
import type { Ledger } from '../../domain/ports.ts'
import { manifestRequested } from '../../domain/work-item.ts'
import { moduleIn, progressIn, workItemIn } from '../rows.ts'
import { parseJson } from '../state-files.ts'
import type { AccountChange, AccountWrites } from './account-writes.ts'
import type { Database } from './database.ts'
import { unreadable } from './errors.ts'
import { keyIn, type ModuleRow, type ModuleRows, newRow } from './module-rows.ts'
import type { SharedOutbox } from './outbox.ts'

/** More than any TTL and schedule that make sense produce; bounds what a module's topics show. */
const mostRecent = 50

export interface SharedLedger {
  readonly ledger: Ledger
  readonly marks: RequestMarks
}

export interface LedgerNeeds {
  readonly database: Database
  readonly modules: ModuleRows
  readonly writes: AccountWrites
  readonly outbox: SharedOutbox
}

export function openLedger({ database, modules, writes, outbox }: LedgerNeeds): SharedLedger {
  const { query, tables, place } = database
  const isIt = 'account_id = $1 AND network_id = $2 AND sync_module_id = $3'
  const one = `
    SELECT module, missing, progress, (
      SELECT json_agg(e.body ORDER BY e.seq) FROM ${tables.event} e
      WHERE e.event_id IN (SELECT (pair ->> 0)::uuid FROM json_array_elements(m.recent::json) pair)
    ) AS items
    FROM ${tables.module} m WHERE ${isIt} AND missing < ${listsUntilGone}`
  const progressOnly = `SELECT progress FROM ${tables.module} WHERE ${isIt}`
  const keysText = `SELECT account_id, network_id, sync_module_id FROM ${tables.module} WHERE missing < $1`
  const inOrder = 'ORDER BY account_id, network_id, sync_module_id'

  /** What attempts that could not be kept have come to. */
  const unkept = new Map<string, Progress>()

  const what = "a sync module's record"
  function toModule({ module }: Pick<ModuleRow, 'module'>): SyncModule {
    const read = moduleIn(module)
    if (!read) throw unreadable(what, place)
    return read
  }
  function toProgress(text: string): Progress {
    const read = progressIn(text)
    if (!read) throw unreadable(what, place)
    return read
  }

  /** Compares the list with what is kept of the account, and keeps it. Most modules are as they were. */
  function compare(list: readonly SyncModule[], change: AccountChange): ModuleChanges {
    const rows = new Map(change.rows().map((row) => [keyOf(row), row]))
    const named = new Map(list.map((module) => [keyOf(module), module]))
    for (const [name, module] of named) {
      const row = rows.get(name)
      if (row?.missing !== 0 || row.module !== JSON.stringify(module)) continue
      rows.delete(name)
      named.delete(name)
    }
    const before = [...rows.values()].map((row) => ({ module: toModule(row), missing: row.missing }))
    const { sightings, changes } = afterList(before, [...named.values()], keyOf)
    for (const { module, missing } of sightings) {
      const text = JSON.stringify(module)
      change.put({ ...(change.row(module) ?? newRow(module, text)), module: text, missing }, 'listed')
    }
    return changes
  }

  /** Keeps the result of an attempt. */
  function keep(report: ModuleReport, change: AccountChange): Progress {
    const row = change.row(report.module) ?? newRow(report.module, JSON.stringify(report.module))
    const before = unkept.get(keyOf(report.module)) ?? toProgress(row.progress)
    const progress = afterReport(before, report)
    const next = { ...row, progress: JSON.stringify(progress), isAnswered: true }
    if (report.kind !== 'requested') {
      change.put(next, 'result')
      return progress
    }
    const { eventId, expiresAt } = report.item
    change.add(manifestRequested(report.item))
    const recent = [...unexpired(recentIn(row.recent), report.at), { eventId, expiresAt }]
    change.put({ ...next, recent: recentText(recent) }, 'result')
    return progress
  }

  async function progressOf(key: ModuleKey): Promise<Progress> {
    const noted = unkept.get(keyOf(key))
    if (noted) return noted
    const known = modules.get(key)
    if (known) return toProgress(known.progress)
    const { rows } = await query(progressOnly, columns(key))
    return rows[0] ? toProgress(String(rows[0].progress)) : noProgress
  }

  /** An attempt that could not be kept, as it is shown until one can be. */
  async function note(report: ModuleReport, error: StoreFailed): Promise<void> {
    const before = await progressOf(report.module).catch(() => noProgress)
    unkept.set(keyOf(report.module), afterReport(before, asFailed(report, error)))
  }

  async function keysOf(lists: number, accountId: BlinkId | undefined): Promise<readonly ModuleKey[]> {
    const { rows } = await (accountId === undefined
      ? query(`${keysText} ${inOrder}`, [lists])
      : query(`${keysText} AND account_id = $2 ${inOrder}`, [lists, accountId]))
    return rows.map(keyIn)
  }

  const ledger: Ledger = {
    get trouble() {
      return database.trouble
    },
    async read(key) {
      const [row] = (await query(one, columns(key))).rows
      if (!row) return undefined
      const progress = unkept.get(keyOf(key)) ?? toProgress(String(row.progress))
      const recent = bodiesIn(row.items).map((body) => {
        const item = workItemIn(body)
        if (!item) throw unreadable('a work item', place)
        return item
      })
      return {
        module: toModule({ module: String(row.module) }),
        missing: Number(row.missing),
        ...progress,
        recent,
      }
    },
    lastAccepted: async (key) => (await progressOf(key)).lastAccepted,
    keys: (accountId) => keysOf(listsUntilGone, accountId),
    keysAndGone: (accountId) => keysOf(2_147_483_647, accountId),
    async count() {
      const { rows } = await query(`SELECT count(*) AS size FROM ${tables.module} WHERE missing < $1`, [
        listsUntilGone,
      ])
      return Number(rows[0]?.size)
    },
    async forget(key) {
      // Not under the fence: whoever clears topics is not the owner, and a list that has it again makes it anew.
      const text = `DELETE FROM ${tables.module} WHERE ${isIt} AND missing >= ${listsUntilGone}`
      const { changed } = await query(text, columns(key))
      if (changed > 0) modules.forget(key.accountId)
    },
    async modulesOf(accountId) {
      const rows = await modules.of(accountId)
      return [...rows.values()].filter(({ missing }) => missing < listsUntilGone).map(toModule)
    },
    async seen(accountId, list) {
      // A list without news is a commit as well: an answer that cannot be kept is not requested.
      const { value } = await writes.write(accountId, (change) => compare(list, change))
      return value
    },
    async record(report) {
      const key = keyOf(report.module)
      try {
        const { value, added } = await writes.write(report.module.accountId, (change) => keep(report, change))
        unkept.delete(key)
        for (const each of added) outbox.announce(each)
        return value
      } catch (error) {
        // What another instance owns is not shown by this one.
        if (error instanceof StoreFailed && !(error instanceof LeaseLost)) await note(report, error)
        throw error
      }
    },
    nextExpiry: (now) => outbox.nextExpiry(now),
    deleteExpired: (now) => outbox.deleteExpired(now),
  }

  const marks: RequestMarks = {
    async mark(module, tickId) {
      await writes.write(module.accountId, (change) => {
        const row = change.row(module)
        if (row) change.put({ ...row, markedRun: tickId, isAnswered: false })
      })
    },
    async marked(accountId, tickId) {
      const rows = [...(await modules.of(accountId)).values()].filter(({ markedRun }) => markedRun === tickId)
      return new Map(rows.map((row) => [keyOf(row), row.isAnswered ? 'answered' : 'unanswered']))
    },
  }
  return { ledger, marks }
}

function columns({ accountId, networkId, syncModuleId }: ModuleKey): readonly string[] {
  return [accountId, networkId, syncModuleId]
}

interface Recent {
  readonly eventId: string
  readonly expiresAt: number
}

/** Written by us under the fence; what is not readable is not live. */
function recentIn(text: string): readonly Recent[] {
  const pairs = parseJson(text)
  if (!Array.isArray(pairs)) return []
  return pairs.flatMap((pair) =>
    Array.isArray(pair) ? [{ eventId: String(pair[0]), expiresAt: Number(pair[1]) }] : [],
  )
}

function recentText(items: readonly Recent[]): string {
  return JSON.stringify(items.slice(-mostRecent).map(({ eventId, expiresAt }) => [eventId, expiresAt]))
}

/** A list of JSON, which the driver has read already. */
function bodiesIn(items: unknown): readonly unknown[] {
  return Array.isArray(items) ? items : []
}
