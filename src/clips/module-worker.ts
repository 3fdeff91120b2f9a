/**
 * One sync module's way from a request ID to clips: its manifest is fetched and compared with the ledger, then the new
 * clips are uploaded, one after another.
 */
import type { Account } from '../accounts/account.ts'
import type { Settings } from '../config/settings.ts'
import type { ClipCounts, ClipModule, KnownClip, LedgerClip, ListedClip, Manifest } from '../domain/clip.ts'
import { type Clock, timeOrderedId } from '../domain/clock.ts'
import { DaemonError, StoreFailed } from '../domain/errors.ts'
import { type BlinkId, keyOf, type ModuleKey, type WorkItem } from '../domain/model.ts'
import type { Log, Observer, Storage } from '../domain/ports.ts'
import {
  ClipFailed,
  type DownloadJob,
  type DownloadNeeds,
  failedClip,
  isCloudTrouble,
  ManifestExpired,
  save,
  upload,
} from './download.ts'
import { type ClipDirectory, OutsideDirectory } from './files.ts'
import { followManifest } from './manifest-follow.ts'
import { type ClipChoice, newClips, type WantedClip } from './new-clips.ts'
import { type NextRun, untilQuietIsOver } from './quiet-time.ts'

export interface WorkerNeeds {
  readonly settings: Pick<Settings, 'manifest' | 'clips'>
  readonly storage: Pick<Storage, 'clips' | 'ledger'>
  readonly account: (accountId: BlinkId) => Account | undefined
  /** When the account is requested next, in milliseconds since the epoch, and how often that happens. */
  readonly nextRun: (accountId: BlinkId) => NextRun | undefined
  readonly observer: Pick<Required<Observer>, 'clipSaved' | 'clipsChanged' | 'clipTrouble'>
  /** Downloads what was chosen, once, in place of all that is new. */
  readonly choice?: ClipChoice | undefined
  readonly watch?: DownloadWatch | undefined
  readonly clock: Clock
  readonly log: Log
}

/** For a person who waits for clips. */
export interface DownloadWatch {
  /** A manifest was compared, and these clips of it are downloaded now. */
  chosen(module: ModuleKey, clips: readonly ListedClip[], manifest: Manifest): void
  received(bytes: number): void
}

/** What the workers of all modules share. */
export interface WorkerStage {
  readonly needs: WorkerNeeds
  /** Whether clips are downloaded, and not only listed. */
  readonly enabled: boolean
  readonly directory: ClipDirectory
  readonly download: DownloadNeeds
  /** Aborted when the stage stops. */
  readonly signal: AbortSignal
  /** Whether clips can be saved now. */
  ready(): Promise<boolean>
  /** Removes the files that are too old or too many. */
  retain(): Promise<void>
  /** Runs work in the background. */
  run(work: Promise<void>): void
}

/** Files of one module that are fetched while its next clip is uploaded. */
const mostInTransit = 2

const dayMs = 24 * 60 * 60 * 1000
const listedInEvent = 100

/** The clips of a manifest that are to be had. */
interface WorkList {
  readonly requestId: BlinkId
  readonly manifestId: BlinkId
  readonly wanted: WantedClip[]
}

export class ModuleWorker {
  readonly key: ModuleKey
  readonly #stage: WorkerStage
  readonly #end = new AbortController()
  readonly #signal: AbortSignal
  /** The newest request ID that has not been followed. */
  #pending: WorkItem | undefined
  #list: WorkList | undefined
  #counts: ClipCounts = {
    count: 0,
    waiting: 0,
    newestAt: undefined,
    oldestAt: undefined,
    lastError: undefined,
  }
  readonly #inTransit = new Map<KnownClip, Promise<void>>()
  #wake = Promise.withResolvers<void>()
  /** There while there is something to do. */
  #busy: PromiseWithResolvers<void> | undefined
  readonly #aborted: Promise<void>

  constructor(stage: WorkerStage, key: ModuleKey) {
    this.#stage = stage
    this.key = key
    this.#signal = AbortSignal.any([stage.signal, this.#end.signal])
    this.#aborted = aborted(this.#signal)
  }

  follow(item: WorkItem): void {
    this.#pending = item
    this.#busy ??= Promise.withResolvers()
    this.#wake.resolve()
  }

  /** Resolves when there is nothing to do. */
  async idle(): Promise<void> {
    await this.#busy?.promise
  }

  end(): void {
    this.#end.abort(new Error('the account was removed'))
    this.#wake.resolve()
  }

  async run(): Promise<void> {
    try {
      await this.#work()
    } finally {
      this.#rest()
    }
  }

  #rest(): void {
    this.#busy?.resolve()
    this.#busy = undefined
  }

  async #work(): Promise<void> {
    while (!this.#signal.aborted) {
      const item = this.#pending
      const next = this.#list?.wanted[0]
      try {
        if (item) {
          this.#pending = undefined
          await this.#follow(item)
        } else if (this.#list && next) await this.#next(this.#list, next)
        else {
          if (this.#inTransit.size === 0) this.#rest()
          await this.#woken()
        }
      } catch (error) {
        if (this.#signal.aborted) return
        if (!(error instanceof StoreFailed)) throw error
        this.#list = undefined
        this.#stage.needs.log.warn(
          { ...ids(this.key), detail: error.message, remedy: error.remedy },
          'clips cannot be recorded',
        )
      }
    }
  }

  async #woken(ms?: number): Promise<void> {
    const { clock } = this.#stage.needs
    const over = new AbortController()
    const ended = AbortSignal.any([over.signal, this.#signal])
    const sleep = ms === undefined ? new Promise<void>(() => undefined) : clock.sleep(ms, ended)
    await Promise.race([this.#wake.promise, sleep.catch(() => undefined), this.#aborted])
    over.abort()
    this.#wake = Promise.withResolvers()
  }

  async #follow(item: WorkItem): Promise<void> {
    const { needs, enabled } = this.#stage
    const { settings, storage, clock, log } = needs
    const account = needs.account(this.key.accountId)
    if (!account) return
    const { pollSeconds, deadlineSeconds } = settings.manifest
    const times = { pollMs: pollSeconds * 1000, deadlineMs: deadlineSeconds * 1000 }
    const followed = await followManifest(account, item, { clock, ...times, signal: this.#signal })
    const before = await storage.clips.module(this.key)
    if (followed.manifest === undefined) {
      const { reason } = followed
      log.info({ ...ids(this.key), request_id: item.requestId, reason }, 'manifest could not be fetched')
      this.#counts = { ...(before?.counts ?? this.#counts), lastError: reason }
      await storage.clips.saveModule(this.key, {
        ...{ requestId: item.requestId, compared: before?.compared ?? false },
        counts: this.#counts,
      })
      const { requestId } = item
      needs.observer.clipTrouble(this.key, { kind: 'manifest_failed', requestId, reason })
      needs.observer.clipsChanged(this.key)
      return
    }
    await this.#compare(followed.manifest, item, before)
    if (enabled && (await this.#stage.ready())) {
      await this.#stage.retain().catch((error: unknown) => this.#stage.directory.failed(error))
    }
  }

  async #compare(manifest: Manifest, item: WorkItem, before: ClipModule | undefined): Promise<void> {
    const compared = before?.compared ?? false
    const { needs, enabled } = this.#stage
    const { settings, storage, clock, observer } = needs
    const { choice, watch } = needs
    const { backfillDays } = settings.clips
    const maxPerRun = choice ? Number.POSITIVE_INFINITY : settings.clips.maxPerRun
    const { accountId, networkId, syncModuleId } = this.key
    const known = await storage.clips.clipsOf(this.key)
    // Their place is taken by what is in transit.
    const busyRows = new Set([...this.#inTransit.keys()].flatMap(rowOf))
    const now = clock.now()
    const found = newClips({
      listed: manifest.clips,
      known: [...known.filter(({ row }) => !busyRows.has(row)), ...this.#inTransit.keys()],
      firstSight: !compared,
      ...{ now, backfillDays, maxPerRun, choice },
    })
    const gone = found.gone.flatMap(rowOf)
    const goneRows = new Set(gone)
    const newest = manifest.clips.toSorted((a, b) => b.createdAt - a.createdAt)
    this.#counts = {
      count: manifest.clips.length,
      waiting: enabled ? found.wanted.length + found.waiting : 0,
      newestAt: newest[0]?.createdAt,
      oldestAt: newest.at(-1)?.createdAt,
      lastError: undefined,
    }
    const event = {
      ...{ accountId, networkId, syncModuleId, eventId: timeOrderedId(clock), requestId: item.requestId },
      ...{ manifestId: manifest.manifestId, readyAt: now, clipCount: manifest.clips.length },
      newCount: found.wanted.length + found.waiting,
      latencyMs: Math.max(0, now - item.requestedAt),
      clips: newest.slice(0, listedInEvent).map(({ createdAt, listedSize, cameraName }) => ({
        ...{ createdAt, listedSize, cameraName },
      })),
    }
    const addedRows = await storage.clips.compared(this.key, {
      // Where nothing is downloaded, no clip is missed either: with downloads switched on it is a first sight.
      module: { requestId: item.requestId, compared: compared || enabled, counts: this.#counts },
      added: enabled
        ? found.tooOld.map(({ createdAt, listedSize, cameraName }) => ({
            ...{ createdAt, listedSize, cameraName, state: 'listed' as const },
          }))
        : [],
      renamed: found.renamed.flatMap(({ known: one, cameraName }) =>
        isInLedger(one) && !this.#inTransit.has(one) ? [{ ...one, cameraName }] : [],
      ),
      seen: known.flatMap(({ row }) => (goneRows.has(row) ? [] : [row])),
      ...{ gone, at: now },
      event: {
        kind: 'manifest_ready',
        orderKey: `manifest ${keyOf(this.key)}`,
        expiresAt: item.expiresAt,
        body: event,
      },
    })
    observer.clipsChanged(this.key)
    const { requestId } = item
    this.#list = undefined
    if (!enabled) return
    // What was too old is in the ledger by now.
    const rows = new Map(found.tooOld.map((clip, place) => [clip, addedRows[place]]))
    const wanted = found.wanted.map((one) => withRow(one, rows.get(one.clip)))
    this.#list = { requestId, manifestId: manifest.manifestId, wanted }
    watch?.chosen(
      this.key,
      wanted.map(({ clip }) => clip),
      manifest,
    )
  }

  /** The next clip of the list, as soon as it may be uploaded. */
  async #next(list: WorkList, { clip, known }: WantedClip): Promise<void> {
    const { needs, download } = this.#stage
    const waitMs = this.#untilQuietIsOver()
    if (waitMs > 0) return this.#woken(waitMs)
    if (this.#inTransit.size >= mostInTransit) {
      await Promise.race([...this.#inTransit.values(), this.#wake.promise, this.#aborted])
      if (this.#inTransit.size >= mostInTransit) await this.#woken(1_000)
      return
    }
    const record = await needs.storage.ledger.read(this.key)
    const account = needs.account(this.key.accountId)
    if (!record || !account || !(await this.#stage.ready())) {
      this.#list = undefined
      return
    }
    list.wanted.shift()
    const [row] = known ? rowOf(known) : []
    const { requestId, manifestId } = list
    const job = { account, module: record.module, requestId, manifestId, clip, row }
    const isAgain = known?.state === 'failed'
    const ended = await this.#attempt(job, isAgain, async () => {
      await upload(job, download, this.#signal)
      return true
    })
    if (!ended) return
    // Of the states, one that no comparison downloads.
    const marker: KnownClip = { ...clip, state: 'removed', ...(row !== undefined && { row }) }
    const saving = this.#save(job, isAgain).finally(() => {
      this.#inTransit.delete(marker)
      this.#wake.resolve()
    })
    this.#inTransit.set(marker, saving)
    this.#stage.run(saving)
  }

  async #save(job: DownloadJob, isAgain: boolean): Promise<void> {
    const { needs, download } = this.#stage
    const saved = await this.#attempt(job, isAgain, () => save(job, download, this.#signal))
    if (!saved) return
    await this.#count({ waiting: Math.max(0, this.#counts.waiting - 1) })
    needs.observer.clipSaved(saved)
    needs.observer.clipsChanged(this.key)
  }

  /** Does a part of the work for a clip; `undefined` when that failed, which is on record then. */
  async #attempt<T>(job: DownloadJob, isAgain: boolean, work: () => Promise<T>): Promise<T | undefined> {
    const { needs, directory } = this.#stage
    try {
      return await work()
    } catch (error) {
      if (this.#signal.aborted) throw error
      if (error instanceof ManifestExpired) this.#list = undefined
      else if (error instanceof OutsideDirectory) await this.#failed(job, 'outside_directory', true)
      else if (error instanceof ClipFailed) await this.#failed(job, error.reason, isAgain)
      else if (isCloudTrouble(error)) {
        this.#list = undefined
        needs.log.info({ ...ids(this.key), detail: error.message }, 'downloads wait for the next run')
      } else if (error instanceof DaemonError) throw error
      else {
        // Throws again what is no error of the file system.
        directory.failed(error)
        this.#list = undefined
      }
      return undefined
    }
  }

  /** A clip that failed is tried by one new manifest, and then left for a day. */
  async #failed({ clip, row, requestId }: DownloadJob, reason: string, isAgain: boolean): Promise<void> {
    const { storage, clock, log, observer } = this.#stage.needs
    const retryAt = clock.now() + (isAgain ? dayMs : 0)
    await storage.clips.put(this.key, failedClip(clip, reason, retryAt), row)
    const fields = { ...ids(this.key), camera: clip.cameraName, created_at: clip.createdAt, reason }
    log.warn(fields, isAgain ? 'clip failed again, left for a day' : 'clip failed')
    await this.#count({ lastError: reason })
    observer.clipTrouble(this.key, { kind: 'clip_failed', requestId, clip, reason, retryAt })
    observer.clipsChanged(this.key)
  }

  async #count(changed: Partial<ClipCounts>): Promise<void> {
    const { clips } = this.#stage.needs.storage
    this.#counts = { ...this.#counts, ...changed }
    const kept = await clips.module(this.key)
    if (kept) await clips.saveModule(this.key, { ...kept, counts: this.#counts })
  }

  /** Milliseconds until the account's next run has begun, when that is near. */
  #untilQuietIsOver(): number {
    const { nextRun, clock } = this.#stage.needs
    return untilQuietIsOver(nextRun(this.key.accountId), clock.now())
  }
}

function isInLedger(clip: KnownClip): clip is LedgerClip {
  return 'row' in clip
}

function withRow(wanted: WantedClip, row: number | undefined): WantedClip {
  if (row === undefined) return wanted
  const known: LedgerClip = { ...wanted.clip, state: 'listed', row }
  return { clip: wanted.clip, known }
}

function rowOf(clip: KnownClip): readonly number[] {
  return isInLedger(clip) ? [clip.row] : []
}

function ids({ accountId, networkId, syncModuleId }: ModuleKey) {
  return { account_id: accountId, network_id: networkId, sync_module_id: syncModuleId }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
