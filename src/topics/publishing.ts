/**
 * Everything that is published, put together for who publishes it.
 *
 * A daemon by itself publishes all of it on one connection. Of daemons that share a database each publishes what comes
 * of the accounts it works on, and one of them, on a second connection, what there is once: see `bridge.ts`.
 */
import { followsManifests, type Settings } from '../config/settings.ts'
import { thisMoment } from '../domain/clock.ts'
import { PublishRefused } from '../domain/errors.ts'
import type { ModuleKey } from '../domain/model.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { LogLevel, Observer, Runtime, StatusReader, Storage } from '../domain/ports.ts'
import { type BridgeNeeds, publishBridge } from './bridge.ts'
import type { OpenedBroker } from './broker.ts'
import { type EventNeeds, publishEvents } from './events.ts'
import { publishRetained, type TopicReader } from './retained.ts'
import { type BridgeInfo, bridgeInfo } from './state-topics.ts'

export interface PublishingNeeds extends Runtime, Pick<BridgeNeeds, 'handle'> {
  readonly settings: Pick<Settings, 'clips' | 'manifest' | 'mqtt' | 'request'>
  readonly storage: Pick<Storage, 'clips' | 'installation' | 'ledger' | 'outbox'>
  readonly status: StatusReader
  readonly notify: Notifier
  readonly mqtt: Pick<OpenedBroker, 'broker' | 'topics' | 'refused'>
  /** What `bridge/info` shows of the program. */
  readonly shown: Pick<BridgeInfo, 'version' | 'settings'> & { readonly logLevel: () => LogLevel }
  /** Absent where nobody reads the topics by documents of its own. */
  readonly reader: TopicReader | undefined
}

export interface Publishing {
  /** To be notified of results. */
  readonly observers: readonly Observer[]
  /** Resolves when all state that waits now has been acknowledged. */
  settled(): Promise<void>
  /** Ends; work items that are not acknowledged then stay in the outbox. */
  close(): Promise<void>
}

/** Starts to publish all that a daemon by itself has to publish. */
export function openPublishing(needs: PublishingNeeds): Publishing {
  const { broker } = needs.mqtt
  const stopping = new AbortController()
  const { signal } = stopping
  const common = commonOf(needs)
  const events = publishEvents(common, signal)
  broker.onState((state) => needs.notify.connectionChanged(state))
  const bridge = publishBridge(common, signal)
  return {
    observers: [...bridge.observers, events.observer],
    settled: bridge.settled,
    async close() {
      // Ended before the broker is left, so that nothing new is handed to it after `offline`.
      stopping.abort(new Error('stopped'))
      await events.ended
    },
  }
}

export interface InstanceNeeds
  extends Omit<PublishingNeeds, 'handle' | 'reader'>,
    Pick<EventNeeds, 'holding'> {}

/** Starts to publish what comes of the accounts that an instance works on: changes only, and it clears nothing. */
export function openInstancePublishing(needs: InstanceNeeds): Publishing {
  const { broker, refused } = needs.mqtt
  const stopping = new AbortController()
  const { signal } = stopping
  const common = commonOf({ ...needs, handle: undefined, reader: clearedByBridge })
  const retained = publishRetained({ ...common, isShared: true }, signal)
  const events = publishEvents({ ...common, holding: needs.holding }, signal)

  async function announce(): Promise<void> {
    try {
      await broker.announce(signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof PublishRefused)) throw error
      refused('bridge/instance', error, 'broker refused a state topic')
    }
  }
  broker.onState((state) => needs.notify.connectionChanged(state))
  broker.onConnect(() => void announce().catch(needs.fail))
  return {
    observers: [changesOnly(retained), events.observer],
    settled: retained.settled,
    async close() {
      stopping.abort(new Error('stopped'))
      await events.ended
    },
  }
}

/** Starts to publish what there is once for all instances, by the one that holds the bridge. */
export function openBridgePublishing(needs: PublishingNeeds): Publishing {
  const stopping = new AbortController()
  const { signal } = stopping
  const { observers, settled } = publishBridge({ ...commonOf(needs), isShared: true }, signal)
  return {
    observers,
    settled,
    async close() {
      stopping.abort(new Error('stopped'))
    },
  }
}

function commonOf(needs: PublishingNeeds) {
  const { settings, storage, status, notify, reader, handle, clock, log, fail } = needs
  const { broker, topics, refused } = needs.mqtt
  const { mediaPrefix } = settings.clips
  const { version, settings: shownSettings, logLevel } = needs.shown
  const { installId } = storage.installation
  const startedAt = thisMoment(clock)
  const info = () =>
    bridgeInfo(topics, {
      ...{ version, installId, startedAt: startedAt() },
      settings: shownSettings,
      nextTickAt: status.nextRuns()[0],
      logLevel: logLevel(),
    })
  return {
    ...{ topics, broker, refused, clock, log, fail, status, notify, storage, reader, handle },
    // A daemon that followed manifests until now has left topics of them.
    unfollowed: handle !== undefined && !followsManifests(settings),
    ...{ modulesToo: settings.mqtt.topics === 'all', mediaPrefix, bridgeInfo: info },
    ttlMs: settings.request.ttlSeconds * 1000,
  }
}

/** The holder of the bridge removes the documents that read a topic before it clears the topic. */
const clearedByBridge: TopicReader = {
  publishDocuments: async () => undefined,
  removeOrphans: async () => undefined,
  beforeClearing: () => new Promise<never>(() => undefined),
}

/** What the bridge publishes by itself is left to it: its own document, expiry, and new entities. */
function changesOnly(retained: Observer): Observer {
  return {
    modulesListed: (accountId, changes) => retained.modulesListed?.(accountId, changes),
    moduleFinished: (report, run) => retained.moduleFinished?.(report, run),
    moduleChanged: (key: ModuleKey, change) => retained.moduleChanged?.(key, change),
    clipsChanged: (key) => retained.clipsChanged?.(key),
    clipSaved: (clip) => retained.clipSaved?.(clip),
    accountChanged: (snapshot) => retained.accountChanged?.(snapshot),
  }
}
