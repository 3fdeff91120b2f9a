/**
 * Home Assistant: which documents it is given, and when.
 *
 * On each connection: the documents, when everything retained is published, and that the bridge is online after them.
 * Retained states wait for the entities at the broker, so none is published twice, but for those of a document that is
 * new: after two seconds these follow, for an entity that is made over waits for the next message. After Home
 * Assistant's own start: the documents, and two seconds later everything. What is removed loses its document first
 * and its topics after that, or Home Assistant would log an error for each empty topic. Switched off or moved to
 * another prefix, the documents of before are removed once.
 */
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { BlinkId, ModuleKey } from '../domain/model.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { Log, Observer, StatusReader, Storage } from '../domain/ports.ts'
import type { Broker } from '../mqtt/client.ts'
import type { TellRefusal } from '../mqtt/refusals.ts'
import type { TopicReader } from '../topics/retained.ts'
import type { Topics } from '../topics/topics.ts'
import { awaitBirths } from './birth.ts'
import { accountComponent, bridgeDevice } from './bridge-entities.ts'
import { type DiscoveryNeeds, keepDiscovered } from './discovery.ts'
import { bridgeId, discoveryFilter, moduleId } from './documents.ts'
import { findGhosts } from './ghosts.ts'
import { moduleDevice } from './module-entities.ts'

export interface HomeAssistantNeeds {
  readonly settings: Pick<Settings, 'homeAssistant' | 'mqtt'>
  readonly storage: Pick<Storage, 'installation' | 'discoveryPrefix'>
  readonly version: string
  readonly status: StatusReader
  readonly notify: Notifier
  readonly topics: Topics
  readonly broker: Broker
  readonly refused: TellRefusal
  readonly clock: Clock
  readonly log: Log
  /** Called with what nobody expected. */
  readonly fail: (error: unknown) => void
}

export interface HomeAssistant {
  readonly reader: TopicReader
  readonly observer: Observer
}

/** Starts to listen to Home Assistant; publishes when its reader is introduced. */
export function openHomeAssistant(needs: HomeAssistantNeeds, signal: AbortSignal): HomeAssistant {
  const { settings, storage, status, notify, broker, clock, log, fail } = needs
  const { enabled, prefix, statusTopic } = settings.homeAssistant
  const wanted = enabled && settings.mqtt.topics === 'all'
  const { installId } = storage.installation
  const discovered = (key: ModuleKey) => notify.moduleChanged(key, 'discovered')
  const common = { publisher: broker, refused: needs.refused, clock, log, fail, discovered }
  const discovering = { prefix, installId, version: needs.version }
  const past = settlePast()
  const isIgnored = (error: unknown) => signal.aborted || fail(error)

  if (!wanted) {
    // Documents of before go first, where there are any.
    const reader = {
      introduce: async () => undefined,
      sweep: async () => undefined,
      beforeClearing: () => past,
    }
    return { reader, observer: { rescanRequested: notify.republishRequested } }
  }

  const listed = new Set<BlinkId>()
  let severalNetworks = false
  const complete = async () => {
    const accounts = await status.accounts()
    const isListed = accounts.every(({ accountId }) => listed.has(accountId))
    return accounts.length > 0 && isListed && status.isComplete()
  }
  const devices = devicesOf(needs, discovering, () => severalNetworks)
  const discovery = keepDiscovered({ ...common, ...devices, discovering, complete }, signal)

  /** The modules whose devices get another name, because the first network got company, or lost it. */
  async function countNetworks(): Promise<readonly ModuleKey[]> {
    const keys = await status.moduleKeys()
    const networks = new Set(keys.map(({ accountId, networkId }) => `${accountId}/${networkId}`))
    if (networks.size > 1 === severalNetworks) return []
    severalNetworks = networks.size > 1
    return keys
  }
  function recount(): void {
    const rename = async () => {
      for (const key of await countNetworks()) discovery.module(key)
    }
    rename().catch((error: unknown) => {
      if (!(error instanceof StoreFailed)) return isIgnored(error)
      log.error({ detail: error.message, remedy: error.remedy }, 'cannot read which networks there are')
    })
  }

  const birth = async () => {
    await discovery.introduce()
    await discovery.made()
    if (!signal.aborted) notify.republishRequested()
  }
  broker.subscribe(discoveryFilter(prefix), discovery.heard)
  const subscribe: Broker['subscribe'] = (...wanted) => broker.subscribe(...wanted)
  const ghosts = { topics: needs.topics, installId, prefix, subscribe, clock, log }
  findGhosts(ghosts, broker.connected(signal), signal).catch(isIgnored)
  broker.subscribe(statusTopic, awaitBirths({ answer: () => void birth().catch(isIgnored), clock }, signal))

  return {
    reader: {
      async introduce() {
        await countNetworks()
        await discovery.introduce()
      },
      sweep: () => discovery.sweep(),
      async beforeClearing(removed) {
        if (typeof removed !== 'string') {
          if (discovery.holds(moduleId(installId, removed))) await discovery.clear(removed)
        } else if (discovery.holds(bridgeId(installId), accountComponent(removed))) {
          await discovery.known()
          await discovery.bridge()
        }
      },
    },
    observer: {
      modulesListed(accountId, { found, gone, altered }) {
        listed.add(accountId)
        for (const key of altered) discovery.module(key)
        if (found.length + gone.length > 0) recount()
      },
      accountRunFinished() {
        discovery.sweep().catch(isIgnored)
      },
      accountChanged() {
        void discovery.bridge()
      },
      accountRemoved() {
        void discovery.bridge()
        recount()
      },
      rescanRequested() {
        discovery.restore().then(notify.republishRequested, isIgnored)
      },
    },
  }

  /** Removes the documents below a prefix that is no longer ours, once a broker is there. */
  async function settlePast(): Promise<void> {
    try {
      await broker.connected(signal)
      const old = await storage.discoveryPrefix.prefix()
      if (old !== undefined && !(wanted && old === prefix)) await withdraw(old)
      if (signal.aborted) return
      if (wanted && old !== prefix) await storage.discoveryPrefix.keep(prefix)
      if (!wanted && old !== undefined) await storage.discoveryPrefix.forget()
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof StoreFailed)) return fail(error)
      log.error({ detail: error.message, remedy: error.remedy }, 'cannot store the discovery prefix')
    }
  }

  async function withdraw(old: string): Promise<void> {
    const nothing = {
      bridge: async () => undefined,
      modules: async () => [],
      module: async () => undefined,
      complete: async () => true,
    }
    const former = { ...discovering, prefix: old }
    const past_ = keepDiscovered({ ...common, ...nothing, discovering: former }, signal)
    const end = broker.subscribe(discoveryFilter(old), past_.heard)
    await past_.introduce()
    await past_.sweep()
    end()
  }
}

/** The devices of this daemon as they are now. */
function devicesOf(
  { status, topics }: Pick<HomeAssistantNeeds, 'status' | 'topics'>,
  discovering: DiscoveryNeeds['discovering'],
  severalNetworks: () => boolean,
): Pick<DiscoveryNeeds, 'bridge' | 'modules' | 'module'> {
  return {
    async bridge() {
      const accounts = await status.accounts()
      return bridgeDevice(
        topics,
        discovering,
        accounts.map(({ accountId }) => accountId),
      )
    },
    modules: () => status.moduleKeys(),
    async module(key) {
      const snapshot = await status.module(key)
      return snapshot && moduleDevice(topics, discovering, snapshot.record.module, severalNetworks())
    },
  }
}

/**
 * For a single run, which publishes no documents: where a daemon has published some, the topics that they read are
 * left to it.
 */
export async function leaveToDaemon(
  { discoveryPrefix }: Pick<Storage, 'discoveryPrefix'>,
  log: Log,
): Promise<TopicReader | undefined> {
  try {
    if ((await discoveryPrefix.prefix()) === undefined) return undefined
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
    log.error({ detail: error.message, remedy: error.remedy }, 'cannot read the discovery prefix')
    return undefined
  }
  const never = new Promise<never>(() => undefined)
  return { introduce: async () => undefined, sweep: async () => undefined, beforeClearing: () => never }
}
