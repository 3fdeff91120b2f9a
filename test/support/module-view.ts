/** A module as its topics show it, and what they say, by the last part of the topic. */
import type { Message, ModuleRecord } from '../../src/domain/model.ts'
import { type ModuleView, moduleProgress } from '../../src/topics/module-topics.ts'
import { topicsBelow } from '../../src/topics/topics.ts'
import { aModule, newRecord, recordAfter, requested, start } from './samples.ts'

export const topics = topicsBelow('blink-manifestd')
export const stem = 'blink-manifestd/sync/8021/44107/350221'
export const fresh = newRecord(aModule())
export const asked = recordAfter(fresh, requested())

export function viewOf(record: ModuleRecord, differing: Partial<ModuleView> = {}): ModuleView {
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

type Saying = Parameters<typeof moduleProgress>[2]

/** The messages by the last part of their topic. */
export function byTopic(messages: readonly Message[]): Record<string, Message> {
  return Object.fromEntries(messages.map((message) => [message.topic.slice(stem.length + 1), message]))
}

export const progress = (view: ModuleView, now = start, differing: Partial<Saying> = {}) =>
  byTopic(moduleProgress(topics, view, { now, everything: false, ended: false, ...differing }))
export const document = (message: Message | undefined) =>
  JSON.parse(message?.payload ?? '') as Record<string, unknown>
