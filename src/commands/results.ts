/**
 * What a command's ticks came to, as its answer tells it. Pure.
 *
 * An answer is an error only when nothing at all was got; what went wrong beside that stands in its list.
 */

import type { AccountTick } from '../accounts/account.ts'
import type { Accepted, Failure, ModuleKey, ModuleReport } from '../domain/model.ts'
import { number, timeOrNull } from '../domain/text.ts'
import type { Refusal, Result } from '../topics/commands.ts'
import type * as wire from '../topics/schemas.ts'
import { ids } from '../topics/topics.ts'

/** A request ID that is new enough to be the answer. */
export type Fresh = ModuleKey & Accepted

export interface RequestOutcome {
  readonly ticked: readonly AccountTick[]
  /** Of modules that were asked a moment before. */
  readonly fresh: readonly Fresh[]
  /** When an account that was asked too often may be asked again. */
  readonly retryAt: number | undefined
}

/** Answers are for people and rules: a fleet's modules are counted, not all of them listed. */
const mostListed = 200

export function requestResult({ ticked, fresh, retryAt }: RequestOutcome): Result {
  const reports = ticked.flatMap(({ report }) => report?.modules ?? [])
  const count = (kind: ModuleReport['kind']) => reports.filter((report) => report.kind === kind).length
  const modules = [...fresh.map((item) => asked(item, true)), ...reports.map(told)]
  const data: wire.RequestResult = {
    requested: count('requested'),
    reused: fresh.length,
    failed: count('failed'),
    skipped: count('skipped'),
    retry_at: timeOrNull(retryAt),
    modules: modules.slice(0, mostListed),
  }
  if (data.requested + data.reused > 0) return { data }
  const refusal = refusalOf(reports, ticked, retryAt)
  return refusal ? { data, refusal } : { data }
}

/** The failure of the first account that could not be asked at all. */
export function accountFailed(ticked: readonly AccountTick[]): Refusal | undefined {
  return asRefusal(ticked.find(({ failure }) => failure)?.failure)
}

function refusalOf(
  reports: readonly ModuleReport[],
  ticked: readonly AccountTick[],
  retryAt: number | undefined,
): Refusal | undefined {
  if (retryAt !== undefined) {
    const message = 'asked too often; the cloud locks accounts for that'
    return { code: 'throttled', message, retryable: true, retryAt }
  }
  const failed = reports.find((report) => report.kind === 'failed')
  if (failed?.kind === 'failed') return asRefusal(failed.failure)
  const skipped = reports.find((report) => report.kind === 'skipped')
  if (skipped?.kind === 'skipped') {
    return { code: skipped.outcome, message: `not asked: ${skipped.reason.replaceAll('_', ' ')}` }
  }
  return accountFailed(ticked)
}

function asRefusal(failure: Failure | undefined): Refusal | undefined {
  return failure && { ...failure, retryable: failure.retryable || failure.retryAt !== undefined }
}

function told(report: ModuleReport): wire.RequestResult['modules'][number] {
  if (report.kind === 'requested') return asked(report.item, false)
  const nothing = { request_id: null, request_id_str: null, requested_at: null, expires_at: null }
  return { ...ids(report.module), outcome: report.outcome, reused: false, ...nothing }
}

function asked(item: Fresh, reused: boolean): wire.RequestResult['modules'][number] {
  return {
    ...ids(item),
    outcome: 'requested',
    reused,
    request_id: number(item.requestId),
    request_id_str: item.requestId,
    requested_at: timeOrNull(item.requestedAt),
    expires_at: timeOrNull(item.expiresAt),
  }
}
