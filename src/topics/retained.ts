/**
 * The retained topics: what a reader who subscribes tomorrow should see.
 *
 * Holds no payloads, only which topics are to be published again; the payload is read when it is sent, so the latest
 * wins and a slow broker costs no memory. What storage cannot read is tried again after half a minute.
 *
 * A document of Home Assistant's that reads a topic is removed before the topic is cleared. Until then the topic
 * stays as it is, and nothing waits for it.
 */
import { type CameraKey, type ClipCamera, cameraKeyOf } from '../domain/clip.ts'
import { PublishRefused, StoreFailed } from '../domain/errors.ts'
import { type BlinkId, keyOf, type Message, type ModuleKey } from '../domain/model.ts'
import type { ClipLedger, Ledger, Observer, Publisher, Runtime, StatusReader } from '../domain/ports.ts'
import { ThrottledLog } from '../domain/throttled-log.ts'
import { type LogRefusal, smallerThan } from '../mqtt/refusals.ts'
import { lastClip } from './clip-topics.ts'
import { type Change, DirtySet, type Entry } from './dirty-set.ts'
import { Lately } from './lately.ts'
import { accountState, moduleExpired, moduleIdentity, moduleProgress } from './state-topics.ts'
import { plain, retainedModuleTopics, type Topics } from './topics.ts'

/** Reads the retained topics by documents of its own, which must go before the topics do. */
export interface TopicReader {
  /** Publishes the documents; called on each connection when the state is published. */
  publishDocuments(): Promise<void>
  /** Removes documents of what is no longer known. */
  removeOrphans(): Promise<void>
  /**
   * Removes the document that reads the topics of a module, a camera or an account; resolves when there is none.
   *
   * @throws StoreFailed when storage cannot be read; then it is called again
   */
  beforeClearing(removed: ModuleKey | ClipCamera | BlinkId): Promise<void>
}

/** What the payloads of the retained topics are made from. */
export interface RetainedSource {
  readonly topics: Topics
  /** False publishes of a sync module nothing but work items. */
  readonly modulesToo: boolean
  readonly bridgeInfo: () => Message
  readonly status: Pick<StatusReader, 'account' | 'module' | 'camera'>
  /** What `media_content_id` of a clip begins with. */
  readonly mediaPrefix: string | undefined
}

export interface RetainedNeeds extends Runtime, RetainedSource {
  readonly broker: Publisher
  readonly status: RetainedSource['status'] & Pick<StatusReader, 'accounts'>
  readonly storage: {
    readonly clips: Pick<ClipLedger, 'cameras' | 'forgetCamera'>
    readonly ledger: Pick<Ledger, 'keysAndGone' | 'forget'>
  }
  readonly reader: Pick<TopicReader, 'beforeClearing'> | undefined
  /** Whether others of this installation publish the same topics. */
  readonly isShared?: boolean
  readonly refused: LogRefusal
}

export interface RetainedTopics extends Observer {
  /** Publishes again: `bridge/info`, an account, a module, or a camera. */
  publish(what: 'bridge' | BlinkId | ModuleKey | CameraKey): void
  /** Publishes everything but `bridge/state`. */
  publishAll(): Promise<void>
  /** Resolves when all that waits now has been acknowledged, whatever comes meanwhile; the caller bounds the time. */
  settled(): Promise<void>
}

/** The birth and the will: both plain, retained, QoS 1. */
export const online = 'online'
export const offline = 'offline'

/** Entries in work at a time. */
const windowSize = 32
/** How long after a failure of storage it is read again. */
const retryMs = 30_000
/** How often it is looked whether another instance has moved a camera. */
const moveLookMs = 60_000
/** So late at most it is learned that another instance has published a module. */
const learnedMs = 15_000

/** Publishes until `signal` is aborted. */
export function publishRetained(needs: RetainedNeeds, signal: AbortSignal): RetainedTopics {
  const { topics, status, reader, clock } = needs
  const { clips, ledger } = needs.storage
  const throttled = new ThrottledLog(clock, needs.log)
  const dirty = new DirtySet()
  /** What storage could not read. */
  const unreadable = new DirtySet()
  const working = new Set<Promise<void>>()
  /** Lists of what is dirty that are being read. */
  const listing = new Set<Promise<void>>()
  /** By name, what is being read and handed to the broker: the later of two snapshots must be the last published. */
  const handing = new Map<string, Promise<unknown>>()
  /** Names of what waits for its document to be removed. */
  const removing = new Set<string>()
  /** Modules that another instance may have published at the same moment, with a newer or an older state. */
  const lately = needs.isShared ? new Lately(clock, learnedMs) : undefined
  let isLooking = false
  let isPumping = false
  let isRetrying = false
  let isListUnread = false

  async function messagesOf(entry: Entry): Promise<readonly Message[]> {
    switch (entry.kind) {
      case 'bridge':
        return [needs.bridgeInfo()]
      case 'account': {
        const snapshot = await status.account(entry.accountId)
        if (snapshot) return [accountState(topics, snapshot)]
        return mayClear(entry) ? [plain(topics.accountState(entry.accountId), '')] : []
      }
      case 'gone':
        if (!needs.modulesToo) await ledger.forget(entry.key)
        else if (!(await status.module(entry.key))) return clearing(entry)
        return []
      case 'module':
        return moduleMessages(entry)
      case 'camera': {
        const camera = await status.camera(entry.camera)
        if (camera) return camera.last ? [lastClip(topics, camera.last, needs.mediaPrefix)] : []
        return mayClear(entry) ? [plain(topics.lastClip(entry.camera), '')] : []
      }
    }
  }

  async function moduleMessages(entry: Extract<Entry, { kind: 'module' }>): Promise<readonly Message[]> {
    const { key, change, expired } = entry
    const snapshot = await status.module(key)
    const everything = change === 'identity'
    if (!snapshot) return everything ? clearing({ kind: 'gone', key }) : []
    const now = clock.now()
    if (change === 'expired') return moduleExpired(topics, snapshot, now)
    const progress = moduleProgress(topics, snapshot, { now, everything, expired })
    return everything ? [...moduleIdentity(topics, snapshot), ...progress] : progress
  }

  function clearing(entry: Extract<Entry, { kind: 'gone' }>): readonly Message[] {
    if (!mayClear(entry)) return []
    return retainedModuleTopics.map((name) => plain(`${topics.module(entry.key)}/${name}`, ''))
  }

  /** Whether no document reads its topics; otherwise has that removed first, and adds the entry again after it. */
  function mayClear(entry: Extract<Entry, { kind: 'account' | 'camera' | 'gone' }>): boolean {
    if (!reader || entry.unread) return true
    const name = nameOf(entry)
    if (removing.has(name)) return false
    removing.add(name)
    reader
      .beforeClearing(subjectOf(entry))
      .finally(() => removing.delete(name))
      .then(
        () => add({ ...entry, unread: true }),
        (error: unknown) => tryLater(error, entry),
      )
    return false
  }

  async function publishEntry(entry: Entry): Promise<void> {
    const name = nameOf(entry)
    lately?.add(name)
    const taken = await inOrder(name, async () => (await messagesOf(entry)).map(publishMessage))
    const isCleared = taken.length > 0 && (await Promise.all(taken)).every((end) => end === 'cleared')
    lately?.add(name)
    if (!isCleared) return
    if (entry.kind === 'camera') await clips.forgetCamera(entry.camera)
    if ('key' in entry) await ledger.forget(entry.key)
  }

  async function inOrder<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = handing.get(name)
    const mine = before ? before.then(work, work) : work()
    handing.set(name, mine)
    try {
      return await mine
    } finally {
      if (handing.get(name) === mine) handing.delete(name)
    }
  }

  async function publishMessage(message: Message): Promise<'taken' | 'cleared' | 'refused'> {
    try {
      await needs.broker.publish(message, signal)
      return message.payload === '' ? 'cleared' : 'taken'
    } catch (error) {
      if (!(error instanceof PublishRefused)) throw error
      needs.refused(message.topic, error, 'broker refused a state topic')
      const smaller = smallerThan(message, error)
      return smaller ? publishMessage(smaller) : 'refused'
    }
  }

  /** What storage cannot read is published later; anything else is a bug. */
  function tryLater(error: unknown, entry?: Entry): void {
    if (signal.aborted) return
    if (!(error instanceof StoreFailed)) {
      needs.fail(error)
      return
    }
    const { message: detail, remedy } = error
    throttled.log('error', { detail, remedy }, 'cannot read the state to publish, trying again later')
    if (entry) unreadable.add(entry)
    else isListUnread = true
    if (isRetrying) return
    isRetrying = true
    clock.sleep(retryMs, signal).then(retry, () => undefined)
  }

  function retry(): void {
    isRetrying = false
    for (let entry = unreadable.take(); entry; entry = unreadable.take()) dirty.add(entry)
    if (isListUnread) void list(addAll)
    isListUnread = false
    pump()
  }

  /** Soon, and not at once: of what comes together for one module, the largest change is published, once. */
  function pump(): void {
    if (isPumping) return
    isPumping = true
    queueMicrotask(() => {
      isPumping = false
      fillWindow()
    })
  }

  function fillWindow(): void {
    while (working.size < windowSize && !signal.aborted) {
      const entry = dirty.take()
      if (!entry) return
      if (entry.kind === 'mark') {
        entry.reached()
        continue
      }
      const work = publishEntry(entry)
        .catch((error: unknown) => tryLater(error, entry))
        .finally(() => {
          working.delete(work)
          fillWindow()
        })
      working.add(work)
    }
  }

  function add(entry: Entry): void {
    dirty.add(entry)
    pump()
  }

  function addModule(key: ModuleKey, change: Change): void {
    if (!needs.modulesToo) return
    dirty.module(key, change)
    pump()
  }

  /** Also of cameras that have moved, or whose sync modules are gone: those are cleared. */
  async function addCameras(isMeant: (camera: ClipCamera) => boolean, accountId?: BlinkId): Promise<void> {
    if (!needs.modulesToo) return
    for (const camera of await clips.cameras(accountId)) {
      if (isMeant(camera)) dirty.add({ kind: 'camera', camera })
    }
  }

  /** Cameras that another instance has moved, after a while: what is left below their old paths is to be cleared. */
  function lookForMoved(): void {
    if (isLooking) return
    isLooking = true
    clock.sleep(moveLookMs, signal).then(
      () => {
        isLooking = false
        void list(() => addCameras(({ moved }) => moved))
      },
      () => undefined,
    )
  }

  /** Runs what adds to the dirty set after reading which there are. */
  async function list(read: () => Promise<void>): Promise<void> {
    const work = read()
      .catch(tryLater)
      .finally(() => listing.delete(work))
    listing.add(work)
    await work
    pump()
  }

  async function addModulesOf(accountId: BlinkId): Promise<void> {
    if (!needs.modulesToo) return
    for (const key of await ledger.keysAndGone(accountId)) dirty.module(key, 'identity')
    await addCameras(() => true, accountId)
  }

  async function addAll(): Promise<void> {
    const active = new Set((await status.accounts()).map(({ accountId }) => accountId))
    for (const accountId of active) add({ kind: 'account', accountId })
    const keys = await ledger.keysAndGone()
    // Accounts that are no longer active have topics to be cleared.
    const known = new Set(keys.map(({ accountId }) => accountId))
    for (const accountId of known.difference(active)) add({ kind: 'account', accountId })
    for (const key of keys) addModule(key, 'identity')
    await addCameras(() => true)
  }

  function accountChanged(accountId: BlinkId): void {
    add({ kind: 'account', accountId })
    void list(() => addModulesOf(accountId))
  }

  return {
    publish(what) {
      if (typeof what !== 'string') {
        if ('camera' in what) void list(() => addCameras((one) => cameraKeyOf(one) === cameraKeyOf(what)))
        else addModule(what, 'identity')
      } else add(what === 'bridge' ? { kind: 'bridge' } : { kind: 'account', accountId: what })
    },
    async publishAll() {
      add({ kind: 'bridge' })
      await list(addAll)
    },
    async settled() {
      await Promise.all(listing)
      if (signal.aborted) return
      const { promise, resolve } = Promise.withResolvers<unknown>()
      const aborted = () => resolve(undefined)
      signal.addEventListener('abort', aborted)
      // Not a moment without work: in a fleet there may be none for long.
      dirty.add({ kind: 'mark', reached: () => resolve(Promise.all(working)) })
      pump()
      await promise
      signal.removeEventListener('abort', aborted)
    },

    modulesListed(accountId, { altered, gone }) {
      for (const key of altered) addModule(key, 'identity')
      for (const key of gone) add({ kind: 'gone', key })
      const keys = new Set(gone.map(keyOf))
      if (keys.size > 0) void list(() => addCameras((camera) => keys.has(keyOf(camera)), accountId))
    },
    moduleFinished(report) {
      if (report.kind !== 'skipped' || report.reason !== 'excluded') addModule(report.module, 'progress')
    },
    moduleChanged(key, change) {
      if (change === 'elsewhere') lookForMoved()
      // It was published there, but perhaps before what was read here a moment earlier.
      if (change === 'elsewhere' && lately?.has(keyOf(key)) !== true) return
      addModule(key, changeOf(change))
    },
    clipsChanged: (key) => addModule(key, 'progress'),
    clipSaved(clip) {
      const isMeant = (camera: ClipCamera) => camera.moved || cameraKeyOf(camera) === cameraKeyOf(clip)
      void list(() => addCameras(isMeant, clip.accountId))
    },
    accountChanged: ({ accountId }) => accountChanged(accountId),
    accountRemoved: accountChanged,
    settingsChanged(change) {
      add({ kind: 'bridge' })
      // The next attempts are not what was published before.
      if (change === 'clock') void list(addAll)
    },
  }
}

function changeOf(change: Parameters<Required<Observer>['moduleChanged']>[1]): Change {
  if (change === 'expired') return change
  return change === 'polling' || change === 'elsewhere' ? 'progress' : 'identity'
}

/** One name for everything that is published of a module, of an account, or of the bridge. */
function nameOf(entry: Entry): string {
  switch (entry.kind) {
    case 'bridge':
      return 'bridge'
    case 'account':
      return entry.accountId
    case 'camera':
      return cameraKeyOf(entry.camera)
    default:
      return keyOf(entry.key)
  }
}

function subjectOf(entry: Extract<Entry, { kind: 'account' | 'camera' | 'gone' }>) {
  if (entry.kind === 'account') return entry.accountId
  return entry.kind === 'camera' ? entry.camera : entry.key
}
