/**
 * The conversation with Home Assistant: who is told what when.
 *
 * On each connection: everything retained, the documents, and that the bridge is online last. Retained states wait
 * for the entities at the broker, so none is said twice, but for those of a document that is new: after two seconds
 * these follow, for an entity that is made over waits for the next word. After Home Assistant's own start: the
 * documents, and two seconds later everything. What is removed loses its document first and its topics after that,
 * or Home Assistant would log an error for each empty topic. Switched off or moved to another prefix, what was said
 * before is removed once.
 */

import type { Account } from '../accounts/account.ts'
import type { Settings } from '../config/load.ts'
import type { Clock } from '../domain/clock.ts'
import { isWanted } from '../domain/eligibility.ts'
import { StoreFailed } from '../domain/errors.ts'
import { type BlinkId, keyOf, type ModuleChanges, type ModuleKey } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import type { Broker } from '../mqtt/client.ts'
import type { TellRefusal } from '../mqtt/refusals.ts'
import { openAnnounced } from '../storage/discovery-prefix.ts'
import type { Stores } from '../storage/open.ts'
import type { Retained } from '../topics/retained.ts'
import type { Topics } from '../topics/topics.ts'
import { awaitBirths } from './birth.ts'
import { accountComponent, bridgeDevice } from './bridge-entities.ts'
import { type Discovery, type DiscoveryNeeds, keepDiscovered } from './discovery.ts'
import { bridgeId, discoveryFilter, moduleId } from './documents.ts'
import { findGhosts } from './ghosts.ts'
import { moduleDevice } from './module-entities.ts'

export interface HomeAssistantNeeds {
  readonly settings: Settings
  readonly stores: Stores
  readonly version: string
  readonly accounts: () => readonly Account[]
  readonly topics: Topics
  readonly broker: Broker
  readonly retained: Retained
  readonly refused: TellRefusal
  readonly clock: Clock
  readonly log: Log
  /** Told of what nobody expected. */
  readonly fail: (error: unknown) => void
}

export interface HomeAssistant {
  /** The retained topics, with Home Assistant told of what comes, changes and goes. */
  readonly retained: Retained
  /** False while a module's device stands in the way of clearing its topics; it is removed then, and they follow. */
  moduleUnread(key: ModuleKey): boolean
  /** The same of an account's entities. */
  accountUnread(accountId: BlinkId): boolean
  /** The cloud has given an account's list of modules. */
  listed(accountId: BlinkId, changes: ModuleChanges): void
  /** A person wants everything looked at again: brings back what was deleted in Home Assistant. */
  rescanned(): void
}

/** Starts to listen and, on each connection, to speak. */
export function openHomeAssistant(needs: HomeAssistantNeeds, signal: AbortSignal): HomeAssistant {
  const { settings, stores, accounts, broker, retained, clock, log, fail } = needs
  const { enabled, prefix, statusTopic } = settings.homeAssistant
  const announced = openAnnounced(settings.dataDir)
  const wanted = enabled && settings.mqtt.topics === 'all'
  const common = {
    publisher: broker,
    refused: needs.refused,
    clock,
    log,
    fail,
    restate: (key: Parameters<Discovery['module']>[0]) => retained.module(key, 'identity'),
  }
  const { installId } = stores.install
  const discovering = { prefix, installId, version: needs.version }

  /** Takes back what stands below a prefix that is no longer ours. */
  async function withdraw(old: string): Promise<void> {
    const nothing = {
      bridge: () => undefined,
      modules: () => [],
      module: () => undefined,
      complete: () => true,
    }
    const past = keepDiscovered(
      { ...common, ...nothing, discovering: { ...discovering, prefix: old } },
      signal,
    )
    const end = broker.subscribe(discoveryFilter(old), past.heard)
    await past.introduce()
    await past.sweep()
    end()
  }

  /** What was said before and where, put in order once a broker is there. */
  async function settlePast(): Promise<void> {
    await broker.connected(signal)
    const old = await announced.prefix()
    if (old !== undefined && !(wanted && old === prefix)) await withdraw(old)
    if (signal.aborted) return
    if (wanted && old !== prefix) await announced.keep(prefix)
    if (!wanted && old !== undefined) await announced.forget()
  }

  let isPastSettled = false
  const past = settlePast()
    .catch((error: unknown) => {
      if (signal.aborted) return
      if (!(error instanceof StoreFailed)) return fail(error)
      log.error({ detail: error.message, remedy: error.remedy }, 'cannot keep what Home Assistant was told')
    })
    .then(() => {
      isPastSettled = true
    })
  const removing = new Set<string>()
  /** Does the work once at a time for each name; what follows comes after it. */
  const remove = (name: string, work: () => Promise<void>, next: () => void) => {
    if (removing.has(name)) return
    removing.add(name)
    const done = work().finally(() => removing.delete(name))
    done.then(next).catch((error: unknown) => signal.aborted || fail(error))
  }
  if (!wanted) {
    broker.onConnect(() => retained.all())
    const unread = (name: string, next: () => void) => {
      if (!isPastSettled) remove(name, () => past, next)
      return isPastSettled
    }
    return {
      retained,
      moduleUnread: (key) => unread(keyOf(key), () => retained.module(key, 'identity')),
      accountUnread: (accountId) => unread(accountId, () => retained.account(accountId)),
      listed: () => undefined,
      rescanned: () => undefined,
    }
  }

  const listed = new Set<BlinkId>()
  const complete = () => {
    const all = accounts()
    const known = ({ accountId, state }: Account) =>
      accountId !== undefined && state.status === 'ok' && listed.has(accountId)
    return all.length > 0 && all.every(known)
  }
  let severalNetworks = false
  const made = devices(needs, discovering, () => severalNetworks)
  const discovery = keepDiscovered({ ...common, ...made, discovering, complete }, signal)
  const bridge = bridgeId(installId)

  /** Names all devices anew where the first network got company, or lost it. */
  const countNetworks = () => {
    const keys = knownKeys(needs)
    const networks = new Set(keys?.map(({ accountId, networkId }) => `${accountId}/${networkId}`))
    if (!keys || networks.size > 1 === severalNetworks) return
    severalNetworks = networks.size > 1
    for (const key of keys) discovery.module(key)
  }

  let greetings = 0
  const greet = async () => {
    const mine = ++greetings
    retained.everything()
    await retained.settled()
    // Of connections that come and go, the last one is greeted.
    if (mine !== greetings || signal.aborted) return
    countNetworks()
    await discovery.introduce()
    if (mine !== greetings || signal.aborted) return
    retained.birth()
    await discovery.sweep()
  }
  const answer = async () => {
    await discovery.introduce()
    await discovery.made()
    if (!signal.aborted) retained.all()
  }
  broker.subscribe(discoveryFilter(prefix), discovery.heard)
  broker.subscribe(statusTopic, awaitBirths({ answer: () => void answer().catch(fail), clock }, signal))
  broker.onConnect(() => void greet().catch(fail))
  const subscribe: Broker['subscribe'] = (...wanted) => broker.subscribe(...wanted)
  const ghosts = { topics: needs.topics, installId, prefix, subscribe, clock, log }
  findGhosts(ghosts, broker.connected(signal), signal).catch(
    (error: unknown) => signal.aborted || fail(error),
  )

  return {
    retained: {
      ...retained,
      account(accountId) {
        retained.account(accountId)
        void discovery.bridge()
      },
      modulesOf(accountId) {
        retained.modulesOf(accountId)
        if (hasLeft(needs, accountId)) countNetworks()
      },
      module(key, news) {
        retained.module(key, news)
        if (news === 'identity') discovery.module(key)
      },
    },
    moduleUnread(key) {
      if (!discovery.holds(moduleId(installId, key))) return true
      remove(
        keyOf(key),
        () => discovery.clear(key),
        () => retained.module(key, 'identity'),
      )
      return false
    },
    accountUnread(accountId) {
      if (!discovery.holds(bridge, accountComponent(accountId))) return true
      remove(
        accountId,
        () => discovery.known().then(() => discovery.bridge()),
        () => retained.account(accountId),
      )
      return false
    },
    listed(accountId, { found, gone }) {
      listed.add(accountId)
      if (found.length + gone.length > 0) countNetworks()
      discovery.sweep().catch(fail)
    },
    rescanned() {
      discovery
        .restore()
        .then(() => retained.all())
        .catch(fail)
    },
  }
}

/** Whether the account's login is gone; not to be told while an account's id is still to be learned. */
function hasLeft({ accounts }: HomeAssistantNeeds, id: BlinkId): boolean {
  return accounts().every(({ accountId }) => accountId !== undefined && accountId !== id)
}

/** The modules that are to have a device, or `undefined` where the disk cannot tell. */
function knownKeys(needs: HomeAssistantNeeds): readonly ModuleKey[] | undefined {
  const { settings, stores, log } = needs
  const left = new Map<BlinkId, boolean>()
  const isHere = ({ accountId }: ModuleKey) => {
    const known = left.get(accountId) ?? hasLeft(needs, accountId)
    left.set(accountId, known)
    return !known
  }
  try {
    return stores.ledger.keys().filter((key) => isHere(key) && isWanted(key, settings.modules))
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
    log.error({ detail: error.message, remedy: error.remedy }, 'cannot read which networks there are')
    return undefined
  }
}

/** The devices of this daemon as they are now. */
function devices(
  needs: HomeAssistantNeeds,
  discovering: DiscoveryNeeds['discovering'],
  severalNetworks: () => boolean,
): Pick<DiscoveryNeeds, 'bridge' | 'modules' | 'module'> {
  const { settings, stores, accounts, topics } = needs
  const { ledger } = stores
  return {
    bridge: () =>
      bridgeDevice(
        topics,
        discovering,
        accounts().flatMap(({ accountId }) => accountId ?? []),
      ),
    modules: () => ledger.keys(),
    module(key) {
      const record = ledger.read(key)
      if (!record || !isWanted(record.module, settings.modules)) return undefined
      if (hasLeft(needs, key.accountId)) return undefined
      return moduleDevice(topics, discovering, record.module, severalNetworks())
    },
  }
}
