/** Snapshots of a module, and its messages by the last part of their topic. */
import type { Message, ModuleRecord, ModuleSnapshot } from '../../src/domain/model.ts'
import { moduleProgress } from '../../src/topics/state-topics.ts'
import { topicsBelow } from '../../src/topics/topics.ts'
import { aModule, newRecord, recordAfter, requested, start } from './samples.ts'

export const topics = topicsBelow('blink-manifestd')
export const stem = 'blink-manifestd/sync/8021/44107/350221'
export const newModule = newRecord(aModule())
export const requestedOnce = recordAfter(newModule, requested())

export function snapshotOf(record: ModuleRecord, differing: Partial<ModuleSnapshot> = {}): ModuleSnapshot {
  return {
    record,
    available: true,
    paused: false,
    accountStatus: 'ok',
    intervalMs: 300_000,
    nextAttemptAt: start + 300_000,
    ...differing,
  }
}

/** The messages by the last part of their topic. */
export function byTopic(messages: readonly Message[]): Record<string, Message> {
  return Object.fromEntries(messages.map((message) => [message.topic.slice(stem.length + 1), message]))
}

export const progress = (
  snapshot: ModuleSnapshot,
  now = start,
  differing: Partial<Parameters<typeof moduleProgress>[2]> = {},
) => byTopic(moduleProgress(topics, snapshot, { now, everything: false, expired: false, ...differing }))
export const document = (message: Message | undefined) =>
  JSON.parse(message?.payload ?? '') as Record<string, unknown>
