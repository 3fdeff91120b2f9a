/**
 * What came of each module, as a line of JSON for programs and as a table for people.
 */
import { iso } from '../domain/clock.ts'
import type { ModuleReport } from '../domain/model.ts'
import { ids, json, number, timeOrNull } from '../domain/text.ts'
import type { OnceLine } from '../topics/cli-schemas.ts'
import { failure } from '../topics/topics.ts'
import { plainTable } from './table.ts'
import { printable } from './terminal.ts'

/** One module's outcome as a JSON document on one line. */
export function outcomeLine(report: ModuleReport): string {
  const item = report.kind === 'requested' ? report.item : undefined
  return json({
    ...ids(report.module),
    name: report.module.name,
    network_name: report.module.networkName ?? null,
    outcome: report.kind === 'requested' ? 'requested' : report.outcome,
    asked: report.attempts > 0,
    attempts: report.attempts,
    at: iso(report.at),
    request_id: item ? number(item.requestId) : null,
    request_id_str: item?.requestId ?? null,
    event_id: item?.eventId ?? null,
    poll_url: item?.pollUrl ?? null,
    expires_at: timeOrNull(item?.expiresAt),
    latency_ms: report.kind === 'requested' ? report.latencyMs : null,
    reason: report.kind === 'skipped' ? report.reason : null,
    error: report.kind === 'failed' ? failure(report.failure) : null,
  } satisfies OnceLine)
}

/** All outcomes for a terminal. */
export function outcomeTable(reports: readonly ModuleReport[]): string {
  const heads = ['Account', 'Network', 'Sync module', 'Name', 'Outcome', 'Request ID', 'Detail']
  const rows = reports.map((report) => {
    const { accountId, networkId, syncModuleId, name } = report.module
    return [accountId, networkId, syncModuleId, printable(name), ...told(report)]
  })
  return plainTable(heads, rows)
}

function told(report: ModuleReport): [string, string, string] {
  switch (report.kind) {
    case 'requested':
      return ['requested', report.item.requestId, `answered in ${report.latencyMs} ms`]
    case 'failed':
      return [report.outcome, '', printable(report.failure.message)]
    case 'skipped':
      return [report.outcome, '', `not asked: ${report.reason}`]
  }
}
