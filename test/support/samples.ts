/** Ready-made nouns for tests: a sync module, a work item, reports of turns, a log that can be read, a directory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type {
  DurableEvent,
  ModuleRecord,
  ModuleReport,
  SkipReason,
  SyncModule,
  WorkItem,
} from '../../src/domain/model.ts'
import { afterReport, noProgress } from '../../src/domain/module-history.ts'
import type { Log } from '../../src/domain/ports.ts'

/** The moment at which `fakeClock` starts. */
export const start = Date.parse('2026-11-23T09:00:00.000Z')

export function aModule(differing: Partial<SyncModule> = {}): SyncModule {
  return {
    accountId: '8021',
    networkId: '44107',
    syncModuleId: '350221',
    name: 'Hall',
    networkName: 'Home',
    serial: 'G8V1-SERIAL-1',
    model: 'sm2',
    firmware: '4.5.14',
    connection: 'online',
    onboarded: true,
    storage: 'active',
    ...differing,
  }
}

export function anItem(differing: Partial<WorkItem> = {}): WorkItem {
  const { accountId, networkId, syncModuleId, requestId, requestedAt } = {
    ...aModule(),
    requestId: '670555852',
    requestedAt: start,
    ...differing,
  }
  const stem = `/api/v1/accounts/${accountId}/networks/${networkId}/sync_modules/${syncModuleId}`
  const pollPath = `${stem}/local_storage/manifest/request/${requestId}`
  return {
    accountId,
    networkId,
    syncModuleId,
    eventId: `0197a100-0000-7000-8000-${requestId.slice(-12).padStart(12, '0')}`,
    requestId,
    trigger: 'schedule',
    tickId: '2026-11-23T09:00:00.000Z',
    attempt: 1,
    pollPath,
    pollUrl: `https://rest-e008.immedia-semi.com${pollPath}`,
    requestedAt,
    expiresAt: requestedAt + 600_000,
    ...differing,
  }
}

/** The work item of an event, which must be of that kind. */
export function workItemOf(event: DurableEvent): WorkItem {
  if (event.kind !== 'manifest_requested') throw new Error(`${event.kind} is no request ID`)
  return event.body
}

type Requested = Extract<ModuleReport, { readonly kind: 'requested' }>
type Failed = Extract<ModuleReport, { readonly kind: 'failed' }>
type Skipped = Extract<ModuleReport, { readonly kind: 'skipped' }>

/** The turn that brought this item. */
export function requested(item: WorkItem = anItem(), module: SyncModule = aModule(item)): Requested {
  return { kind: 'requested', module, at: item.requestedAt, attempts: item.attempt, item, latencyMs: 120 }
}

export function failed(differing: Partial<Failed> = {}): Failed {
  return {
    kind: 'failed',
    module: aModule(),
    at: start,
    attempts: 1,
    outcome: 'error',
    failure: { code: 'cloud_refused', message: 'manifest request: 400', retryable: false },
    ...differing,
  }
}

export function skipped(reason: SkipReason = 'paused', differing: Partial<Skipped> = {}): Skipped {
  return {
    kind: 'skipped',
    module: aModule(),
    at: start,
    attempts: 0,
    outcome: 'skipped',
    reason,
    ...differing,
  }
}

export interface Line {
  readonly level: keyof Log
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A log whose lines can be read. */
export function readableLog(): Log & { readonly lines: readonly Line[] } {
  const lines: Line[] = []
  const at = (level: keyof Log) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } })
  }
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A disk without a reserve: what is full stays full. */
export const noReserve = { missing: undefined, hold: () => undefined, spend: () => false }

/** An empty directory that is gone when the test is over. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'manifestd-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The record of a module that has just been found. */
export function newRecord(module: SyncModule): ModuleRecord {
  return { module, missing: 0, ...noProgress, recent: [] }
}

/** The record after one more turn. */
export function recordAfter(record: ModuleRecord, report: ModuleReport): ModuleRecord {
  const recent = report.kind === 'requested' ? [...record.recent, report.item] : record.recent
  return { ...record, ...afterReport(record, report), recent }
}

/** What is on a stick and on disk. */
export const someClips = {
  ...{ count: 14, waiting: 1, downloaded: 13, failed: 0, bytes: 5_724_160 },
  ...{ newestAt: start, oldestAt: start - 1_000, lastError: undefined },
}
