/**
 * From the cloud's answer to the work item that pollers get. Pure.
 */
import { type Clock, timeOrderedId } from './clock.ts'
import {
  type DurableEvent,
  keyOf,
  type ManifestRequest,
  type ModuleKey,
  type Run,
  type WorkItem,
} from './model.ts'

export interface Answered {
  readonly module: ModuleKey
  readonly request: ManifestRequest
  readonly run: Run
  /** Requests sent for it in this run. */
  readonly attempt: number
  /** Life of a request ID, in milliseconds. */
  readonly ttlMs: number
}

/** The work item of a request that the cloud has answered now. */
export function workItemOf({ module, request, run, attempt, ttlMs }: Answered, clock: Clock): WorkItem {
  const requestedAt = clock.now()
  const { accountId, networkId, syncModuleId } = module
  return {
    accountId,
    networkId,
    syncModuleId,
    ...request,
    eventId: timeOrderedId(clock),
    trigger: run.trigger,
    tickId: run.tickId,
    attempt,
    requestedAt,
    expiresAt: requestedAt + ttlMs,
  }
}

/** The durable event that announces an accepted request. */
export function manifestRequested(item: WorkItem): DurableEvent {
  return { kind: 'manifest_requested', orderKey: keyOf(item), expiresAt: item.expiresAt, body: item }
}
