/**
 * From accepted requests to clips on disk: one worker for each sync module, which follows its newest request ID and
 * then has the new clips uploaded, one after another.
 *
 * Scheduled runs come first: no upload begins shortly before the account's next run. The file of a clip is fetched
 * beside the next upload. Nothing here holds up a run or a request ID; what fails is logged and left for a later
 * manifest.
 */
import pLimit from 'p-limit'
import type { LedgerFile } from '../domain/clip.ts'
import { DaemonError, StoreFailed } from '../domain/errors.ts'
import { type BlinkId, keyOf, type WorkItem } from '../domain/model.ts'
import type { Observer, Runtime, Storage } from '../domain/ports.ts'
import { type DownloadNeeds, settle } from './download.ts'
import { ClipDirectory, touchEveryMs } from './files.ts'
import { ModuleWorker } from './module-worker.ts'
import { clipNamer } from './names.ts'
import { filesToRemove } from './retention.ts'
import type { WorkerNeeds, WorkerStage } from './worker-stage.ts'

export interface ClipStageNeeds extends WorkerNeeds, Pick<Runtime, 'fail'> {
  readonly storage: WorkerNeeds['storage'] & Pick<Storage, 'installation'>
  readonly umask: number | undefined
  /** This instance's name, where several save clips: there or each in a directory of its own. */
  readonly instance?: string | undefined
}

export interface ClipStage {
  readonly observer: Observer
  readonly directory: Pick<ClipDirectory, 'root' | 'state'>
  /** Goes on with request IDs of before that are still alive, unless clips were chosen. */
  start(): Promise<void>
  /** The same for an account whose owner is gone. */
  resume(accountId: BlinkId): Promise<void>
  /** Resolves when all request IDs that are known by now have been followed to their end. */
  idle(): Promise<void>
  isIdle(accountId: BlinkId): boolean
  /** Ends what is under way for an account, which another instance may own from now on. */
  leave(accountId: BlinkId): void
  stop(): Promise<void>
}

/** How often an instance looks which files are to be removed. */
const retainEveryMs = 10 * 60_000

export function openClipStage(needs: ClipStageNeeds): ClipStage {
  const stage = new Stage(needs)
  return {
    observer: {
      moduleFinished(report) {
        if (report.kind === 'requested') stage.follow(report.item)
      },
      accountRemoved: (accountId) => stage.forget(accountId),
    },
    directory: stage.directory,
    start: () => stage.start(),
    resume: (accountId) => stage.resume(accountId),
    idle: () => stage.idle(),
    isIdle: (accountId) => stage.isIdle(accountId),
    leave: (accountId) => stage.forget(accountId),
    stop: () => stage.stop(),
  }
}

class Stage implements WorkerStage {
  readonly needs: ClipStageNeeds
  readonly directory: ClipDirectory
  readonly download: DownloadNeeds
  readonly #stopping = new AbortController()
  readonly #workers = new Map<string, ModuleWorker>()
  readonly #running = new Set<Promise<void>>()
  /** By account, or under no name for all of them. */
  readonly #recovered = new Map<BlinkId | undefined, Promise<void>>()
  #retainedAt = Number.NEGATIVE_INFINITY
  /** One at a time: two would remove the same files. */
  readonly #retention = pLimit(1)

  constructor(needs: ClipStageNeeds) {
    this.needs = needs
    const { settings, storage, umask, instance, clock, log } = needs
    const { directory: root, name, timezone, reserveMegabytes } = settings.clips
    const { installId } = storage.installation
    const reserveBytes = reserveMegabytes * 1_000_000
    this.directory = new ClipDirectory({
      ...{ root, installId, reserveBytes, umask, clock, log },
      isShared: instance !== undefined,
    })
    this.download = {
      ledger: storage.clips,
      directory: this.directory,
      nameOf: clipNamer({ template: name, timezone }),
      nameHasTime: name.includes('{time}'),
      naming: pLimit(1),
      uploadMs: settings.manifest.deadlineSeconds * 1000,
      instance,
      clock,
      received: needs.watch?.received,
    }
  }

  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  get enabled(): boolean {
    return this.needs.settings.clips.enabled || this.needs.choice !== undefined
  }

  follow(item: WorkItem): void {
    const { accountId, networkId, syncModuleId } = item
    const key = { accountId, networkId, syncModuleId }
    const known = this.#workers.get(keyOf(key))
    const worker = known ?? new ModuleWorker(this, key)
    if (!known) {
      this.#workers.set(keyOf(key), worker)
      this.run(worker.run())
    }
    worker.follow(item)
  }

  forget(accountId: BlinkId): void {
    for (const [name, worker] of this.#workers) {
      if (worker.key.accountId !== accountId) continue
      worker.end()
      this.#workers.delete(name)
    }
    this.#recovered.delete(accountId)
  }

  async start(): Promise<void> {
    const { choice, instance } = this.needs
    if (this.enabled) {
      this.run(this.#keepLock())
      if (await this.ready()) await this.retain()
    }
    if (!choice && instance === undefined) await this.resume()
  }

  async resume(accountId?: BlinkId): Promise<void> {
    const { storage, clock } = this.needs
    for (const key of await storage.ledger.keys(accountId)) {
      const record = await storage.ledger.read(key)
      const newest = record?.recent.at(-1)
      const done = await storage.clips.module(key)
      if (newest && newest.expiresAt > clock.now() && newest.requestId !== done?.requestId)
        this.follow(newest)
    }
  }

  isIdle(accountId: BlinkId): boolean {
    return [...this.#workers.values()].every(({ key, isIdle }) => key.accountId !== accountId || isIdle)
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.idle()))
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'))
    await Promise.allSettled(this.#running)
    await this.directory.release()
  }

  /** Whether clips can be saved now; settles first what an earlier process has left, of this account or of all. */
  async ready(accountId?: BlinkId): Promise<boolean> {
    const { storage, instance } = this.needs
    const before = await storage.clips.directory(instance)
    if (!(await this.directory.usable(before === this.directory.root))) return false
    if (before !== this.directory.root) await storage.clips.useDirectory(this.directory.root, instance)
    // What another instance has left is settled by whoever owns the account now.
    const of = instance === undefined ? undefined : accountId
    if (instance !== undefined && of === undefined) return true
    try {
      const recovering = this.#recovered.get(of) ?? this.#recover(of)
      this.#recovered.set(of, recovering)
      await recovering
    } catch (error) {
      this.#recovered.delete(of)
      if (error instanceof DaemonError) throw error
      this.directory.failed(error)
      return false
    }
    return true
  }

  retain(): Promise<void> {
    return this.#retention(() => this.#retain())
  }

  async #retain(): Promise<void> {
    const { storage, settings, instance, clock, log } = this.needs
    const { keepDays, keepGigabytes } = settings.clips
    if (keepDays === 0 && keepGigabytes === 0) return
    // Of all accounts, which are many where instances share them.
    if (instance !== undefined && clock.elapsed() - this.#retainedAt < retainEveryMs) return
    this.#retainedAt = clock.elapsed()
    const saved = await storage.clips.files('saved')
    const files = (instance === undefined ? saved : await this.#here(saved)).map((one) => ({
      one,
      ...{ path: one.file.path, bytes: one.file.bytes, createdAt: one.createdAt },
    }))
    for (const { one } of filesToRemove(files, { keepDays, keepGigabytes }, clock.now())) {
      const { row, module, createdAt, listedSize, cameraName, file } = one
      await this.directory.remove(file.path)
      await storage.clips.put(module, { createdAt, listedSize, cameraName, state: 'removed' }, row)
      log.info({ path: file.path }, 'clip removed by retention')
    }
  }

  /** Those whose files are in this directory: each instance may have one of its own. */
  async #here(files: readonly LedgerFile[]): Promise<readonly LedgerFile[]> {
    const found: LedgerFile[] = []
    for (const one of files) if (await this.directory.exists(one.file.path)) found.push(one)
    return found
  }

  /** Runs work in the background; what the disk or a stop ends is no bug. */
  run(work: Promise<void>): void {
    const guarded = work.catch((error: unknown) => {
      if (this.signal.aborted) return
      if (error instanceof StoreFailed) {
        this.needs.log.warn({ detail: error.message, remedy: error.remedy }, 'clips cannot be recorded')
      } else this.needs.fail(error)
    })
    this.#running.add(guarded)
    void guarded.then(() => this.#running.delete(guarded))
  }

  async #recover(accountId: BlinkId | undefined): Promise<void> {
    const { storage, clock, observer } = this.needs
    for (const file of await storage.clips.files('ready', accountId)) {
      if (await this.directory.holds(file.file)) observer.clipSaved(await settle(storage.clips, file))
      else {
        const { row, module, createdAt, listedSize, cameraName } = file
        const again = { createdAt, listedSize, cameraName, state: 'failed' as const }
        await storage.clips.put(module, { ...again, retryAt: clock.now(), reason: 'interrupted' }, row)
      }
    }
  }

  async #keepLock(): Promise<void> {
    while (!this.signal.aborted) {
      await this.needs.clock.sleep(touchEveryMs, this.signal).catch(() => undefined)
      await this.directory.touch()
    }
  }
}
