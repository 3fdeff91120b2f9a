/**
 * Everything that is published: the outbox's work items, the retained topics, the events.
 *
 * On each connection all retained state goes out first, then the documents that read it, then `bridge/state`: a
 * broker that lost its store is whole again, and `online` never comes before what it promises.
 */
import { followsManifests, type Settings } from '../config/settings.ts'
import { thisMoment } from '../domain/clock.ts'
import type { Command, CommandResult } from '../domain/commands.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { LogLevel, Observer, Publisher, Runtime, StatusReader, Storage } from '../domain/ports.ts'
import type { Broker } from '../mqtt/client.ts'
import type { LogRefusal } from '../mqtt/refusals.ts'
import { deliver } from '../outbox/delivery.ts'
import { watchExpiry } from '../outbox/expiry.ts'
import type { OpenedBroker } from './broker.ts'
import { clipMessages } from './clip-topics.ts'
import { subscribeCommands } from './command-subscriber.ts'
import { publishEvents, requestedEvent, workItemMessage } from './events.ts'
import { watchForOthers } from './other-installation.ts'
import { rateLimited } from './rate-limiter.ts'
import { openRepair } from './repair.ts'
import { publishRetained, type TopicReader } from './retained.ts'
import { type BridgeInfo, bridgeInfo } from './state-topics.ts'
import { plain } from './topics.ts'

export interface PublishingNeeds extends Runtime {
  readonly settings: Pick<Settings, 'clips' | 'manifest' | 'mqtt' | 'request'>
  readonly storage: Pick<Storage, 'clips' | 'installation' | 'ledger' | 'outbox'>
  readonly status: StatusReader
  readonly notify: Notifier
  readonly mqtt: Pick<OpenedBroker, 'broker' | 'topics' | 'refused'>
  /** What `bridge/info` shows of the program. */
  readonly shown: Pick<BridgeInfo, 'version' | 'settings'> & { readonly logLevel: () => LogLevel }
  /** Absent where nobody reads the topics by documents of its own. */
  readonly reader: TopicReader | undefined
  /** Carries out commands; absent where none are taken. */
  readonly handle: ((command: Command) => Promise<CommandResult>) | undefined
}

export interface Publishing {
  /** To be notified of results. */
  readonly observers: readonly Observer[]
  /** Resolves when all state that waits now has been acknowledged. */
  settled(): Promise<void>
  /** Ends; work items that are not acknowledged then stay in the outbox. */
  close(): Promise<void>
}

/** Starts to publish on each connection. */
export function openPublishing(needs: PublishingNeeds): Publishing {
  const { settings, storage, status, notify, reader, clock, log, fail } = needs
  const { broker, topics, refused } = needs.mqtt
  const stopping = new AbortController()
  const { signal } = stopping
  const modulesToo = settings.mqtt.topics === 'all'
  const ttlMs = settings.request.ttlSeconds * 1000
  const { ledger, outbox, installation } = storage
  const { installId } = installation
  const startedAt = thisMoment(clock)
  const { version, settings: shownSettings, logLevel } = needs.shown
  const info = () =>
    bridgeInfo(topics, {
      ...{ version, installId, startedAt: startedAt() },
      settings: shownSettings,
      nextTickAt: status.nextRuns()[0],
      logLevel: logLevel(),
    })
  const common = { topics, modulesToo, refused, clock, log, fail }
  const limited = rateLimited(broker, clock, (topic) => {
    log.info({ topic }, 'event rate limit exceeded, dropping events')
  })
  const { mediaPrefix } = settings.clips
  const retained = publishRetained(
    {
      ...{ ...common, publisher: broker, bridgeInfo: info, status, ledger, reader },
      ...{ cameras: storage.clips, mediaPrefix },
    },
    signal,
  )
  const isConnected = () => broker.state.connected
  const events = publishEvents({ ...common, publisher: limited, isConnected, ttlMs }, signal)
  const delivering = deliver(
    {
      outbox,
      publisher: withoutSpareEvents(limited, refused),
      messagesFor(event) {
        const now = clock.now()
        if (event.kind !== 'manifest_requested')
          return clipMessages(topics, event, { mediaPrefix, modulesToo, now })
        const { body } = event
        const workItem = workItemMessage(topics, body, now)
        return modulesToo ? [workItem, requestedEvent(topics, body, now)] : [workItem]
      },
      delivered: notify.eventDelivered,
      expired: notify.eventsExpired,
      clock,
      log,
    },
    signal,
  )
  delivering.catch(fail)
  const expired = (key: Parameters<Notifier['moduleChanged']>[0]) => notify.moduleChanged(key, 'expired')
  watchExpiry({ ledger, expired, ttlMs, clock }, signal).catch(fail)

  let connections = 0
  /** Whether the documents, and `bridge/state`, were published on the present connection. */
  let [isDocumented, isAnnounced] = [false, false]
  let connecting: Promise<void> = Promise.resolve()

  async function publishAll(): Promise<void> {
    const mine = ++connections
    const isLast = () => mine === connections && !signal.aborted
    await retained.publishAll()
    await retained.settled()
    // Of connections that come and go, only the last one goes on.
    if (!isDocumented && isLast()) {
      await reader?.publishDocuments()
      if (isLast()) isDocumented = true
      // A daemon that followed manifests until now has left topics of them.
      if (needs.handle && !followsManifests(settings) && isLast()) await clearUnfollowed()
    }
    if (isLast()) await announce()
  }

  /** After the documents, which read it no longer: Home Assistant logs an error for each empty topic that one reads. */
  async function clearUnfollowed(): Promise<void> {
    if (!modulesToo) return
    try {
      for (const key of await storage.clips.followed()) {
        await broker.publish(plain(`${topics.module(key)}/clips`, ''), signal)
      }
    } catch (error) {
      if (!(error instanceof PublishRefused || error instanceof StoreFailed)) throw error
      log.warn({ detail: error.message, remedy: error.remedy }, 'what is left of clips could not be cleared')
    }
  }

  async function announce(): Promise<void> {
    try {
      await broker.announce(signal)
      isAnnounced = broker.state.connected
    } catch (error) {
      if (!(error instanceof PublishRefused)) throw error
      refused(topics.bridgeState, error, 'broker refused a state topic')
    }
  }

  function unlessStopped(error: unknown): void {
    if (!signal.aborted) fail(error)
  }

  function publishAgain(): void {
    connecting = publishAll().catch(unlessStopped)
    connecting.then(() => reader?.removeOrphans()).catch(unlessStopped)
  }

  broker.onState((state) => {
    notify.connectionChanged(state)
    if (!state.connected) isAnnounced = false
  })
  broker.onConnect(() => {
    isDocumented = false
    publishAgain()
  })
  if (needs.handle) subscribeCommands({ topics, broker, handle: needs.handle, clock, log, fail }, signal)
  const announceAgain = () => {
    if (isAnnounced) announce().catch(unlessStopped)
  }
  const repaired = { publisher: broker, broker, status, bridgeInfo: info, retained, mediaPrefix }
  const repair = needs.handle
    ? openRepair({ ...common, ...repaired, announce: announceAgain }, signal)
    : undefined
  const subscribe: Broker['subscribe'] = (filter, listener) =>
    broker.subscribe(filter, listener, { noLocal: true })
  watchForOthers({ topics, installId, subscribe, heard: (id) => repair?.other(id), clock, log })

  return {
    observers: [retained, events, { republishRequested: publishAgain }],
    async settled() {
      await connecting
      await retained.settled()
    },
    async close() {
      // Ended before the broker is left, so that nothing new is handed to it after `offline`.
      stopping.abort(new Error('stopped'))
      await delivering.catch(() => undefined)
    },
  }
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
