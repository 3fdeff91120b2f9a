/** The retained topics with a broker that keeps messages, refuses and goes away, and modules that a test may change. */
import { onTestFinished } from 'vitest'
import { type ClipCamera, type ClipNew, cameraKeyOf } from '../../src/domain/clip.ts'
import { PublishRefused, StoreFailed } from '../../src/domain/errors.ts'
import {
  type AccountSnapshot,
  keyOf,
  type Message,
  type ModuleKey,
  type ModuleSnapshot,
} from '../../src/domain/model.ts'
import type { Publisher } from '../../src/domain/ports.ts'
import { publishRetained, type RetainedNeeds } from '../../src/topics/retained.ts'
import { plain, topicsBelow } from '../../src/topics/topics.ts'
import { fakeClock } from './fake-clock.ts'
import { aModule, anItem, newRecord, readableLog, recordAfter, requested, start } from './samples.ts'

const topics = topicsBelow('b')
export const stem = 'b/sync/8021/44107/350221'
export const noChanges = { found: [], renamed: [], altered: [], gone: [] }

/** A module that was requested once and can be requested again. */
export function aSnapshot(module = aModule()): ModuleSnapshot {
  const record = recordAfter(newRecord(module), requested(anItem(module), module))
  const common = { available: true, paused: false, accountStatus: 'ok' as const }
  return { record, ...common, intervalMs: 300_000, nextAttemptAt: undefined }
}

/** A clip that is on disk. */
export function aClip(differing: Partial<ClipNew> = {}): ClipNew {
  const { accountId, networkId, syncModuleId } = aModule()
  return {
    ...{ accountId, networkId, syncModuleId, camera: '610003', cameraName: 'Hall', createdAt: start },
    ...{ eventId: '0197a1c0-0000-7000-8000-000000000001', requestId: '501', downloadedAt: start + 9_000 },
    ...{ bytes: 440_320, path: 'Home/Hall/a.mp4', sha256: 'ab'.repeat(32), ...differing },
  }
}

export function anAccount(accountId = '8021'): AccountSnapshot {
  return { accountId, status: 'ok', since: start, detail: undefined, retryAt: undefined }
}

interface RetainedOptions extends Partial<RetainedNeeds> {
  readonly ledger?: RetainedNeeds['storage']['ledger']
}

/** Modules are shown by `show`; a module that was shown and is hidden again is still in the ledger. */
export function retainedFixture({ ledger, ...differing }: RetainedOptions = {}) {
  const snapshots = new Map<string, ModuleSnapshot>()
  const accounts = new Map([['8021', anAccount()]])
  const inLedger = new Map<string, ModuleKey>()
  const cameras = new Map<string, ClipCamera>()
  const disk = { isBroken: false, hidesCameras: false }
  const forgotten: string[] = []
  const published: Message[] = []
  const held: (() => void)[] = []
  const kept = new Map<string, string>()
  const refusing = new Set<string>()
  const failures: unknown[] = []
  const [log, clock, abort] = [readableLog(), fakeClock(), new AbortController()]
  onTestFinished(() => abort.abort(new Error('over')))
  let isAway = false
  const keep = ({ topic, payload }: Message): void => {
    if (payload === '') kept.delete(topic)
    else kept.set(topic, payload)
  }
  const publisher: Publisher = {
    async publish(message, signal) {
      published.push(message)
      if (refusing.has(message.topic)) throw new PublishRefused('not authorized', 0x87)
      if (!isAway) return keep(message)
      await new Promise<void>((resolve, reject) => {
        held.push(() => resolve(keep(message)))
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    },
  }
  const retained = publishRetained(
    {
      topics,
      broker: publisher,
      modulesToo: true,
      bridgeInfo: () => plain('b/bridge/info', 'info'),
      status: {
        accounts: async () => [...accounts.values()],
        account: async (id) => accounts.get(id),
        module: async (key) => snapshots.get(keyOf(key)),
        async camera(key) {
          const camera = cameras.get(cameraKeyOf(key))
          const isShown = camera && !camera.moved && snapshots.has(keyOf(camera))
          return isShown && !disk.hidesCameras ? camera : undefined
        },
      },
      storage: {
        clips: {
          async cameras() {
            if (disk.isBroken) throw new StoreFailed('cannot read state.db')
            return [...cameras.values()]
          },
          forgetCamera: async (key) => void cameras.delete(cameraKeyOf(key)),
        },
        ledger: ledger ?? {
          keysAndGone: async (accountId) =>
            [...inLedger.values()].filter((key) => (accountId ?? key.accountId) === key.accountId),
          async forget(key) {
            forgotten.push(keyOf(key))
            if (!snapshots.has(keyOf(key))) inLedger.delete(keyOf(key))
          },
        },
      },
      mediaPrefix: undefined,
      reader: undefined,
      refused: (topic, { reasonCode }, message) => log.warn({ topic, reason_code: reasonCode }, message),
      clock,
      log,
      fail: (error) => failures.push(error),
      ...differing,
    },
    abort.signal,
  )
  const acknowledge = () => {
    for (const ack of held.splice(0)) ack()
  }
  return {
    ...{ retained, published, kept, refusing, forgotten, inLedger, accounts, log, clock, abort, failures },
    ...{ cameras, disk },
    acknowledge,
    show(snapshot: ModuleSnapshot) {
      const { module } = snapshot.record
      snapshots.set(keyOf(module), snapshot)
      inLedger.set(keyOf(module), module)
    },
    hide: (key: ModuleKey) => void snapshots.delete(keyOf(key)),
    /** A run that has brought a request ID. */
    finish: (module = aModule()) => retained.moduleFinished?.(requested(anItem(module), module), aRun),
    /** A list that misses the module for the last time. */
    go: (module = aModule()) => {
      snapshots.delete(keyOf(module))
      retained.modulesListed?.(module.accountId, { ...noChanges, gone: [module] })
    },
    /** What a connection does. */
    async publishAll() {
      await retained.publishAll()
      await retained.settled()
    },
    /** Acknowledges nothing until `acknowledge` or `comeBack`. */
    leave() {
      isAway = true
    },
    comeBack() {
      isAway = false
      acknowledge()
    },
    topicsPublished: () => published.map(({ topic }) => topic),
  }
}

const aRun = { tickId: '2026-11-23T09:00:00.000Z', trigger: 'schedule', budgetMs: 120_000 } as const
