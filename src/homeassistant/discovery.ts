/**
 * The documents that Home Assistant discovers us by, over their life: said on each connection, again when they
 * change, removed when a device is gone, before the topics that it reads are cleared.
 *
 * Only ever touches documents whose topic, identifiers and origin are this installation's. What a person deleted
 * in Home Assistant stays deleted until a rescan or a restart. Everything runs one after another, because
 * Home Assistant may skip a second document of a device while it still works on the first.
 */
import type { Clock } from '../domain/clock.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import { keyOf, type Message, type ModuleKey } from '../domain/model.ts'
import type { Log, Publisher } from '../domain/ports.ts'
import type { Incoming } from '../mqtt/connection.ts'
import type { TellRefusal } from '../mqtt/refusals.ts'
import { type Copy, copier, printOf, readCopy } from './broker-copy.ts'
import {
  clearedDocument,
  type Device,
  type Discovering,
  discoveryDocument,
  isOurs,
  moduleId,
  objectIdOf,
  withMarkers,
} from './documents.ts'

export interface DiscoveryNeeds {
  readonly discovering: Discovering
  readonly publisher: Publisher
  /** Absent where every document is to be taken back. */
  readonly bridge: () => Promise<Device | undefined>
  readonly modules: () => Promise<readonly ModuleKey[]>
  /** `undefined` for a module that should have no device. */
  readonly module: (key: ModuleKey) => Promise<Device | undefined>
  /** Called for a module whose entities have just been made, and wait for its state. */
  readonly discovered: (key: ModuleKey) => void
  /** Whether all that is ours is known by now, so that what is not known is an orphan. */
  readonly complete: () => Promise<boolean>
  readonly refused: TellRefusal
  readonly clock: Clock
  readonly log: Log
  /** Told of what nobody expected. */
  readonly fail: (error: unknown) => void
}

export interface Discovery {
  /** A document of whomever, as the broker sent it. */
  heard(message: Incoming): void
  /** Says all documents; resolves when the broker has them. The states of what is new follow when they are made. */
  introduce(): Promise<void>
  /** Resolves when Home Assistant has had its time to make entities of all that was said. */
  made(): Promise<void>
  /** The bridge's own document may have changed; resolves when the broker has it as it is. */
  bridge(): Promise<void>
  /** A module's document may have changed. */
  module(key: ModuleKey): void
  /** Whether the broker holds, or may hold, a document of ours with this device or with this component of it. */
  holds(objectId: string, component?: string): boolean
  /** Resolves when the broker has sent all documents it keeps. */
  known(): Promise<void>
  /** Removes a module's device, unless it is to have one by then. Resolves when the broker has taken it. */
  clear(key: ModuleKey): Promise<void>
  /** Brings back what a person deleted. */
  restore(): Promise<void>
  /** Takes back what is ours and no longer known, once; call it again when `complete` may have come true. */
  sweep(): Promise<void>
}

type Devices = Iterable<Device> | AsyncIterable<Device>

/** What Home Assistant needs between two documents of a device, and between a document and its states. */
const pauseMs = 2_000
/** After this long the broker has sent all documents it keeps. */
const copiesMs = 5_000
/** Unacknowledged documents at a time. */
const windowSize = 16

/** Keeps the documents until `signal` is aborted. */
export function keepDiscovered(needs: DiscoveryNeeds, signal: AbortSignal): Discovery {
  const { discovering, clock, log } = needs
  const { prefix, installId } = discovering
  /** What the broker holds of ours, by device: as it told us, and as we have said since; `said` has only prints. */
  const copies = new Map<string, Copy>()
  const [said, copyOf] = [new Map<string, string>(), copier()]
  const deleted = new Set<string>()
  /** Devices whose documents say what Home Assistant may not know, until their states are said again. */
  const fresh = new Set<string>()
  /** Empty documents of our own that are still to come back to us. */
  const echoes = new Map<string, number>()
  const news = new Map<string, ModuleKey>()
  let bridgeNews = false
  const listening = Promise.withResolvers<void>()
  let isListening = false
  let isKnown = false
  const known = listening.promise
    .then(() => clock.sleep(copiesMs, signal))
    .then(() => {
      isKnown = true
    })
  known.catch(() => undefined)
  let swept = false
  let chain: Promise<void> = Promise.resolve()

  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = chain.then(() => (signal.aborted ? undefined : work()))
    chain = turn.catch((error: unknown) => {
      if (signal.aborted) return
      if (error instanceof StoreFailed)
        log.error({ detail: error.message }, 'cannot read what to tell Home Assistant')
      else needs.fail(error)
    })
    return chain
  }

  async function publish(messages: AsyncGenerator<Message, void>): Promise<void> {
    const send = async () => {
      for (let next = await messages.next(); !next.done; next = await messages.next()) {
        try {
          await needs.publisher.publish(next.value, signal)
        } catch (error) {
          if (!(error instanceof PublishRefused)) throw error
          needs.refused(next.value.topic, error, 'broker refused a discovery document')
        }
      }
    }
    await Promise.all(Array.from({ length: windowSize }, send))
  }

  async function* devices(): AsyncGenerator<Device, void> {
    const bridge = await needs.bridge()
    if (bridge) yield bridge
    for (const key of await needs.modules()) {
      const device = await needs.module(key)
      if (device) yield device
    }
  }

  /** Components that left a document are removed first, or Home Assistant would keep them for ever. */
  async function* marked(all: Devices): AsyncGenerator<Message, void> {
    for await (const device of all) {
      const components = withMarkers(copies.get(device.objectId)?.components ?? {}, device.components)
      if (components && !deleted.has(device.objectId)) yield document({ ...device, components })
    }
  }

  async function* documents(all: Devices): AsyncGenerator<Message, void> {
    for await (const device of all) if (!deleted.has(device.objectId)) yield document(device)
  }

  function document(device: Device): Message {
    const message = discoveryDocument(discovering, device)
    const [{ objectId }, copy] = [device, copyOf(device, message.payload)]
    if ((said.get(objectId) ?? copies.get(objectId)?.print) !== copy.print) fresh.add(objectId)
    said.set(objectId, copy.print)
    copies.set(objectId, copy)
    return message
  }

  async function say(all: () => Devices): Promise<void> {
    let isMarked = false
    for await (const message of marked(all())) {
      isMarked = true
      await publish(each([message]))
    }
    if (isMarked) await clock.sleep(pauseMs, signal)
    await publish(documents(all()))
  }

  /** Entities that have just been made over wait for the next word on each of their topics. */
  async function follow(): Promise<void> {
    await clock.sleep(pauseMs, signal)
    for (const key of await needs.modules()) {
      if (fresh.has(moduleId(installId, key))) needs.discovered(key)
    }
    fresh.clear()
  }

  /** Those of the devices whose documents are not as they were said. */
  function changed(all: readonly (Device | undefined)[]): readonly Device[] {
    const textOf = (device: Device) => discoveryDocument(discovering, device).payload
    const isNew = (device: Device) => said.get(device.objectId) !== printOf(textOf(device))
    return all.flatMap((device) => (device && !deleted.has(device.objectId) && isNew(device) ? device : []))
  }

  /** All news that came together, since each saying takes its pause. */
  async function sayNews(): Promise<void> {
    // The introduction is still to come, and says all there is.
    if (!isListening) return
    const keys = [...news.values()]
    const withBridge = bridgeNews
    news.clear()
    bridgeNews = false
    const bridge = withBridge ? await needs.bridge() : undefined
    const devices = changed([bridge, ...(await Promise.all(keys.map(needs.module)))])
    if (devices.length > 0) await say(() => devices).then(follow)
  }

  async function remove(objectIds: readonly string[]): Promise<void> {
    for (const objectId of objectIds) {
      said.delete(objectId)
      echoes.set(objectId, (echoes.get(objectId) ?? 0) + 1)
    }
    await publish(each(objectIds.map((objectId) => clearedDocument(prefix, objectId))))
    for (const objectId of objectIds) copies.delete(objectId)
  }

  async function removeOrphans(): Promise<void> {
    if (swept || !isListening || !(await needs.complete())) return
    await known
    if (swept || !(await needs.complete())) return
    const wanted = new Set<string>()
    for await (const { objectId } of devices()) wanted.add(objectId)
    const orphans = [...copies.keys()].filter((objectId) => !wanted.has(objectId))
    swept = true
    for (const device of orphans) log.info({ device }, 'removing orphaned Home Assistant device')
    await remove(orphans)
  }

  return {
    heard({ topic, payload, retain }) {
      const objectId = objectIdOf(prefix, topic)
      if (objectId === undefined || !isOurs(installId, objectId)) return
      if (payload.length > 0) {
        // What is not a stored copy is an echo of our own.
        const copy = retain && !said.has(objectId) ? readCopy(payload, objectId) : undefined
        if (copy) copies.set(objectId, copy)
        return
      }
      const expected = echoes.get(objectId) ?? 0
      if (expected > 0) echoes.set(objectId, expected - 1)
      else if (!retain && said.has(objectId)) {
        said.delete(objectId)
        copies.delete(objectId)
        deleted.add(objectId)
        log.info({ device: objectId }, 'device deleted in Home Assistant; a rescan brings it back')
      }
    },
    introduce() {
      isListening = true
      listening.resolve()
      echoes.clear()
      const said = inTurn(() => say(devices))
      void inTurn(follow)
      return said
    },
    made: () => inTurn(async () => undefined),
    bridge() {
      bridgeNews = true
      return inTurn(sayNews)
    },
    module(key) {
      news.set(keyOf(key), key)
      void inTurn(sayNews)
    },
    holds(objectId, component) {
      if (!isKnown) return true
      const copy = copies.get(objectId)
      return copy !== undefined && (component === undefined || component in copy.components)
    },
    known: () => known,
    async clear(key) {
      const objectId = moduleId(installId, key)
      await known
      await inTurn(async () => {
        if (await needs.module(key)) return
        deleted.delete(objectId)
        if (copies.has(objectId)) await remove([objectId])
      })
    },
    restore() {
      deleted.clear()
      void inTurn(() => say(devices))
      return inTurn(follow)
    },
    sweep: () => inTurn(removeOrphans),
  }
}

async function* each(messages: readonly Message[]): AsyncGenerator<Message, void> {
  yield* messages
}
