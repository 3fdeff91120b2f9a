/**
 * What a sync module's retained topics tell beyond its record: can it be asked now, and when will it be. Pure.
 */
import { type AskRules, reasonToSkip } from '../askable.ts'
import type { ModuleRecord } from '../model.ts'
import type { ModuleView } from '../mqtt/module-state.ts'
import type { Account } from './account.ts'

export interface ViewContext {
  /** The module's account, or `undefined` when its login is gone. */
  readonly account: Account | undefined
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
  const accountStatus = account?.state.status ?? 'login_required'
  const askable = record.missing === 0 && reasonToSkip(record.module, rules) === undefined
  return {
    record,
    available: askable && accountStatus === 'ok',
    paused,
    accountStatus,
    intervalMs: next !== undefined && afterNext !== undefined ? afterNext - next : undefined,
    nextAttemptAt: askable && !paused && next !== undefined ? next + offsetMs : undefined,
  }
}
