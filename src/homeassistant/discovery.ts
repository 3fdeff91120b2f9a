/**
 * The discovery documents over their life: published on each connection and when they change, removed when a device
 * is gone, before the topics that it reads are cleared.
 *
 * Only ever touches documents whose topic, identifiers and origin are this installation's. What a person deleted
 * in Home Assistant stays deleted until a rescan or a restart. Everything runs one after another, because
 * Home Assistant may skip a second document of a device while it still works on the first.
 */
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import { keyOf, type Message, type ModuleKey } from '../domain/model.ts'
import type { Publisher, Runtime } from '../domain/ports.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'
import type { Incoming } from '../mqtt/connection.ts'
import type { LogRefusal } from '../mqtt/refusals.ts'
import { type Copy, copier, hashOf } from './broker-copy.ts'
import {
  bridgeId,
  clearedDocument,
  type Device,
  type Discovering,
  discoveryDocument,
  isOurs,
  moduleId,
  objectIdOf,
  withMarkers,
} from './documents.ts'

/** The devices that there should be. */
export interface WantedDevices {
  /** `undefined` where every document is to be removed. */
  bridge(): Promise<Device | undefined>
  modules(): Promise<readonly ModuleKey[]>
  /** `undefined` for a module that should have no device. */
  module(key: ModuleKey): Promise<Device | undefined>
  cameras(): Promise<readonly Device[]>
  /** Whether all that is ours is known by now, so that what is not known is an orphan. */
  complete(): Promise<boolean>
}

export interface DiscoveryNeeds extends Runtime {
  readonly discovering: Discovering
  readonly publisher: Publisher
  readonly wanted: WantedDevices
  /** Called for a module whose entities have just been made, and wait for its state. */
  readonly discovered: (key: ModuleKey) => void
  readonly refused: LogRefusal
}

export interface Discovery {
  /** Takes a document of whomever, as the broker sent it. */
  heard(message: Incoming): void
  /** Publishes all documents; resolves when the broker has them. The states of what is new follow after a pause. */
  publishAll(): Promise<void>
  /** Resolves when Home Assistant has had its time to make entities of all that was published. */
  made(): Promise<void>
  /** Publishes the bridge's own document if it has changed. */
  bridgeChanged(): void
  /** Publishes the documents of cameras that have changed. */
  camerasChanged(): void
  /** Publishes a module's document if it has changed. */
  moduleChanged(key: ModuleKey): void
  /**
   * Removes a module's device, unless it is to have one; resolves when the broker has none.
   *
   * @throws StoreFailed when storage cannot be read
   */
  clearModule(key: ModuleKey): Promise<void>
  /** As `clearModule`, for a camera's device. */
  clearCamera(objectId: string): Promise<void>
  /** Removes a component that the bridge's document no longer has; otherwise as `clearModule`. */
  clearComponent(id: string): Promise<void>
  /** Brings back what a person deleted. */
  restore(): Promise<void>
  /** Removes once what is ours and no longer known; call it again when `complete` may have become true. */
  removeOrphans(): Promise<void>
}

type Devices = Iterable<Device> | AsyncIterable<Device>

/** What Home Assistant needs between two documents of a device, and between a document and its states. */
const pauseMs = 2_000
/** After this long the broker has sent all documents it keeps. */
const copiesMs = 5_000
/** How long after a failure of storage all documents are published again. */
const retryMs = 5 * 60_000
/** Unacknowledged documents at a time. */
const windowSize = 16
/** Stored documents of which a copy is kept: anybody may write there. */
const mostCopies = 20_000

/** Keeps the documents until `signal` is aborted. */
export function keepDiscovered(needs: DiscoveryNeeds, signal: AbortSignal): Discovery {
  const { discovering, wanted, clock } = needs
  const { prefix, installId } = discovering
  const throttled = new ThrottledLog(clock, needs.log)
  /** What the broker holds of ours, by device: as it sent it, and as published since. */
  const copies = new Map<string, Copy>()
  const copying = copier()
  /** Hashes of the documents published, by device. */
  const published = new Map<string, string>()
  const deleted = new Set<string>()
  /** Devices whose documents Home Assistant may not know, until their states are published again. */
  const fresh = new Set<string>()
  /** Empty documents of our own that are still to come back to us. */
  const echoes = new Map<string, number>()
  const dirty = new Map<string, ModuleKey>()
  let [isBridgeDirty, areCamerasDirty] = [false, false]
  const begun = Promise.withResolvers<void>()
  let [hasBegun, isKnown, isSwept, isRetrying] = [false, false, false, false]
  /** Resolves when the broker has sent all documents it keeps. */
  const known = begun.promise
    .then(() => clock.sleep(copiesMs, signal))
    .then(() => {
      isKnown = true
    })
  known.catch(() => undefined)
  let chain: Promise<void> = Promise.resolve()

  /** Runs the work after all earlier work. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = chain.then(() => (signal.aborted ? undefined : work()))
    chain = turn.catch(() => undefined)
    return turn
  }

  /** After a stop it never ends: what it was to remove may still be there, and nobody is to go on as if it were not. */
  async function unlessStopped(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    if (signal.aborted) await new Promise<never>(() => undefined)
  }

  /** What storage cannot read now is published later; anything else is a bug. */
  function orLater(turn: Promise<void>): Promise<void> {
    return turn.catch((error: unknown) => {
      if (signal.aborted) return
      if (!(error instanceof StoreFailed)) return needs.fail(error)
      const { message: detail, remedy } = error
      throttled.log('error', { detail, remedy }, 'cannot read what to publish for Home Assistant')
      if (isRetrying) return
      isRetrying = true
      clock.sleep(retryMs, signal).then(
        () => {
          isRetrying = false
          void publishAll()
        },
        () => undefined,
      )
    })
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
    const bridge = await wanted.bridge()
    if (bridge) yield bridge
    for (const key of await wanted.modules()) {
      const device = await wanted.module(key)
      if (device) yield device
    }
    yield* await wanted.cameras()
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
    const [{ objectId }, copy] = [device, copying.of(device, message.payload)]
    if ((published.get(objectId) ?? copies.get(objectId)?.hash) !== copy.hash) fresh.add(objectId)
    published.set(objectId, copy.hash)
    copies.set(objectId, copy)
    return message
  }

  async function publishDevices(all: () => Devices): Promise<void> {
    let isMarked = false
    for await (const message of marked(all())) {
      isMarked = true
      await publish(each([message]))
    }
    if (isMarked) await clock.sleep(pauseMs, signal)
    await publish(documents(all()))
  }

  /** Entities that have just been made over wait for the next message on each of their topics. */
  async function publishStates(): Promise<void> {
    await clock.sleep(pauseMs, signal)
    for (const key of await wanted.modules()) {
      if (fresh.has(moduleId(installId, key))) needs.discovered(key)
    }
    fresh.clear()
  }

  function publishAll(): Promise<void> {
    const turn = inTurn(() => publishDevices(devices))
    void orLater(inTurn(publishStates))
    return orLater(turn)
  }

  /** Those of the devices whose documents are not as they were published. */
  function changed(all: readonly (Device | undefined)[]): readonly Device[] {
    const textOf = (device: Device) => discoveryDocument(discovering, device).payload
    const isNew = (device: Device) => published.get(device.objectId) !== hashOf(textOf(device))
    return all.flatMap((device) => (device && !deleted.has(device.objectId) && isNew(device) ? device : []))
  }

  /** All changes that came together, since each publishing takes its pause. */
  async function publishChanged(): Promise<void> {
    // The first connection is still to come, and publishes all there is.
    if (!hasBegun) return
    const keys = [...dirty.values()]
    const [withBridge, withCameras] = [isBridgeDirty, areCamerasDirty]
    dirty.clear()
    isBridgeDirty = false
    areCamerasDirty = false
    const bridge = withBridge ? await wanted.bridge() : undefined
    const cameras = withCameras ? await wanted.cameras() : []
    const devices = changed([
      bridge,
      ...(await Promise.all(keys.map((key) => wanted.module(key)))),
      ...cameras,
    ])
    if (devices.length > 0) await publishDevices(() => devices).then(publishStates)
  }

  async function remove(objectIds: readonly string[]): Promise<void> {
    for (const objectId of objectIds) {
      published.delete(objectId)
      echoes.set(objectId, (echoes.get(objectId) ?? 0) + 1)
    }
    await publish(each(objectIds.map((objectId) => clearedDocument(prefix, objectId))))
    for (const objectId of objectIds) copies.delete(objectId)
  }

  /** Removes a device from the broker unless it is wanted. */
  async function clear(objectId: string, isWanted: () => Promise<boolean>): Promise<void> {
    if (!isKnown) await known
    if (!copies.has(objectId)) return
    await inTurn(async () => {
      if (await isWanted()) return
      deleted.delete(objectId)
      if (copies.has(objectId)) await remove([objectId])
    })
  }

  async function clearComponent(id: string): Promise<void> {
    if (!isKnown) await known
    if (!(id in (copies.get(bridgeId(installId))?.components ?? {}))) return
    isBridgeDirty = true
    await inTurn(publishChanged)
  }

  async function removeUnknown(): Promise<void> {
    if (isSwept || !(await wanted.complete())) return
    const remaining = new Set<string>()
    for await (const { objectId } of devices()) remaining.add(objectId)
    const orphans = [...copies.keys()].filter((objectId) => !remaining.has(objectId))
    isSwept = true
    for (const device of orphans) needs.log.info({ device }, 'removing orphaned Home Assistant device')
    await remove(orphans)
  }

  return {
    heard({ topic, payload, retain }) {
      const objectId = objectIdOf(prefix, topic)
      if (objectId === undefined || !isOurs(installId, objectId)) return
      if (payload.length > 0) {
        // What is not a stored copy is an echo of our own.
        if (!retain || published.has(objectId)) return
        if (copies.size >= mostCopies && !copies.has(objectId)) return
        const copy = copying.read(payload, objectId)
        if (copy) copies.set(objectId, copy)
        return
      }
      const expected = echoes.get(objectId) ?? 0
      if (expected > 0) echoes.set(objectId, expected - 1)
      else if (!retain && published.has(objectId)) {
        published.delete(objectId)
        copies.delete(objectId)
        deleted.add(objectId)
        const fields = { device: objectId }
        needs.log.info(fields, 'device deleted in Home Assistant; a rescan brings it back')
      }
    },
    publishAll() {
      hasBegun = true
      begun.resolve()
      echoes.clear()
      return publishAll()
    },
    made: () => orLater(inTurn(async () => undefined)),
    bridgeChanged() {
      isBridgeDirty = true
      void orLater(inTurn(publishChanged))
    },
    moduleChanged(key) {
      dirty.set(keyOf(key), key)
      void orLater(inTurn(publishChanged))
    },
    camerasChanged() {
      areCamerasDirty = true
      void orLater(inTurn(publishChanged))
    },
    clearModule: (key) =>
      unlessStopped(clear(moduleId(installId, key), async () => (await wanted.module(key)) !== undefined)),
    clearCamera: (objectId) =>
      unlessStopped(
        clear(objectId, async () => (await wanted.cameras()).some((device) => device.objectId === objectId)),
      ),
    clearComponent: (id) => unlessStopped(clearComponent(id)),
    restore() {
      deleted.clear()
      void orLater(inTurn(() => publishDevices(devices)))
      return orLater(inTurn(publishStates))
    },
    async removeOrphans() {
      if (isSwept || !hasBegun) return
      // Not in turn: documents that change meanwhile need not wait for it.
      if (!isKnown) await unlessStopped(known)
      await orLater(inTurn(removeUnknown))
    },
  }
}

async function* each(messages: readonly Message[]): AsyncGenerator<Message, void> {
  yield* messages
}
