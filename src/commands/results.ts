/**
 * The result of a command's account runs. Pure.
 *
 * It is an error only when nothing at all was got; what went wrong beside that stands in its list.
 */
import type { CommandData, CommandError, CommandResult, ModuleResult } from '../domain/commands.ts'
import type { Accepted, Failure, ModuleKey, ModuleReport } from '../domain/model.ts'
import type { AccountRunResult } from '../scheduler/runner.ts'

/** A request ID that is new enough to be the answer. */
export type Fresh = ModuleKey & Accepted

export interface RequestOutcome {
  readonly results: readonly AccountRunResult[]
  /** Of modules that were requested a moment before. */
  readonly fresh: readonly Fresh[]
  /** When an account that was requested too often may be requested again. */
  readonly retryAt: number | undefined
}

export function requestResult({ results, fresh, retryAt }: RequestOutcome): CommandResult {
  const reports = results.flatMap(({ report }) => report?.modules ?? [])
  const count = (kind: ModuleReport['kind']) => reports.filter((report) => report.kind === kind).length
  const data: CommandData = {
    verb: 'manifest/request',
    requested: count('requested'),
    reused: fresh.length,
    failed: count('failed'),
    skipped: count('skipped'),
    retryAt,
    modules: [...fresh.map(reused), ...reports.map(moduleResult)],
  }
  if (data.requested + data.reused > 0) return { data }
  const error = errorOf(reports, results, retryAt)
  return error ? { data, error } : { data }
}

/** The failure of the first account that could not be requested at all. */
export function accountFailed(results: readonly AccountRunResult[]): CommandError | undefined {
  return asError(results.find(({ failure }) => failure)?.failure)
}

function errorOf(
  reports: readonly ModuleReport[],
  results: readonly AccountRunResult[],
  retryAt: number | undefined,
): CommandError | undefined {
  if (retryAt !== undefined) {
    const message = 'requested too often; the cloud locks accounts for that'
    return { code: 'throttled', message, retryable: true, retryAt }
  }
  const failed = reports.find((report) => report.kind === 'failed')
  if (failed?.kind === 'failed') return asError(failed.failure)
  const skipped = reports.find((report) => report.kind === 'skipped')
  if (skipped?.kind === 'skipped') {
    return { code: skipped.outcome, message: `not requested: ${skipped.reason.replaceAll('_', ' ')}` }
  }
  return accountFailed(results)
}

function asError(failure: Failure | undefined): CommandError | undefined {
  return failure && { ...failure, retryable: failure.retryable || failure.retryAt !== undefined }
}

function reused(item: Fresh): ModuleResult {
  return { module: item, outcome: 'requested', reused: true, accepted: item }
}

function moduleResult(report: ModuleReport): ModuleResult {
  const { module } = report
  return report.kind === 'requested'
    ? { module, outcome: 'requested', reused: false, accepted: report.item }
    : { module, outcome: report.outcome, reused: false, accepted: undefined }
}
