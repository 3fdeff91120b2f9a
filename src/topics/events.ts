/**
 * What happened, told once and never retained: values in, messages out.
 *
 * The work item is the product. It carries its ids, how to poll for the manifest, and when to stop trying; never
 * a token, an e-mail address or a serial number, since a broker is a shared place.
 */
import { iso } from '../domain/clock.ts'
import type { Message, ModuleReport, Run, RunCounts, SyncModule, Trigger, WorkItem } from '../domain/model.ts'
import { ids, json, number } from '../domain/text.ts'
import type * as wire from './schemas.ts'
import { failure, happening, schema, secondsLeft, type Topics } from './topics.ts'

const bridgeEventExpirySeconds = 3_600

/** The two publishes of one accepted request: the work item for pollers, and the event for rules. */
export function workItemMessages(topics: Topics, item: WorkItem, now: number): Message[] {
  const stem = topics.module(item)
  const payload = json(workItem(item))
  const expirySeconds = Math.max(1, secondsLeft(item, now))
  const requested = happening(`${stem}/manifest/requested`, payload, { eventId: item.eventId, expirySeconds })
  return [
    { ...requested, durable: true },
    happening(`${stem}/event`, payload, { eventId: item.eventId, expirySeconds }),
  ]
}

/** The event of a module that was not asked, or in vain. A requested one is told by its work item. */
export function moduleEvent(
  topics: Topics,
  report: Exclude<ModuleReport, { readonly kind: 'requested' }>,
  { eventId, tickId, trigger, repeated, ttlMs }: EventContext,
): Message {
  const { module } = report
  const common = {
    event_id: eventId,
    ts: iso(report.at),
    ...ids(module),
    trigger,
    tick_id: tickId,
    attempt: report.attempts,
    outcome: report.outcome,
  }
  const payload: wire.ManifestRequestFailed | wire.ManifestRequestSkipped =
    report.kind === 'failed'
      ? { schema, event_type: 'manifest_request_failed', ...common, error: failure(report.failure) }
      : { schema, event_type: 'manifest_request_skipped', ...common, reason: report.reason, repeated }
  return happening(`${topics.module(module)}/event`, json(payload), {
    eventId,
    expirySeconds: Math.round(ttlMs / 1000),
  })
}

export interface EventContext {
  readonly eventId: string
  readonly tickId: string
  readonly trigger: Trigger
  /** Whether the module was skipped for the same reason the last time. */
  readonly repeated: boolean
  readonly ttlMs: number
}

/** `bridge/event` for a sync module that came, went or got another name. */
export function moduleChanged(
  topics: Topics,
  change: 'sync_module_found' | 'sync_module_gone' | 'sync_module_renamed',
  { module, eventId, now }: { readonly module: SyncModule; readonly eventId: string; readonly now: number },
): Message {
  return bridgeEvent(topics, {
    schema,
    event_type: change,
    event_id: eventId,
    ts: iso(now),
    ...ids(module),
    name: module.name,
    network_name: module.networkName ?? null,
  })
}

/** `bridge/event` for a run that is over for all accounts. */
export function tickDone(
  topics: Topics,
  { tickId, trigger }: Run,
  { eventId, now, counts }: { readonly eventId: string; readonly now: number; readonly counts: RunCounts },
): Message {
  const { requested, failed, skipped, elapsedMs } = counts
  return bridgeEvent(topics, {
    schema,
    event_type: 'tick_done',
    event_id: eventId,
    ts: iso(now),
    tick_id: tickId,
    trigger,
    requested,
    failed,
    skipped,
    duration_ms: Math.round(elapsedMs),
  })
}

function bridgeEvent(topics: Topics, payload: wire.BridgeEvent): Message {
  const eventId = payload.event_id
  return happening(topics.bridgeEvent, json(payload), { eventId, expirySeconds: bridgeEventExpirySeconds })
}

/** The work item as docs/mqtt-api.md shows it. */
export function workItem(item: WorkItem): wire.WorkItem {
  return {
    schema,
    event_type: 'manifest_requested',
    event_id: item.eventId,
    ts: iso(item.requestedAt),
    ...ids(item),
    request_id: number(item.requestId),
    request_id_str: item.requestId,
    trigger: item.trigger,
    tick_id: item.tickId,
    attempt: item.attempt,
    poll_path: item.pollPath,
    poll_url: item.pollUrl,
    requested_at: iso(item.requestedAt),
    expires_at: iso(item.expiresAt),
  }
}
