/**
 * One sync module's way from a request ID to clips: its manifest is fetched and compared with the ledger, then the new
 * clips are uploaded, one after another.
 */
import type { ClipCounts, ClipModule, KnownClip, Manifest } from '../domain/clip.ts'
import { type CloudError, DaemonError, StoreFailed } from '../domain/errors.ts'
import type { BlinkId, ModuleKey, WorkItem } from '../domain/model.ts'
import { requestAnother } from './another-manifest.ts'
import { compareManifest, rowOf } from './comparison.ts'
import {
  ClipFailed,
  type DownloadJob,
  failedClip,
  isCloudTrouble,
  ManifestExpired,
  save,
  upload,
} from './download.ts'
import { OutsideDirectory } from './files.ts'
import { followManifest } from './manifest-follow.ts'
import type { WantedClip } from './new-clips.ts'
import { untilQuietIsOver } from './quiet-time.ts'
import type { WorkerStage } from './worker-stage.ts'

/** Files of one module that are fetched while its next clip is uploaded. */
const mostInTransit = 2

const dayMs = 24 * 60 * 60 * 1000

/** The clips of a manifest that are to be had. */
interface WorkList {
  readonly item: WorkItem
  readonly manifestId: BlinkId
  readonly wanted: WantedClip[]
  /** Whether another manifest of this run was there before. */
  readonly isSecond: boolean
  /** Clips of this run, and of these those that were uploaded by this manifest. */
  tried: number
  uploaded: number
  /** Clips of which the cloud had no file. */
  missing: number
  /** Nothing more can be had by this manifest, and another one is wanted. */
  isOver: boolean
}

/** What the sync module and the cloud get to come to rest. */
const beforeAnotherMs = 5_000

export class ModuleWorker {
  readonly key: ModuleKey
  readonly #stage: WorkerStage
  readonly #end = new AbortController()
  readonly #signal: AbortSignal
  /** The newest request ID that has not been followed. */
  #pending: WorkItem | undefined
  #list: WorkList | undefined
  /** The request ID of the last manifest that was requested within a run. */
  #secondId: BlinkId | undefined
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

  get isIdle(): boolean {
    return this.#busy === undefined
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
        else if (this.#list?.isOver && this.#inTransit.size === 0) await this.#another(this.#list)
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
    if (enabled && (await this.#stage.ready(this.key.accountId))) {
      await this.#stage.retain().catch((error: unknown) => this.#stage.directory.failed(error))
    }
  }

  async #compare(manifest: Manifest, item: WorkItem, before: ClipModule | undefined): Promise<void> {
    const stage = this.#stage
    const isSecond = item.requestId === this.#secondId
    const { counts, wanted } = await compareManifest(
      stage,
      {
        ...{ key: this.key, manifest, item, inTransit: new Set(this.#inTransit.keys()) },
        ...{ comparedBefore: before?.compared ?? false, mostClips: this.#mostClips(isSecond) },
      },
      this.#signal,
    )
    const tried = isSecond ? (this.#list?.tried ?? 0) : 0
    this.#counts = counts
    this.#list = undefined
    stage.needs.observer.clipsChanged(this.key)
    if (!wanted) return
    const { manifestId } = manifest
    const clips = wanted.map(({ clip }) => clip)
    this.#list = { item, manifestId, wanted, isSecond, tried, uploaded: 0, missing: 0, isOver: false }
    stage.needs.watch?.chosen(this.key, clips, manifest)
  }

  /** How many clips this run may still try; a second manifest is at least for those that the first one missed. */
  #mostClips(isSecond: boolean): number {
    const { choice, settings } = this.#stage.needs
    if (choice) return Number.POSITIVE_INFINITY
    const { maxPerRun } = settings.clips
    return isSecond && this.#list ? Math.max(maxPerRun - this.#list.tried, this.#list.missing) : maxPerRun
  }

  /**
   * Requests a second manifest, for clips that the first one could not give: once in a run, and more often only while
   * each gives some clips before it is too old.
   */
  async #another(list: WorkList): Promise<void> {
    const { needs } = this.#stage
    const waitMs = this.#untilQuietIsOver()
    if (waitMs > 0) return this.#woken(waitMs)
    list.isOver = false
    const { storage, observer, clock } = needs
    await clock.sleep(beforeAnotherMs, this.#signal)
    const record = await storage.ledger.read(this.key)
    const account = needs.account(this.key.accountId)
    const { item, missing, tried } = list
    // A scheduled run may have requested one meanwhile, which does as well; one that failed is not requested again.
    const isLate = (record?.lastAttemptAt ?? 0) > item.requestedAt
    if (this.#pending || isLate || !record || !account || storage.ledger.trouble) return
    try {
      const job = { module: record.module, item }
      const another = { ledger: storage.ledger, observer, clock }
      this.#secondId = await requestAnother(account, job, another, this.#signal)
      needs.log.info({ ...ids(this.key), missing, tried }, 'clips are missing, requesting another manifest')
    } catch (error) {
      if (this.#signal.aborted || !isCloudTrouble(error)) throw error
      this.#putOff(error)
    }
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
    if (!record || !account || !(await this.#stage.ready(this.key.accountId))) {
      this.#list = undefined
      return
    }
    list.wanted.shift()
    list.tried++
    const [row] = known ? rowOf(known) : []
    const { manifestId, item } = list
    const { requestId } = item
    const quietMs = () => this.#untilQuietIsOver()
    const job = { account, module: record.module, requestId, manifestId, clip, row, quietMs }
    const isAgain = known?.state === 'failed'
    const ended = await this.#attempt(job, isAgain, async () => {
      await upload(job, download, this.#signal)
      return true
    })
    if (!ended) return
    list.uploaded++
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
    const { directory } = this.#stage
    try {
      return await work()
    } catch (error) {
      if (this.#signal.aborted) throw error
      if (error instanceof ManifestExpired) await this.#expired(job)
      else if (error instanceof OutsideDirectory) await this.#failed(job, 'outside_directory', true)
      else if (error instanceof ClipFailed) await this.#failed(job, error.reason, isAgain)
      else if (isCloudTrouble(error)) {
        this.#putOff(error)
      } else if (error instanceof DaemonError) throw error
      else {
        // Throws again what is no error of the file system.
        directory.failed(error)
        this.#list = undefined
      }
      return undefined
    }
  }

  /** The manifest is too old, or the clip's id is not in it any more. */
  async #expired(job: DownloadJob): Promise<void> {
    const list = this.#list
    if (!list) return
    list.wanted.length = 0
    list.isOver = !list.isSecond || list.uploaded > 0
    if (!list.isOver) await this.#failed(job, 'not_found', true)
  }

  #putOff({ message }: CloudError): void {
    this.#list = undefined
    const fields = { ...ids(this.key), detail: message }
    this.#stage.needs.log.info(fields, 'downloads wait for the next run')
  }

  /** A clip that failed is tried by one new manifest, and then left for a day. */
  async #failed({ clip, row, requestId }: DownloadJob, reason: string, isAgain: boolean): Promise<void> {
    const { storage, clock, log, observer } = this.#stage.needs
    const retryAt = clock.now() + (isAgain ? dayMs : 0)
    await storage.clips.put(this.key, failedClip(clip, reason, retryAt), row)
    const list = this.#list
    if (list && reason === 'not_found' && !isAgain && !list.isSecond) {
      list.missing++
      list.isOver = true
    }
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

function ids({ accountId, networkId, syncModuleId }: ModuleKey) {
  return { account_id: accountId, network_id: networkId, sync_module_id: syncModuleId }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
