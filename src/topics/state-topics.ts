/**
 * The documents and texts of the retained topics: values in, messages out.
 *
 * A module's `state` is one document for all readers; `request_id` and `requested_at` repeat two of its fields as
 * plain text for those that want no template.
 */
import type { KeptReading } from '../domain/clip.ts'
import { iso } from '../domain/clock.ts'
import type { AccountSnapshot, Message, ModuleRecord, ModuleSnapshot, WorkItem } from '../domain/model.ts'
import { unexpired } from '../domain/module-history.ts'
import type { LogLevel } from '../domain/ports.ts'
import { json, number, timeOrNull } from '../domain/text.ts'
import { clipState } from './clip-topics.ts'
import { workItem } from './events.ts'
import type * as wire from './schemas.ts'
import { failure, plain, schema, secondsLeft, state, type Topics } from './topics.ts'

/** From this number on Blink's app shows a drive as nearly full. @see vistoda-blink, ADR 0013 */
const nearlyFull = 3

/** The values of `bridge/info`. */
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

/** `availability` and `info`: what changes rarely. */
export function moduleIdentity(topics: Topics, { record, available, drive }: ModuleSnapshot): Message[] {
  const stem = topics.module(record.module)
  const { name, networkName, serial, model, firmware, storage } = record.module
  return [
    plain(`${stem}/availability`, available ? 'online' : 'offline'),
    state(
      `${stem}/info`,
      json({
        name,
        network_name: networkName ?? null,
        serial: serial ?? null,
        model: model ?? null,
        firmware: firmware ?? null,
        storage_status: storage ?? null,
        storage_used_percent: drive?.usedPercent ?? null,
        storage_warning: (drive && warningOf(drive)) ?? null,
      } satisfies wire.ModuleInfo),
    ),
  ]
}

/** A drive that is full is a warning, also where the cloud gives no number. */
function warningOf({ full, warning }: KeptReading): number | undefined {
  return full ? Math.max(warning ?? 0, nearlyFull) : warning
}

/**
 * `state`, and while the last request ID has not expired also `request_id`, `requested_at` and `manifest/pending`.
 *
 * @param expired true clears what a request ID that has expired left: brokers without message expiry would keep it
 * @param everything true clears as well what the broker may still hold from before
 */
export function moduleProgress(
  topics: Topics,
  snapshot: ModuleSnapshot,
  {
    now,
    everything,
    expired,
  }: { readonly now: number; readonly everything: boolean; readonly expired: boolean },
): Message[] {
  const { record } = snapshot
  const stem = topics.module(record.module)
  const last = record.lastAccepted
  const messages = [state(`${stem}/state`, moduleState(snapshot)), ...clipState(stem, snapshot.clips)]
  const isLive = last !== undefined && last.expiresAt > now
  // Published when it expired, and the same ever since.
  if (!isLive && !everything && !expired) return messages
  if (isLive) {
    const requestId = plain(`${stem}/request_id`, last.requestId)
    messages.push({ ...requestId, expirySeconds: secondsLeft(last, now) })
  } else messages.push(plain(`${stem}/request_id`, ''))
  messages.push(plain(`${stem}/requested_at`, last ? iso(last.requestedAt) : ''))
  messages.push(pending(topics, record, now))
  return messages
}

/** What changes when a request ID expires: `manifest/pending`, and `request_id` if it was the last. */
export function moduleExpired(topics: Topics, { record }: ModuleSnapshot, now: number): Message[] {
  const { lastAccepted, module } = record
  const isLast = lastAccepted !== undefined && lastAccepted.expiresAt <= now
  const still = pending(topics, record, now)
  return isLast ? [plain(`${topics.module(module)}/request_id`, ''), still] : [still]
}

function pending(topics: Topics, { module, recent }: ModuleRecord, now: number): Message {
  return pendingList(`${topics.module(module)}/manifest/pending`, unexpired(recent, now), { now, omitted: 0 })
}

/** Shortened for a broker's limit, it keeps the newest and counts the rest in a user property. */
function pendingList(
  topic: string,
  live: readonly WorkItem[],
  { now, omitted }: { readonly now: number; readonly omitted: number },
): Message {
  const newest = live.at(-1)
  const message = state(topic, json(live.map(workItem) satisfies wire.ManifestPending))
  return {
    ...message,
    ...(omitted > 0 && { userProperties: { ...message.userProperties, omitted: String(omitted) } }),
    ...(newest && {
      expirySeconds: secondsLeft(newest, now),
      smaller: () => pendingList(topic, live.slice(1), { now, omitted: omitted + 1 }),
    }),
  }
}

function moduleState(snapshot: ModuleSnapshot): string {
  const { record } = snapshot
  return json({
    status: statusOf(snapshot),
    request_id: record.lastAccepted ? number(record.lastAccepted.requestId) : null,
    requested_at: timeOrNull(record.lastAccepted?.requestedAt),
    last_attempt_at: timeOrNull(record.lastAttemptAt),
    last_outcome: record.lastOutcome ?? null,
    last_error: record.lastFailure ? failure(record.lastFailure) : null,
    latency_ms: record.lastLatencyMs ?? null,
    requests_total: record.requestsTotal,
    failures_in_a_row: record.failuresInARow,
    paused: snapshot.paused,
    interval_s: snapshot.intervalMs === undefined ? null : Math.round(snapshot.intervalMs / 1000),
    next_attempt_at: timeOrNull(snapshot.nextAttemptAt),
  } satisfies wire.ModuleState)
}

/** One word for what the module's requests are doing. */
export type ModuleStatus = wire.ModuleState['status']

export const moduleStatuses: readonly ModuleStatus[] = [
  'idle',
  'backoff',
  'paused',
  'unsupported',
  'offline',
  'error',
]

export function statusOf({ record, paused, accountStatus }: ModuleSnapshot): ModuleStatus {
  if (paused) return 'paused'
  if (accountStatus === 'throttled' || record.lastOutcome === 'throttled') return 'backoff'
  if (record.missing > 0) return 'offline'
  switch (record.lastOutcome) {
    case 'offline':
      return 'offline'
    case 'no_storage':
    case 'incompatible':
      return 'unsupported'
    case undefined:
    case 'requested':
    case 'busy':
    case 'skipped':
      return 'idle'
    default:
      return 'error'
  }
}
