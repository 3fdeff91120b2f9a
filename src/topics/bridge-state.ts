/**
 * What the daemon tells of itself and of its accounts: values in, retained messages out.
 */
import { iso } from '../domain/clock.ts'
import type { AccountSnapshot, Message } from '../domain/model.ts'
import type { LogLevel } from '../domain/ports.ts'
import { json, timeOrNull } from '../domain/text.ts'
import type * as wire from './schemas.ts'
import { schema, state, type Topics } from './topics.ts'

/** What the bridge tells of itself. */
export interface BridgeInfo {
  readonly version: string
  readonly installId: string
  readonly startedAt: number
  readonly nextTickAt: number | undefined
  /** Effective settings without secrets. */
  readonly settings: Readonly<Record<string, unknown>>
  /** As it is now; it may be changed while running. */
  readonly logLevel: LogLevel
}

/** `bridge/info`. */
export function bridgeInfo(topics: Topics, info: BridgeInfo): Message {
  return state(
    topics.bridgeInfo,
    json({
      version: info.version,
      schema,
      install_id: info.installId,
      started_at: iso(info.startedAt),
      next_tick_at: timeOrNull(info.nextTickAt),
      log_level: info.logLevel,
      settings: info.settings,
    } satisfies wire.BridgeInfo),
  )
}

/** `account/<account_id>/state`. */
export function accountState(topics: Topics, account: AccountSnapshot): Message {
  return state(
    topics.accountState(account.accountId),
    json({
      state: account.status,
      since: iso(account.since),
      detail: account.detail ?? null,
      retry_at: timeOrNull(account.retryAt),
    } satisfies wire.AccountState),
  )
}
