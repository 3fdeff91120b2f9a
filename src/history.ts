/**
 * How a sync module's record grows: from a list that shows it or not, and from what its turn came to. Pure.
 */
import type { ModuleChanges, ModuleRecord, ModuleReport, SyncModule } from './model.ts'

/** So many lists in a row must miss a module before it is forgotten: the cloud's lists have gaps. */
const listsUntilGone = 3

/** More than any TTL and schedule that make sense produce; bounds what a record can grow to. */
const mostRecent = 50

/** The record of a module that has just been found. */
export function newRecord(module: SyncModule): ModuleRecord {
  return {
    module,
    missing: 0,
    requestsTotal: 0,
    failuresInARow: 0,
    lastAttemptAt: undefined,
    lastOutcome: undefined,
    lastFailure: undefined,
    lastLatencyMs: undefined,
    lastItem: undefined,
    recent: [],
  }
}

/** The record after a turn. A skipped turn is no attempt and changes no counter. */
export function afterReport(record: ModuleRecord, report: ModuleReport): ModuleRecord {
  const seen = { ...record, module: report.module }
  if (report.kind === 'skipped') return { ...seen, lastOutcome: report.outcome, lastFailure: undefined }
  // A turn that a throttle or a missing login ended before anything was sent is a failure, but no attempt.
  const lastAttemptAt = report.attempts > 0 ? report.at : record.lastAttemptAt
  if (report.kind === 'failed') {
    const failuresInARow = record.failuresInARow + 1
    return {
      ...seen,
      lastAttemptAt,
      failuresInARow,
      lastOutcome: report.outcome,
      lastFailure: report.failure,
    }
  }
  return {
    ...seen,
    lastAttemptAt,
    lastOutcome: 'requested',
    lastFailure: undefined,
    lastLatencyMs: report.latencyMs,
    requestsTotal: record.requestsTotal + 1,
    failuresInARow: 0,
    lastItem: report.item,
    recent: [...unexpired(record.recent, report.at), report.item].slice(-mostRecent),
  }
}

/** The items that still live at `now`, in their order. */
export function unexpired<T extends { readonly expiresAt: number }>(items: readonly T[], now: number): T[] {
  return items.filter((item) => item.expiresAt > now)
}

export interface Comparison {
  readonly records: readonly ModuleRecord[]
  readonly changes: ModuleChanges
}

/** The account's records after a new list. Forgotten modules are in `changes.gone` and not in `records`. */
export function afterList(
  before: readonly ModuleRecord[],
  modules: readonly SyncModule[],
  key: (module: SyncModule) => string,
): Comparison {
  const known = new Map(before.map((record) => [key(record.module), record]))
  const named = new Map(modules.map((module) => [key(module), module]))
  const found: SyncModule[] = []
  const renamed: SyncModule[] = []
  const altered: SyncModule[] = []
  const gone: SyncModule[] = []
  const records: ModuleRecord[] = []
  for (const [name, module] of named) {
    const record = known.get(name)
    known.delete(name)
    if (!record) found.push(module)
    else if (isRenamed(record.module, module)) renamed.push(module)
    if (!record || record.missing > 0 || !isSame(record.module, module)) altered.push(module)
    records.push(record ? { ...record, module, missing: 0 } : newRecord(module))
  }
  for (const record of known.values()) {
    const missing = record.missing + 1
    if (missing >= listsUntilGone) gone.push(record.module)
    else records.push({ ...record, missing })
    if (missing === 1) altered.push(record.module)
  }
  return { records, changes: { found, renamed, altered, gone } }
}

function isSame(before: SyncModule, after: SyncModule): boolean {
  return Object.entries({ ...before, ...after }).every(([name, value]) => Reflect.get(before, name) === value)
}

function isRenamed(before: SyncModule, after: SyncModule): boolean {
  return before.name !== after.name || before.networkName !== after.networkName
}
