/**
 * What a sync module's retained topics tell beyond its record: can it be asked now, and when will it be. Pure.
 */

import type { Account } from '../accounts/account.ts'
import { type AskRules, reasonToSkip } from '../domain/eligibility.ts'
import { needsPerson } from '../domain/failure.ts'
import type { ModuleRecord } from '../domain/model.ts'
import type { ModuleView } from './module-topics.ts'

export interface ViewContext {
  /** The module's account, or `undefined` when its login is gone. */
  readonly account: Pick<Account, 'state'> | undefined
  readonly rules: AskRules
  /** Whether scheduled requests are off for it. */
  readonly paused: boolean
  /** The next two slots, in milliseconds since the epoch. */
  readonly slots: readonly number[]
  /** The account's moment after a slot. */
  readonly offsetMs: number
}

/** The module as its topics show it. */
export function viewOf(
  record: ModuleRecord,
  { account, rules, paused, slots, offsetMs }: ViewContext,
): ModuleView {
  const [next, afterNext] = slots
  const { status: accountStatus = 'login_required', retryAt = 0 } = account?.state ?? {}
  const askable = record.missing === 0 && reasonToSkip(record.module, rules) === undefined
  const isDue = askable && !paused && !needsPerson(accountStatus)
  return {
    record,
    available: askable && accountStatus === 'ok',
    paused,
    accountStatus,
    intervalMs: next !== undefined && afterNext !== undefined ? afterNext - next : undefined,
    // A pause that outlasts both slots leaves it open: the account's own topic tells when the pause ends.
    nextAttemptAt: isDue ? slots.map((slot) => slot + offsetMs).find((at) => at >= retryAt) : undefined,
  }
}
