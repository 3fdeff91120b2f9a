/**
 * What a tick is told as: retained topics, events, one log line. Onlookers get values and cannot reach back.
 */
import { type Clock, timeOrderedId } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { Message, ModuleChanges, ModuleKey, ModuleReport, Slot, SyncModule } from '../domain/model.ts'
import type { Log, Publisher } from '../domain/ports.ts'
import { ThrottledLog } from '../mqtt/log-throttle.ts'
import type { TellRefusal } from '../mqtt/refusals.ts'
import { commandLines } from './command-subscriber.ts'
import { moduleChanged, moduleEvent, tickDone } from './events.ts'
import type { Retained } from './retained.ts'
import type { Topics } from './topics.ts'

export interface OnlookerNeeds {
  readonly topics: Topics
  readonly retained: Retained
  readonly publisher: Publisher
  /** Whether a happening would reach the broker now; one that would not is not kept for later. */
  readonly connected: () => boolean
  readonly modulesToo: boolean
  /** Whether a module's last turn was skipped for the same reason as the one before it. */
  readonly isRepeated: (key: ModuleKey) => boolean
  readonly ttlMs: number
  readonly refused: TellRefusal
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/** What became of all modules' turns in a slot. */
export type TurnCounts = Readonly<Record<ModuleReport['kind'], number>>

export interface Onlookers {
  /** A new list of an account's modules has come. */
  listed(changes: ModuleChanges): void
  /** A module's turn is over. */
  module(report: ModuleReport, slot: Slot): void
  /** All accounts of a slot are done. */
  slot(slot: Slot, turns: TurnCounts, elapsedMs: number): void
}

/** Those who watch the ticks. */
export function watch(needs: OnlookerNeeds): Onlookers {
  const { topics, retained, clock, log, modulesToo } = needs

  const happen = (message: Message) => {
    if (!needs.connected()) return
    needs.publisher.publish(message, needs.signal).catch((error: unknown) => {
      if (needs.signal.aborted) return
      if (!(error instanceof PublishRefused)) throw error
      needs.refused(message.topic, error, 'broker refused an event')
    })
  }
  const eventId = () => timeOrderedId(clock)
  const throttled = new ThrottledLog(clock, log)

  return {
    listed({ found, renamed, altered, gone }) {
      const now = clock.now()
      const tell = (type: Parameters<typeof moduleChanged>[1], modules: readonly SyncModule[]) => {
        for (const module of modules) happen(moduleChanged(topics, type, { module, eventId: eventId(), now }))
      }
      tell('sync_module_found', found)
      tell('sync_module_renamed', renamed)
      for (const module of altered) retained.module(module, 'identity')
      for (const module of gone) retained.clear(module)
      tell('sync_module_gone', gone)
    },

    module(report, slot) {
      if (report.kind === 'skipped' && report.reason === 'excluded') return
      retained.module(report.module, 'progress')
      const fields = { ...logIds(report), tick: slot.tickId }
      if (report.kind === 'requested') {
        log.debug(
          { ...fields, request_id: report.item.requestId, ms: report.latencyMs },
          'manifest requested',
        )
        return
      }
      if (report.kind === 'failed') {
        const { code, message, httpStatus, bodyCode } = report.failure
        const details = {
          outcome: report.outcome,
          code,
          detail: message,
          status: httpStatus,
          body_code: bodyCode,
        }
        log.debug({ ...fields, ...details }, 'manifest request failed')
      }
      if (!modulesToo) return
      const { tickId, trigger } = slot
      const repeated = report.kind === 'skipped' && needs.isRepeated(report.module)
      const context = { eventId: eventId(), tickId, trigger, repeated, ttlMs: needs.ttlMs }
      happen(moduleEvent(topics, report, context))
    },

    slot(slot, { requested, failed, skipped }, elapsedMs) {
      const durationMs = Math.round(elapsedMs)
      const { tickId: tick, trigger } = slot
      const fields = { tick, trigger, requested, failed, skipped, duration_ms: durationMs }
      if (trigger === 'command') throttled.say('info', fields, 'tick done', { rate: commandLines })
      else log.info(fields, 'tick done')
      const counts = { requested, failed, skipped, durationMs }
      happen(tickDone(topics, slot, { eventId: eventId(), now: clock.now(), counts }))
    },
  }
}

function logIds({ module }: ModuleReport) {
  const { accountId, networkId, syncModuleId } = module
  return { account_id: accountId, network_id: networkId, sync_module_id: syncModuleId }
}
