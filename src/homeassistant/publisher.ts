/**
 * Home Assistant: which discovery documents are published, and when.
 *
 * On each connection: the documents, when everything retained is published, and `bridge/state` after them. The broker
 * keeps retained states for the entities, so none is published twice, except those of a document that is new: they
 * follow after two seconds, because an entity that is made over waits for the next message. After Home Assistant's own
 * start: the documents, and two seconds later everything. When something is removed, its document goes first and its
 * topics after it, or Home Assistant would log an error for each empty topic. When discovery is switched off or moved
 * to another prefix, the earlier documents are removed once.
 */
import { followsManifests, type Settings } from '../config/settings.ts'
import type { ClipCamera } from '../domain/clip.ts'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { BlinkId, ModuleKey } from '../domain/model.ts'
import type { Notifier } from '../domain/notifier.ts'
import type { Log, Observer, Runtime, StatusReader, Storage } from '../domain/ports.ts'
import type { Broker, Incoming } from '../mqtt/client.ts'
import type { OpenedBroker } from '../topics/broker.ts'
import type { TopicReader } from '../topics/retained.ts'
import { accountComponent, bridgeDevice } from './bridge-entities.ts'
import { cameraDevice } from './camera-entities.ts'
import { type DiscoveryNeeds, keepDiscovered, type WantedDevices } from './discovery.ts'
import { cameraId, discoveryFilter } from './documents.ts'
import { moduleDevice } from './module-entities.ts'
import { findStaleDevices } from './stale-devices.ts'

/** Between two answers to birth messages, and how long each waits. */
const quietMs = 10_000
const leastWaitMs = 1_000
const mostWaitMs = 10_000
const birth = 'online'
/** How often it is looked what cameras other instances have found. */
const cameraLookMs = 60_000

export interface HomeAssistantNeeds extends Runtime {
  readonly settings: Pick<Settings, 'clips' | 'homeAssistant' | 'manifest' | 'mqtt'>
  readonly storage: Pick<Storage, 'clips' | 'installation' | 'discoveryPrefix'>
  readonly version: string
  readonly status: StatusReader
  readonly notify: Notifier
  readonly mqtt: Pick<OpenedBroker, 'broker' | 'topics' | 'refused'>
  /** Whether other instances list modules as well: storage knows then what they found. */
  readonly isShared?: boolean
}

export interface HomeAssistant {
  readonly reader: TopicReader
  readonly observer: Observer
}

/** Starts to listen to Home Assistant; publishes when its reader is called. */
export function openHomeAssistant(needs: HomeAssistantNeeds, signal: AbortSignal): HomeAssistant {
  const { settings, storage, status, notify, clock, log } = needs
  const { broker, topics, refused } = needs.mqtt
  const { enabled, prefix, statusTopic } = settings.homeAssistant
  const isWanted = enabled && settings.mqtt.topics === 'all'
  const { installId } = storage.installation
  const discovered = (key: ModuleKey) => notify.moduleChanged(key, 'discovered')
  const common = { publisher: broker, refused, clock, log, fail: needs.fail, discovered }
  const discovering = { prefix, installId, version: needs.version }
  const fail = (error: unknown) => void (signal.aborted || needs.fail(error))
  const earlierRemoved = removeEarlier()

  if (!isWanted) {
    return {
      reader: { ...noDocuments, beforeClearing: () => earlierRemoved },
      observer: { rescanRequested: notify.republishRequested },
    }
  }

  /** Accounts whose modules are known to be all that there are. */
  const listed = new Set<BlinkId>()
  /** Accounts that were removed; their documents went with them. */
  const removed = new Set<BlinkId>()
  let hasSeveralNetworks = false
  let isLooking = false
  const complete = async () => {
    const accounts = await status.accounts()
    const isListed = needs.isShared || accounts.every(({ accountId }) => listed.has(accountId))
    return accounts.length > 0 && isListed && status.isComplete()
  }
  const wanted = devicesOf(needs, discovering, { severalNetworks: () => hasSeveralNetworks, complete })
  const discovery = keepDiscovered({ ...common, wanted, discovering }, signal)

  async function unlessUnreadable(work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (!(error instanceof StoreFailed)) return fail(error)
      log.error({ detail: error.message, remedy: error.remedy }, 'cannot read which networks there are')
    }
  }

  /** The modules whose devices get another name, because a second network was found or only one is left. */
  async function countNetworks(): Promise<readonly ModuleKey[]> {
    const keys = await status.moduleKeys()
    const networks = new Set(keys.map(({ accountId, networkId }) => `${accountId}/${networkId}`))
    if (networks.size > 1 === hasSeveralNetworks) return []
    hasSeveralNetworks = networks.size > 1
    return keys
  }

  async function renameDevices(): Promise<void> {
    for (const key of await countNetworks()) discovery.moduleChanged(key)
  }

  async function publishModulesOf(accountId: BlinkId): Promise<void> {
    for (const key of await status.moduleKeys(accountId)) discovery.moduleChanged(key)
  }

  /** Another instance may have saved a clip of a new camera; after a while, since all of them are read. */
  function lookForCameras(): void {
    if (isLooking) return
    isLooking = true
    clock.sleep(cameraLookMs, signal).then(
      () => {
        isLooking = false
        discovery.camerasChanged()
      },
      () => undefined,
    )
  }

  async function answerBirth(): Promise<void> {
    await discovery.publishAll()
    await discovery.made()
    if (!signal.aborted) notify.republishRequested()
  }

  broker.subscribe(discoveryFilter(prefix), discovery.heard)
  broker.subscribe(statusTopic, awaitBirths({ answer: () => void answerBirth().catch(fail), clock }, signal))
  const subscribe: Broker['subscribe'] = (...wanted) => broker.subscribe(...wanted)
  const watched = { topics, installId, prefix, subscribe, clock, log }
  findStaleDevices(watched, broker.connected(signal), signal).catch(fail)

  return {
    reader: {
      async publishDocuments() {
        await unlessUnreadable(countNetworks())
        await discovery.publishAll()
      },
      removeOrphans: () => discovery.removeOrphans(),
      beforeClearing(what) {
        if (typeof what === 'string') return discovery.clearComponent(accountComponent(what))
        return 'camera' in what
          ? discovery.clearCamera(cameraId(installId, what))
          : discovery.clearModule(what)
      },
    },
    observer: {
      modulesListed(accountId, { found, gone, altered }) {
        listed.add(accountId)
        for (const key of altered) discovery.moduleChanged(key)
        if (removed.delete(accountId)) void unlessUnreadable(publishModulesOf(accountId))
        if (found.length + gone.length > 0) void unlessUnreadable(renameDevices())
      },
      clipSaved: () => discovery.camerasChanged(),
      moduleChanged(_key, change) {
        if (change === 'elsewhere' && settings.clips.enabled) lookForCameras()
      },
      accountRunFinished() {
        discovery.removeOrphans().catch(fail)
      },
      accountChanged() {
        discovery.bridgeChanged()
        if (needs.isShared) discovery.removeOrphans().catch(fail)
      },
      accountRemoved(accountId) {
        removed.add(accountId)
        discovery.bridgeChanged()
        void unlessUnreadable(renameDevices())
      },
      rescanRequested() {
        discovery.restore().then(notify.republishRequested, fail)
      },
    },
  }

  /** Removes the documents below a prefix that is no longer ours, once a broker is there. */
  async function removeEarlier(): Promise<void> {
    try {
      await broker.connected(signal)
      const earlier = await storage.discoveryPrefix.prefix()
      if (earlier !== undefined && !(isWanted && earlier === prefix)) await removeBelow(earlier)
      if (signal.aborted) return
      if (isWanted && earlier !== prefix) await storage.discoveryPrefix.keep(prefix)
      if (!isWanted && earlier !== undefined) await storage.discoveryPrefix.forget()
    } catch (error) {
      if (!(error instanceof StoreFailed)) return fail(error)
      log.error({ detail: error.message, remedy: error.remedy }, 'cannot store the discovery prefix')
    }
  }

  async function removeBelow(earlier: string): Promise<void> {
    const wanted = {
      bridge: async () => undefined,
      modules: async () => [],
      module: async () => undefined,
      cameras: async () => [],
      complete: async () => true,
    }
    const below = { ...discovering, prefix: earlier }
    const discovery = keepDiscovered({ ...common, wanted, discovering: below }, signal)
    const end = broker.subscribe(discoveryFilter(earlier), discovery.heard)
    await discovery.publishAll()
    await discovery.removeOrphans()
    end()
  }
}

const noDocuments = { publishDocuments: async () => undefined, removeOrphans: async () => undefined }

/** The devices of this daemon as they are now. */
function devicesOf(
  { settings, storage, status, mqtt: { topics } }: HomeAssistantNeeds,
  discovering: DiscoveryNeeds['discovering'],
  { severalNetworks, complete }: { severalNetworks(): boolean; complete(): Promise<boolean> },
): WantedDevices {
  const { clips } = settings
  const follows = followsManifests(settings)
  async function unlessGone(camera: ClipCamera): Promise<ClipCamera | undefined> {
    return camera.moved || !(await status.module(camera)) ? undefined : camera
  }

  return {
    complete,
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
      return (
        snapshot &&
        moduleDevice(topics, discovering, snapshot.record.module, {
          severalNetworks: severalNetworks(),
          follows,
        })
      )
    },
    async cameras() {
      if (!clips.enabled) return []
      const found = await Promise.all((await storage.clips.cameras()).map(unlessGone))
      return found.flatMap((camera) => (camera ? cameraDevice(topics, discovering, camera) : []))
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
  return { ...noDocuments, beforeClearing: () => never }
}

interface BirthNeeds {
  readonly answer: () => void
  readonly clock: Clock
}

/**
 * Answers Home Assistant's birth messages until `signal` is aborted: after its start it needs everything again.
 *
 * A stored copy says nothing about now. All programs at the broker receive it at the same moment, so each waits for a
 * random time; a second one within ten seconds is answered, but not before these are over.
 */
export function awaitBirths({ answer, clock }: BirthNeeds, signal: AbortSignal): (message: Incoming) => void {
  let notBefore = Number.NEGATIVE_INFINITY
  let waiting = false
  return ({ payload, retain }) => {
    if (retain || waiting || payload.length > birth.length || Buffer.from(payload).toString() !== birth)
      return
    waiting = true
    const quietLeftMs = Math.max(0, notBefore - clock.elapsed())
    const waitMs = quietLeftMs + leastWaitMs + clock.random() * (mostWaitMs - leastWaitMs)
    notBefore = clock.elapsed() + quietLeftMs + quietMs
    clock.sleep(waitMs, signal).then(
      () => {
        waiting = false
        answer()
      },
      () => undefined,
    )
  }
}
