/**
 * The attempts of the last 24 hours: what each sync module's chart and list of request IDs are made of.
 */
import type { BlinkId, ModuleKey, Outcome } from './model.ts'

/** So long attempts are kept. */
export const attemptsKeptMs = 24 * 60 * 60 * 1000

/** One module's part of a run. */
export interface Attempt {
  readonly at: number
  readonly outcome: Outcome
  /** How long the cloud took to accept the request. */
  readonly latencyMs: number | undefined
  readonly accepted: AttemptedRequest | undefined
}

/** The request ID that an attempt has brought, and what became of it. */
export interface AttemptedRequest {
  readonly requestId: BlinkId
  readonly expiresAt: number
  /** When the broker acknowledged it. */
  readonly deliveredAt: number | undefined
}

export interface ModuleAttempt extends Attempt {
  readonly module: ModuleKey
}

/** The broker has acknowledged an attempt's request ID. */
export interface AttemptDelivered {
  readonly module: ModuleKey
  /** The attempt's own time. */
  readonly at: number
  readonly requestId: BlinkId
  readonly deliveredAt: number
}

/** Whether the broker has a request ID, may still get it, or never will. */
export type RequestFate = 'delivered' | 'waiting' | 'expired'

export function fateOf({ expiresAt, deliveredAt }: AttemptedRequest, now: number): RequestFate {
  if (deliveredAt !== undefined) return 'delivered'
  return now < expiresAt ? 'waiting' : 'expired'
}
