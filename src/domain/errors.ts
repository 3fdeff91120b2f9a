/**
 * Every failure we expect, named for what to do next.
 *
 * A class exists where the caller acts differently. `outcome` says whether the cloud may have acted: a POST for
 * a manifest creates something, so "failed" is either *it did nothing* or *nobody can say*. Whatever else is
 * thrown is a bug and ends the program with its stack.
 */

/** Did a failed request certainly do nothing, or can nobody say? */
export type RequestOutcome = 'not-done' | 'unknown'

export interface ErrorDetails {
  readonly cause?: unknown
  /** A sentence for the person: what to do about it. */
  readonly remedy?: string
}

export interface CloudErrorDetails extends ErrorDetails {
  readonly status?: number
  readonly bodyCode?: number
  readonly outcome: RequestOutcome
  /** The pause that the cloud named, in milliseconds. */
  readonly retryAfterMs?: number
  /** When the next request is sent, in milliseconds since the epoch. */
  readonly retryAt?: number
}

/** What all expected failures have in common. */
export abstract class DaemonError extends Error {
  abstract readonly code: string
  readonly retryable: boolean = false
  readonly remedy: string | undefined

  constructor(message: string, { cause, remedy }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.remedy = remedy
  }
}

/** One thing wrong with the settings: where, what, and what would be right. */
export interface Problem {
  readonly place: string
  readonly message: string
}

/** Settings that cannot be used; lists every problem at once. */
export class ConfigInvalid extends DaemonError {
  readonly code = 'config_invalid'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[], details: ErrorDetails = {}) {
    super(problems.map(({ place, message }) => `${place}: ${message}`).join('\n'), details)
    this.problems = problems
  }
}

/** Another process holds the data directory. */
export class AlreadyRunning extends DaemonError {
  readonly code = 'already_running'
}

export interface StoreErrorDetails extends ErrorDetails {
  readonly isLasting?: boolean
}

/** Something could not be read from or kept on disk. */
export class StoreFailed extends DaemonError {
  readonly code = 'store_failed'
  /** Waiting does not help: a person must change an owner, a mode, a path. */
  readonly isLasting: boolean

  constructor(message: string, { isLasting = false, ...details }: StoreErrorDetails = {}) {
    super(message, details)
    this.isLasting = isLasting
  }
}

/** Another instance owns the account, or may own it by now: nothing more is requested, kept or published of it here. */
export class LeaseLost extends StoreFailed {
  constructor(accountId: string, details: ErrorDetails = {}) {
    super(`account ${accountId} belongs to another instance`, details)
  }
}

export interface PublishRefusedDetails extends ErrorDetails {
  /** How the broker refused: by a reason code, by closing the connection, or by never answering. */
  readonly by?: 'code' | 'close' | 'silence'
  /** Of the payload. */
  readonly bytes?: number
}

/** The broker will not take this message. The broker being away is no error. */
export class PublishRefused extends DaemonError {
  readonly code = 'publish_refused'
  readonly reasonCode: number
  readonly by: 'code' | 'close' | 'silence'
  readonly bytes: number | undefined

  constructor(message: string, reasonCode: number, details: PublishRefusedDetails = {}) {
    super(message, details)
    this.reasonCode = reasonCode
    this.by = details.by ?? 'code'
    this.bytes = details.bytes
  }
}

/** A failure in dealing with Blink's cloud. */
export abstract class CloudError extends DaemonError {
  readonly status: number | undefined
  readonly bodyCode: number | undefined
  readonly outcome: RequestOutcome
  readonly retryAfterMs: number | undefined
  readonly retryAt: number | undefined

  constructor(message: string, details: CloudErrorDetails) {
    super(message, details)
    this.status = details.status
    this.bodyCode = details.bodyCode
    this.outcome = details.outcome
    this.retryAfterMs = details.retryAfterMs
    this.retryAt = details.retryAt
  }
}

/** A person must sign in: the refresh token is withdrawn, or there is none. */
export class LoginNeeded extends CloudError {
  readonly code: 'login_required' | 'two_factor_required' = 'login_required'
}

/** The same, because the cloud wants a code first. Another request might have one sent each time. */
export class TwoFactorNeeded extends LoginNeeded {
  override readonly code = 'two_factor_required'
}

/** The module is at another command; it takes one at a time. */
export class ModuleBusy extends CloudError {
  readonly code = 'module_busy'
  override readonly retryable = true
}

/** The cloud wants less of us: nothing more for this account until the breaker lets one probe through. */
export class AccountThrottled extends CloudError {
  readonly code = 'throttled'
}

/** What a module said of itself when it refused: it is away, has no usable drive, or is too old. */
export type ModuleCondition = 'offline' | 'no_storage' | 'incompatible'

/** Refused for a reason that another request in this run would not change, unless the error says `retryable`. */
export class CloudRefused extends CloudError {
  readonly code = 'cloud_refused'
  override readonly retryable: boolean
  readonly condition: ModuleCondition | undefined

  constructor(
    message: string,
    details: CloudErrorDetails & { readonly condition?: ModuleCondition; readonly retryable?: boolean },
  ) {
    super(message, details)
    this.condition = details.condition
    this.retryable = details.retryable ?? false
  }
}

/** No answer. Worth another request only if the request certainly did nothing. */
export class CloudUnreachable extends CloudError {
  readonly code = 'cloud_unreachable'
  override readonly retryable: boolean

  constructor(message: string, details: CloudErrorDetails) {
    super(message, details)
    this.retryable = details.outcome === 'not-done'
  }
}

/** An answer we cannot read: the API changed, or something stands between. */
export class CloudChanged extends CloudError {
  readonly code = 'cloud_changed'
}
