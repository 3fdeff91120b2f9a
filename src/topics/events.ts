/**
 * Events and work items, which are never retained: the messages of each, and what publishes them.
 *
 * The work item is the product. The outbox's delivery publishes it, and keeps it until it is acknowledged; an event
 * that the broker does not get at once is not kept. A work item carries its ids, how to poll for the manifest, and when
 * to stop trying; never a token, an e-mail address or a serial number, since a broker is a shared place.
 */
import { iso, timeOrderedId } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type {
  DurableEvent,
  Message,
  ModuleReport,
  Run,
  RunCounts,
  SyncModule,
  Trigger,
  WorkItem,
} from '../domain/model.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { Observer, Publisher, Runtime, Storage } from '../domain/ports.ts'
import { ids, json, number } from '../domain/text.ts'
import type { Broker } from '../mqtt/client.ts'
import type { LogRefusal } from '../mqtt/refusals.ts'
import { type DeliveryNeeds, deliver } from '../outbox/delivery.ts'
import { clipMessages, clipTroubleEvent } from './clip-topics.ts'
import { rateLimited } from './rate-limiter.ts'
import type { RetainedSource } from './retained.ts'
import type * as wire from './schemas.ts'
import { durable, event, failure, schema, secondsLeft, type Topics } from './topics.ts'

const bridgeEventExpirySeconds = 3_600

/** `manifest/requested`: the work item of an accepted request, for pollers. */
export function workItemMessage(topics: Topics, item: WorkItem, now: number): Message {
  return durable(`${topics.module(item)}/manifest/requested`, json(workItem(item)), ofItem(item, now))
}

/** The event of an accepted request, for rules: the same document. */
export function requestedEvent(topics: Topics, item: WorkItem, now: number): Message {
  return event(`${topics.module(item)}/event`, json(workItem(item)), ofItem(item, now))
}

function ofItem(item: WorkItem, now: number) {
  return { eventId: item.eventId, expirySeconds: Math.max(1, secondsLeft(item, now)) }
}

/** The event of a module that was skipped, or requested in vain. */
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
  return event(`${topics.module(module)}/event`, json(payload), {
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

/** `bridge/event` when a run is over for all accounts. */
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
  return event(topics.bridgeEvent, json(payload), { eventId, expirySeconds: bridgeEventExpirySeconds })
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

export interface EventNeeds extends Runtime, Pick<RetainedSource, 'topics' | 'modulesToo' | 'mediaPrefix'> {
  readonly broker: Pick<Broker, 'publish' | 'state'>
  readonly storage: Pick<Storage, 'outbox'>
  /** Which events are this instance's to publish; absent for a daemon by itself. */
  readonly holding?: DeliveryNeeds['holding']
  /** Life of a request ID. */
  readonly ttlMs: number
  readonly notify: Pick<Notifier, 'eventDelivered' | 'eventsExpired'>
  readonly refused: LogRefusal
}

export interface PublishedEvents {
  /** Publishes what is not kept. */
  readonly observer: Observer
  /** Resolves some time after the signal is aborted, when nothing more is handed to the broker. */
  readonly ended: Promise<void>
}

/** Publishes the outbox and what happens, until `signal` is aborted. */
export function publishEvents(needs: EventNeeds, signal: AbortSignal): PublishedEvents {
  const { broker, storage, holding, notify, refused, clock, log, fail } = needs
  const publisher = rateLimited(broker, clock, (topic) => {
    log.info({ topic }, 'event rate limit exceeded, dropping events')
  })
  const delivering = deliver(
    {
      ...{ outbox: storage.outbox, publisher: withoutSpareEvents(publisher, refused), holding, clock, log },
      messagesFor: (event) => messagesOf(event, needs),
      delivered: notify.eventDelivered,
      expired: notify.eventsExpired,
    },
    signal,
  )
  delivering.catch(fail)
  return {
    observer: eventObserver({ ...needs, publisher }, signal),
    ended: delivering.catch(() => undefined),
  }
}

function messagesOf(
  event: DurableEvent,
  { topics, modulesToo, mediaPrefix, clock }: EventNeeds,
): readonly Message[] {
  const now = clock.now()
  if (event.kind !== 'manifest_requested')
    return clipMessages(topics, event, { mediaPrefix, modulesToo, now })
  const { body } = event
  const message = workItemMessage(topics, body, now)
  return modulesToo ? [message, requestedEvent(topics, body, now)] : [message]
}

/** A quota that is full may have room again soon; every other refusal of an event is for long. */
const quotaExceeded = 0x97

/**
 * The way to the broker for the outbox.
 *
 * A work item and its event are published side by side, and again together until both are taken. Where a user may
 * not write events, that would be for ever: the work item, which has arrived, must not be held up by it.
 */
function withoutSpareEvents(publisher: Publisher, refused: LogRefusal): Publisher {
  return {
    async publish(message, signal) {
      try {
        await publisher.publish(message, signal)
      } catch (error) {
        if (!(error instanceof PublishRefused)) throw error
        const spare = message.event && error.reasonCode !== quotaExceeded
        const what = spare ? 'broker refused an event' : 'broker refused a request id, trying again later'
        refused(message.topic, error, what)
        if (!spare) throw error
      }
    },
  }
}

function eventObserver(needs: EventNeeds & { readonly publisher: Publisher }, signal: AbortSignal): Observer {
  const { topics, broker, publisher, modulesToo, ttlMs, refused, clock, fail } = needs
  const eventId = () => timeOrderedId(clock)

  function publish(message: Message): void {
    if (!broker.state.connected) return
    publisher.publish(message, signal).catch((error: unknown) => {
      if (signal.aborted) return
      if (!(error instanceof PublishRefused)) return fail(error)
      refused(message.topic, error, 'broker refused an event')
    })
  }

  return {
    modulesListed(_accountId, { found, renamed, gone }) {
      const now = clock.now()
      const change = (type: Parameters<typeof moduleChanged>[1], modules: readonly SyncModule[]) => {
        for (const module of modules)
          publish(moduleChanged(topics, type, { module, eventId: eventId(), now }))
      }
      change('sync_module_found', found)
      change('sync_module_renamed', renamed)
      change('sync_module_gone', gone)
    },
    moduleFinished(report, { tickId, trigger }) {
      if (!modulesToo || report.kind === 'requested') return
      if (report.kind === 'skipped' && report.reason === 'excluded') return
      const repeated = report.kind === 'skipped' && report.repeated === true
      publish(moduleEvent(topics, report, { eventId: eventId(), tickId, trigger, repeated, ttlMs }))
    },
    clipTrouble(key, trouble) {
      if (modulesToo)
        publish(clipTroubleEvent(topics, key, { trouble, eventId: eventId(), now: clock.now(), ttlMs }))
    },
    runFinished(run, counts) {
      publish(tickDone(topics, run, { eventId: eventId(), now: clock.now(), counts }))
    },
  }
}
