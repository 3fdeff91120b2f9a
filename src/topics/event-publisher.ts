/**
 * Publishes what happened as events, which are never retained: one that the broker does not get now is not kept.
 *
 * Request IDs are not published here but by the outbox's delivery, which keeps them until they are acknowledged.
 */
import { type Clock, timeOrderedId } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Message, SyncModule } from '../domain/model.ts'
import type { Observer, Publisher } from '../domain/ports.ts'
import type { TellRefusal } from '../mqtt/refusals.ts'
import { moduleChanged, moduleEvent, tickDone } from './events.ts'
import type { Topics } from './topics.ts'

export interface EventNeeds {
  readonly topics: Topics
  readonly publisher: Publisher
  readonly isConnected: () => boolean
  /** False publishes only `bridge/event`. */
  readonly modulesToo: boolean
  readonly ttlMs: number
  readonly refused: TellRefusal
  readonly fail: (error: unknown) => void
  readonly clock: Clock
}

export function publishEvents(needs: EventNeeds, signal: AbortSignal): Observer {
  const { topics, modulesToo, ttlMs, clock } = needs
  const eventId = () => timeOrderedId(clock)

  function publish(message: Message): void {
    if (!needs.isConnected()) return
    needs.publisher.publish(message, signal).catch((error: unknown) => {
      if (signal.aborted) return
      if (!(error instanceof PublishRefused)) return needs.fail(error)
      needs.refused(message.topic, error, 'broker refused an event')
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
    runFinished(run, counts) {
      publish(tickDone(topics, run, { eventId: eventId(), now: clock.now(), counts }))
    },
  }
}
