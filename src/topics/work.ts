/**
 * What a daemon publishes of the accounts that it works on: the outbox's work items, and events.
 */
import { PublishRefused } from '../domain/errors.ts'
import type { DurableEvent, Message } from '../domain/model.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { Observer, Publisher, Runtime, Storage } from '../domain/ports.ts'
import type { Broker } from '../mqtt/client.ts'
import type { LogRefusal } from '../mqtt/refusals.ts'
import { type DeliveryNeeds, deliver } from '../outbox/delivery.ts'
import { clipMessages } from './clip-topics.ts'
import { publishEvents, requestedEvent, workItemMessage } from './events.ts'
import { rateLimited } from './rate-limiter.ts'
import type { RetainedSource } from './retained.ts'

export interface WorkNeeds extends Runtime, Pick<RetainedSource, 'topics' | 'modulesToo' | 'mediaPrefix'> {
  readonly broker: Pick<Broker, 'publish' | 'state'>
  readonly storage: Pick<Storage, 'outbox'>
  /** Which events are this instance's to publish; absent for a daemon by itself. */
  readonly holding?: DeliveryNeeds['holding']
  /** Life of a request ID. */
  readonly ttlMs: number
  readonly notify: Pick<Notifier, 'eventDelivered' | 'eventsExpired'>
  readonly refused: LogRefusal
}

export interface Work {
  readonly observer: Observer
  /** Resolves some time after the signal is aborted, when nothing more is handed to the broker. */
  readonly ended: Promise<void>
}

/** Publishes until `signal` is aborted. */
export function publishWork(needs: WorkNeeds, signal: AbortSignal): Work {
  const { topics, broker, storage, modulesToo, mediaPrefix, ttlMs, notify, refused, clock, log, fail } = needs
  const limited = rateLimited(broker, clock, (topic) => {
    log.info({ topic }, 'event rate limit exceeded, dropping events')
  })
  const common = { topics, modulesToo, refused, clock, fail }
  const isConnected = () => broker.state.connected
  const observer = publishEvents({ ...common, publisher: limited, isConnected, ttlMs }, signal)

  function messagesFor(event: DurableEvent): readonly Message[] {
    const now = clock.now()
    if (event.kind !== 'manifest_requested')
      return clipMessages(topics, event, { mediaPrefix, modulesToo, now })
    const { body } = event
    const workItem = workItemMessage(topics, body, now)
    return modulesToo ? [workItem, requestedEvent(topics, body, now)] : [workItem]
  }

  const delivering = deliver(
    {
      ...{
        holding: needs.holding,
        outbox: storage.outbox,
        publisher: withoutSpareEvents(limited, refused),
        messagesFor,
        clock,
        log,
      },
      delivered: notify.eventDelivered,
      expired: notify.eventsExpired,
    },
    signal,
  )
  delivering.catch(fail)
  return { observer, ended: delivering.catch(() => undefined) }
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
