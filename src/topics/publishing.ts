/**
 * Everything that faces the broker: the connection, the outbox's delivery, the retained topics, the events.
 */

import type { Account } from '../accounts/account.ts'
import type { Settings } from '../config/load.ts'
import type { Clock } from '../domain/clock.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import type { ModuleKey, TickReport, WorkItem } from '../domain/model.ts'
import type { Log, LogLevel, Publisher } from '../domain/ports.ts'
import { openHomeAssistant } from '../homeassistant/publisher.ts'
import { type Broker, connectBroker } from '../mqtt/client.ts'
import type { EmbeddedBroker } from '../mqtt/embedded.ts'
import { refusalTeller, type TellRefusal } from '../mqtt/refusals.ts'
import { deliver } from '../outbox/delivery.ts'
import { watchEnds } from '../outbox/ends.ts'
import { openAnnounced } from '../storage/discovery-prefix.ts'
import type { Stores } from '../storage/open.ts'
import { workItemMessages } from './events.ts'
import { moduleIdentity, moduleProgress } from './module-topics.ts'
import { type Onlookers, watch } from './onlookers.ts'
import { watchForOthers } from './other-installation.ts'
import { spaced } from './rate-limiter.ts'
import { openRepair } from './repair.ts'
import { keepRetained, offline, online, type Retained, type RetainedNeeds } from './retained.ts'
import { retainedSources } from './retained-sources.ts'
import { type Topics, topicsBelow } from './topics.ts'

export interface PublishingNeeds {
  readonly settings: Settings
  readonly stores: Stores
  /** The settings as `bridge/info` may show them, without secrets. */
  readonly shownSettings: Readonly<Record<string, unknown>>
  readonly version: string
  /** Whether to be there for others: discovered by Home Assistant, and commanded. */
  readonly attended: boolean
  /** The level as it is now. */
  readonly logLevel: () => LogLevel
  readonly accounts: () => readonly Account[]
  /** An account's moment after a slot, in milliseconds. */
  readonly offsetOf: (account: string) => number
  /** The next two slots, in milliseconds since the epoch. */
  readonly slots: () => readonly number[]
  readonly delivered: ((item: WorkItem) => void) | undefined
  /** Told of what nobody expected. */
  readonly fail: (error: unknown) => void
  readonly clock: Clock
  readonly log: Log
}

export interface Publishing {
  readonly broker: Broker
  readonly embedded: EmbeddedBroker | undefined
  readonly retained: Retained
  readonly onlookers: Onlookers
  readonly topics: Topics
  /** An account's tick is over. */
  ticked(report: TickReport): void
  /** A person wants everything looked at again. */
  rescanned(): void
  /** Publishes `offline` and ends; what is not acknowledged then stays in the outbox. */
  close(): Promise<void>
}

/** How long the goodbye to a broker may take. */
const goodbyeMs = 1_500

/**
 * Starts to connect and to deliver.
 *
 * @throws ConfigInvalid when the broker's settings cannot be used or the built-in broker cannot listen
 */
export async function openPublishing(needs: PublishingNeeds): Promise<Publishing> {
  const { settings, stores, accounts, clock, log, fail } = needs
  const { mqtt } = settings
  const embedded = mqtt.url === 'embedded' ? await embed(settings, log) : undefined
  const topics = topicsBelow(mqtt.baseTopic)
  const { ca, cert, key, username, password } = mqtt
  const broker = connectBroker({
    ...(embedded ? { url: embedded.url, protocol: embedded.protocol } : { url: mqtt.url, ca, cert, key }),
    username,
    password,
    // At most 23 letters and digits: a broker need take no others.
    clientId: mqtt.clientId ?? `blinkmanifestd${stores.install.installId}`,
    will: { topic: topics.bridgeState, payload: offline },
    birth: online,
    clock,
    log,
  })
  const stopping = new AbortController()
  const modulesToo = mqtt.topics === 'all'
  const ttlMs = settings.request.ttlSeconds * 1000
  const refused = refusalTeller(clock, log)
  const common = { topics, publisher: broker, modulesToo, refused, clock, log }
  /** Whether `bridge/state` was published on the present connection. */
  let born = false
  broker.onState(({ connected }) => {
    if (!connected) born = false
  })
  const announce = async (signal: AbortSignal) => {
    await broker.announce(signal)
    born = broker.state.connected
  }
  const sources = retainedSources(needs, topics)
  // A single run removes no device, so it leaves what devices may read to the daemon.
  const isUnread = needs.attended || (await announcedPrefix(settings, log)) === undefined
  const unread: Pick<RetainedNeeds, 'moduleUnread' | 'accountUnread'> = {
    moduleUnread: (key) => assistant?.moduleUnread(key) ?? isUnread,
    accountUnread: (accountId) => assistant?.accountUnread(accountId) ?? isUnread,
  }
  const kept = keepRetained(
    { ...common, ...sources, ...unread, announce, now: () => clock.now() },
    stopping.signal,
  )
  const assistant = needs.attended
    ? openHomeAssistant({ ...needs, topics, broker, refused, retained: kept }, stopping.signal)
    : undefined
  const retained = assistant?.retained ?? kept
  const events = spaced(broker, clock, (topic) => {
    log.info({ topic }, 'more events at once than rules can follow: the rest of them is not published')
  })
  const onlookers = watch({
    ...common,
    publisher: events,
    retained,
    connected: () => broker.state.connected,
    isRepeated: (key) => isRepeated(stores, key),
    ttlMs,
    signal: stopping.signal,
  })
  const delivering = deliver(
    {
      outbox: stores.outbox,
      publisher: workItemsFirst(events, refused),
      messagesFor: (item) => {
        const messages = workItemMessages(topics, item, clock.now())
        return modulesToo ? messages : messages.slice(0, 1)
      },
      clock,
      log: withoutRefusals(log),
      ...(needs.delivered && { delivered: needs.delivered }),
    },
    stopping.signal,
  )
  delivering.catch(fail)
  const ended = (key: ModuleKey) => retained.module(key, 'end')
  const { items } = stores
  watchEnds({ items, ended, ttlMs, clock }, stopping.signal).catch(fail)
  const { installId } = stores.install
  const subscribe: Broker['subscribe'] = (filter, listener) =>
    broker.subscribe(filter, listener, { noLocal: true })
  const repair = needs.attended
    ? openRepair(
        {
          ...common,
          broker,
          infoNow: sources.bridgeInfo,
          accountNow: (id) =>
            accounts().some((one) => one.accountId === id) ? sources.account(id) : undefined,
          moduleNow(key) {
            const view = sources.view(key)
            const when = { now: clock.now(), everything: true, ended: true }
            return view ? [...moduleIdentity(topics, view), ...moduleProgress(topics, view, when)] : []
          },
          sayState: () => {
            if (born) announce(stopping.signal).catch(() => undefined)
          },
          sayInfo: kept.bridge,
          sayAccount: kept.account,
          sayModule: (key) => kept.module(key, 'identity'),
        },
        stopping.signal,
      )
    : undefined
  watchForOthers({ topics, installId, subscribe, heard: (id) => repair?.other(id), clock, log })
  if (!assistant) broker.onConnect(() => retained.all())

  return {
    broker,
    embedded,
    retained,
    topics,
    onlookers,
    ticked({ accountId, changes }) {
      if (changes) assistant?.listed(accountId, changes)
    },
    rescanned: () => assistant?.rescanned(),
    async close() {
      // Cut before the goodbye, so that nothing new is handed to the broker after `offline`.
      stopping.abort(new Error('stopped'))
      await delivering.catch(() => undefined)
      await broker.close({ deadlineMs: goodbyeMs })
      await embedded?.close()
    },
  }
}

/** Below which topic the daemon of this data directory has announced devices, as far as the disk can tell. */
async function announcedPrefix({ dataDir }: Settings, log: Log): Promise<string | undefined> {
  try {
    return await openAnnounced(dataDir).prefix()
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
    log.error({ detail: error.message, remedy: error.remedy }, 'cannot read which devices were announced')
    return undefined
  }
}

/** A disk that cannot tell makes one event more than needed, no less. */
function isRepeated({ ledger }: Stores, key: ModuleKey): boolean {
  try {
    return ledger.read(key)?.lastSkip?.repeated ?? false
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
    return false
  }
}

/** A quota that is full may have room again soon; every other refusal of an event is for long. */
const quotaExceeded = 0x97

/**
 * The way to the broker for the outbox.
 *
 * A work item and its event are published side by side, and sent again together until both are taken. Where a user
 * may not write events, that would be for ever: the work item, which has arrived, must not be held up by it.
 */
function workItemsFirst(publisher: Publisher, refused: TellRefusal): Publisher {
  return {
    async publish(message, signal) {
      try {
        await publisher.publish(message, signal)
      } catch (error) {
        if (!(error instanceof PublishRefused)) throw error
        const spare = message.durable !== true && error.reasonCode !== quotaExceeded
        const what = spare ? 'broker refused an event' : 'broker refused a request id, trying again later'
        refused(message.topic, error, what)
        if (!spare) throw error
      }
    },
  }
}

/** The delivery's log without what it says of each refusal: that has been told, once for all modules. */
function withoutRefusals(log: Log): Log {
  return {
    ...log,
    warn: (fields, message) => log['reason_code' in fields ? 'debug' : 'warn'](fields, message),
  }
}

/** Loaded only where it is wanted: most have a broker of their own. */
async function embed({ mqtt }: Settings, log: Log): Promise<EmbeddedBroker> {
  const { startEmbeddedBroker } = await import('../mqtt/embedded.ts')
  const { listen, username, password } = mqtt
  return startEmbeddedBroker({ host: listen.host, port: listen.port, username, password, log })
}
