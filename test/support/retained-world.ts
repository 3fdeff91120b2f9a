/** A broker that keeps retained messages, refuses and goes away as told, and modules that the test may change. */
import { onTestFinished } from 'vitest'
import { PublishRefused } from '../../src/domain/errors.ts'
import { keyOf, type Message, type ModuleKey } from '../../src/domain/model.ts'
import type { Publisher } from '../../src/domain/ports.ts'
import type { ModuleView } from '../../src/topics/module-topics.ts'
import { keepRetained, type RetainedNeeds } from '../../src/topics/retained.ts'
import { plain, topicsBelow } from '../../src/topics/topics.ts'
import { aModule, anItem, newRecord, readableLog, recordAfter, requested, start } from './samples.ts'

const topics = topicsBelow('b')
export const stem = 'b/sync/8021/44107/350221'
export const online = plain('b/bridge/state', 'online')

/** A module that was asked once and can be asked again. */
export function aView(module = aModule()): ModuleView {
  const record = recordAfter(newRecord(module), requested(anItem(module), module))
  const common = { available: true, paused: false, accountStatus: 'ok' as const }
  return { record, ...common, intervalMs: 300_000, nextAttemptAt: undefined }
}

/** A broker that keeps the retained messages, and views of modules that the test may change. */
export function aWorld(differing: Partial<RetainedNeeds> = {}) {
  const views = new Map<string, ModuleView>()
  const published: Message[] = []
  const held: (() => void)[] = []
  const kept = new Map<string, string>()
  const refusing = new Set<string>()
  const clearings: string[] = []
  const log = readableLog()
  const abort = new AbortController()
  onTestFinished(() => abort.abort(new Error('over')))
  let away = false
  const keys = (accountId?: string): ModuleKey[] =>
    [...views.values()]
      .map(({ record }) => record.module)
      .filter((key) => (accountId ?? key.accountId) === key.accountId)
  const keep = ({ topic, payload }: Message): void => {
    if (payload === '') kept.delete(topic)
    else kept.set(topic, payload)
  }
  const publisher: Publisher = {
    async publish(message, signal) {
      published.push(message)
      if (refusing.has(message.topic)) throw new PublishRefused('not authorized', 0x87)
      if (!away) return keep(message)
      await new Promise<void>((resolve, reject) => {
        held.push(() => resolve(keep(message)))
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    },
  }
  const retained = keepRetained(
    {
      topics,
      publisher,
      announce: (signal) => publisher.publish(online, signal),
      modulesToo: true,
      bridgeInfo: () => plain('b/bridge/info', 'info'),
      accounts: () => ['8021'],
      account: (id) => plain(`b/account/${id}/state`, 'ok'),
      modules: keys,
      view: (key) => views.get(keyOf(key)),
      moduleUnread: () => true,
      accountUnread: () => true,
      cleared: (key) => clearings.push(keyOf(key)),
      now: () => start,
      refused: (topic, { reasonCode }, message) => log.warn({ topic, reason_code: reasonCode }, message),
      log,
      ...differing,
    },
    abort.signal,
  )
  return {
    ...{ retained, published, kept, refusing, clearings, log, abort },
    show: (view: ModuleView) => views.set(keyOf(view.record.module), view),
    forget: (key: ModuleKey) => views.delete(keyOf(key)),
    leave() {
      away = true
    },
    /** Acknowledges what is held and all that follows. */
    comeBack() {
      away = false
      for (const ack of held.splice(0)) ack()
    },
    /** Acknowledges what is held and holds what follows. */
    acknowledge() {
      for (const ack of held.splice(0)) ack()
    },
    topicsPublished: () => published.map(({ topic }) => topic),
  }
}
