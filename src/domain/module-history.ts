/**
 * How a sync module's record grows: from a list that shows it or not, and from the result of its attempt. Pure.
 */
import type { StoreFailed } from './errors.ts'
import { explain } from './failure.ts'
import type { ModuleChanges, ModuleReport, Progress, Sighting, SyncModule } from './model.ts'

/** So many lists in a row must miss a module before it is gone: the cloud's lists have gaps. */
export const listsUntilGone = 3

/** Of a module without an attempt. */
export const noProgress: Progress = {
  requestsTotal: 0,
  failuresInARow: 0,
  lastAttemptAt: undefined,
  lastOutcome: undefined,
  lastFailure: undefined,
  lastSkip: undefined,
  lastLatencyMs: undefined,
  lastAccepted: undefined,
}

/** An attempt whose outcome storage refused has failed, whatever it came to. */
export function asFailed({ module, at, attempts }: ModuleReport, error: StoreFailed): ModuleReport {
  return { kind: 'failed', module, at, attempts, outcome: 'error', failure: explain(error, at) }
}

/** The progress after a report. A skipped module had no attempt, and no counter changes. */
export function afterReport(before: Progress, report: ModuleReport): Progress {
  if (report.kind === 'skipped') {
    const { outcome, reason } = report
    const lastSkip = { reason, repeated: before.lastSkip?.reason === reason }
    return { ...before, lastOutcome: outcome, lastFailure: undefined, lastSkip }
  }
  // What a throttle or missing credentials ended before anything was sent is a failure, but no attempt.
  const lastAttemptAt = report.attempts > 0 ? report.at : before.lastAttemptAt
  if (report.kind === 'failed') {
    const failuresInARow = before.failuresInARow + 1
    return {
      ...before,
      lastAttemptAt,
      failuresInARow,
      lastOutcome: report.outcome,
      lastFailure: report.failure,
      lastSkip: undefined,
    }
  }
  const { requestId, trigger, requestedAt, expiresAt } = report.item
  return {
    requestsTotal: before.requestsTotal + 1,
    failuresInARow: 0,
    lastAttemptAt,
    lastOutcome: 'requested',
    lastFailure: undefined,
    lastSkip: undefined,
    lastLatencyMs: report.latencyMs,
    lastAccepted: { requestId, trigger, requestedAt, expiresAt },
  }
}

/** The items that still live at `now`, in their order. */
export function unexpired<T extends { readonly expiresAt: number }>(items: readonly T[], now: number): T[] {
  return items.filter((item) => item.expiresAt > now)
}

export interface Comparison {
  readonly sightings: readonly Sighting[]
  readonly changes: ModuleChanges
}

/** An account's modules after a new list. Those that are gone already stay as they are, until a list has them again. */
export function afterList(
  before: readonly Sighting[],
  modules: readonly SyncModule[],
  key: (module: SyncModule) => string,
): Comparison {
  const known = new Map(before.map((sighting) => [key(sighting.module), sighting]))
  const named = new Map(modules.map((module) => [key(module), module]))
  const found: SyncModule[] = []
  const renamed: SyncModule[] = []
  const altered: SyncModule[] = []
  const gone: SyncModule[] = []
  const sightings: Sighting[] = []
  for (const [name, module] of named) {
    const seen = known.get(name)
    known.delete(name)
    if (!seen || isGone(seen)) found.push(module)
    else if (isRenamed(seen.module, module)) renamed.push(module)
    if (!seen || seen.missing > 0 || !isSame(seen.module, module)) altered.push(module)
    sightings.push({ module, missing: 0 })
  }
  for (const seen of known.values()) {
    if (isGone(seen)) continue
    const sighting = { module: seen.module, missing: seen.missing + 1 }
    sightings.push(sighting)
    if (isGone(sighting)) gone.push(seen.module)
    if (sighting.missing === 1) altered.push(seen.module)
  }
  return { sightings, changes: { found, renamed, altered, gone } }
}

function isGone({ missing }: Sighting): boolean {
  return missing >= listsUntilGone
}

function isSame(before: SyncModule, after: SyncModule): boolean {
  return Object.entries({ ...before, ...after }).every(([name, value]) => Reflect.get(before, name) === value)
}

function isRenamed(before: SyncModule, after: SyncModule): boolean {
  return before.name !== after.name || before.networkName !== after.networkName
}
