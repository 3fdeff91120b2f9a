/**
 * From an error to what reports, topics and people see of it. Pure.
 *
 * Only codes, statuses and our own sentences go out; the cause, which may hold anything, stays in the debugger.
 */
import {
  AccountThrottled,
  CloudError,
  CloudRefused,
  CloudUnreachable,
  DaemonError,
  LoginNeeded,
  ModuleBusy,
  StoreFailed,
} from './errors.ts'
import type { AccountStatus, Failure, Outcome, PersonNeeded } from './model.ts'

/** An expected error as reports have it; throws the others again, for they are bugs. */
export function explain(error: unknown, now: number): Failure {
  if (!(error instanceof DaemonError)) throw error
  const cloud = error instanceof CloudError ? error : undefined
  const retryAt = cloud?.retryAt ?? (cloud?.retryAfterMs === undefined ? undefined : now + cloud.retryAfterMs)
  return {
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    ...(cloud?.status !== undefined && { httpStatus: cloud.status }),
    ...(cloud?.bodyCode !== undefined && { bodyCode: cloud.bodyCode }),
    ...(retryAt !== undefined && { retryAt }),
  }
}

/**
 * The outcome of a module whose request ended in this error.
 *
 * @param requested whether a request for this very module was sent; if not, there is nothing unknown about it
 */
export function outcomeOf(error: DaemonError, requested: boolean): Outcome {
  if (error instanceof LoginNeeded) return 'login_required'
  if (error instanceof AccountThrottled) return 'throttled'
  if (error instanceof ModuleBusy) return 'busy'
  if (error instanceof CloudRefused) return error.condition ?? 'error'
  if (requested && error instanceof CloudError && error.outcome === 'unknown') return 'unknown'
  if (error instanceof CloudUnreachable) return 'unreachable'
  return 'error'
}

/** The state of an account that could not be requested because of this error; trouble of our own is none of its. */
export function accountStatusOf(error: DaemonError): AccountStatus {
  if (error instanceof LoginNeeded) return error.code
  if (error instanceof AccountThrottled) return 'throttled'
  // An answer we cannot read or do not expect is as good as none: the account is not `ok`.
  return error instanceof CloudError ? 'unreachable' : 'ok'
}

/** Whether requests for the account's other modules would fail in the same way. */
export function concernsAccount(error: DaemonError): boolean {
  return error instanceof LoginNeeded || error instanceof AccountThrottled || error instanceof StoreFailed
}

/** Whether nothing goes on before a person has signed in. */
export function needsPerson(status: AccountStatus): status is PersonNeeded {
  return status === 'login_required' || status === 'two_factor_required'
}
