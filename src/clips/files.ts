/**
 * The directory of clips: one writer at a time, nothing half-written under a final name, nothing outside of it.
 *
 * A drive may be unplugged, full or read-only, and its mount point is then an empty directory of another disk. So a
 * file of ours marks the directory; where it is missing, the directory is away and nothing is written. The same file
 * is the lock: its owner touches it, and another daemon takes it over only when nobody has touched it for a while.
 */
import { constants, statfsSync } from 'node:fs'
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  utimes,
} from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import type { ClipFile } from '../domain/clip.ts'
import type { Clock } from '../domain/clock.ts'
import { errorCode } from '../domain/file-failures.ts'
import type { Log } from '../domain/ports.ts'
import { freeBytes } from '../storage/disk-reserve.ts'
import { beginPart, hashOf, isThere, type PartFile, unlessMissing, unlessWithoutModes } from './part-file.ts'

export type DirectoryState = 'ok' | 'disk_full' | 'directory_away' | 'directory_locked'

export interface DirectoryNeeds {
  /** Absolute. */
  readonly root: string
  readonly installId: string
  /** Free space below which nothing is written. */
  readonly reserveBytes: number
  /** What others may not do with the files; the process's own umask is for what nobody else may read. */
  readonly umask?: number | undefined
  /** Whether other instances of this installation may write there as well. */
  readonly isShared?: boolean
  readonly clock: Clock
  readonly log: Log
}

/** The path leads through a symbolic link to somewhere else. */
export class OutsideDirectory extends Error {}

const markerName = '.blink-manifestd'
const partPattern = /^\.[0-9a-f]{8}\.part$/
const [directoryMode, fileMode, usualUmask] = [0o755, 0o644, 0o022]

/** How often the owner touches the marker, and after how long without that another may take it. */
export const [touchEveryMs, staleMs] = [15_000, 60_000]

/** After so long nobody is writing a file any more. */
const leftMs = 60 * 60_000

/** How much more room makes a full disk worth another try, and after how long one is made anyway. */
const [moreRoomBytes, refusedMs] = [1_000_000, 60 * 60_000]

const remedies: Readonly<Record<Exclude<DirectoryState, 'ok'>, string>> = {
  disk_full:
    'Make room, or lower clips.reserveMegabytes or clips.keepGigabytes. Downloads go on by themselves.',
  directory_away:
    'Is the drive mounted and writable? To start anew on another drive, put an empty file .blink-manifestd there.',
  directory_locked:
    'Another daemon saves clips there. Give this one a directory of its own (clips.directory).',
}

export class ClipDirectory {
  readonly root: string
  readonly #needs: DirectoryNeeds
  readonly #instance: string
  readonly #directoryMode: number
  readonly #fileMode: number
  #state: DirectoryState = 'ok'
  #claimed = false
  #looking: Promise<boolean> | undefined
  /** Since when a disk took no more although it had room left, by the clock's elapsed milliseconds, and how much. */
  #refused: { readonly at: number; readonly free: number } | undefined
  /** What another owner's marker looked like, and since when, by the clock's elapsed milliseconds. */
  #seen: { readonly touched: number; readonly at: number } | undefined

  constructor(needs: DirectoryNeeds) {
    this.root = needs.root
    this.#needs = needs
    this.#instance = needs.clock.uuid()
    const { umask = usualUmask } = needs
    this.#directoryMode = directoryMode & ~umask
    this.#fileMode = fileMode & ~umask
  }

  get state(): DirectoryState {
    return this.#state
  }

  /**
   * Whether clips can be written now. A state that is not `ok` is logged once.
   *
   * @param known whether clips were saved in this very directory before
   */
  usable(known: boolean): Promise<boolean> {
    // One look for all who want to know now: two would write the marker at the same time.
    this.#looking ??= this.#usable(known).finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #usable(known: boolean): Promise<boolean> {
    try {
      this.#become(await this.#look(known))
    } catch (error) {
      this.failed(error)
    }
    return this.#state === 'ok'
  }

  /** Takes over what a file operation has thrown. @throws the error again when it is not the file system's */
  failed(error: unknown): void {
    const code = errorCode(error)
    if (code === undefined) throw error
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    if (isFull) this.#refused = { at: this.#needs.clock.elapsed(), free: this.#freeNow() }
    this.#become(isFull ? 'disk_full' : 'directory_away')
  }

  /** Keeps the lock alive. */
  async touch(): Promise<void> {
    if (!this.#claimed) return
    const now = new Date(this.#needs.clock.now())
    await utimes(join(this.root, markerName), now, now).catch(() => undefined)
  }

  async release(): Promise<void> {
    if (!this.#claimed) return
    this.#claimed = false
    await this.#mark({ released: true }).catch(() => undefined)
  }

  /** Removes what earlier processes have left half-written; what others may be writing is left until it is old. */
  async sweep(): Promise<void> {
    const found = await readdir(this.root, { recursive: true, withFileTypes: true })
    for (const entry of found) {
      if (!entry.isFile() || !partPattern.test(entry.name)) continue
      const path = join(entry.parentPath, entry.name)
      if (this.#needs.isShared && this.#needs.clock.now() - (await changedAt(path)) < leftMs) continue
      await rm(path, { force: true })
    }
  }

  /** Begins a file below the directory. @throws OutsideDirectory */
  async begin(path: string): Promise<PartFile> {
    // Since the last look the drive may have been pulled out, and another disk would be written to.
    await stat(join(this.root, markerName))
    const directory = dirname(join(this.root, path))
    await this.#make(directory)
    const part = join(directory, `.${Buffer.from(this.#needs.clock.randomBytes(4)).toString('hex')}.part`)
    return beginPart(part, this.#fileMode)
  }

  /** Whether the file is there with its length and its content. */
  async holds({ path, bytes, sha256 }: ClipFile): Promise<boolean> {
    const handle = await this.openFile(path)
    if (!handle) return false
    try {
      return (await handle.stat()).size === bytes && (await hashOf(handle)) === sha256
    } finally {
      await handle.close()
    }
  }

  /** Opens a file for reading; `undefined` for what is not there, is no file, or lies outside of the directory. */
  async openFile(path: string): Promise<FileHandle | undefined> {
    const target = join(this.root, path)
    const found = await lstat(target).catch(unlessMissing)
    if (!found?.isFile() || !(await this.#isInside(dirname(target)))) return undefined
    return open(target, constants.O_RDONLY | constants.O_NOFOLLOW)
  }

  async exists(path: string): Promise<boolean> {
    return isThere(join(this.root, path))
  }

  async remove(path: string): Promise<void> {
    const target = join(this.root, path)
    if ((await isThere(dirname(target))) && !(await this.#isInside(dirname(target)))) return
    await rm(target, { force: true })
  }

  async #look(known: boolean): Promise<DirectoryState> {
    if (!known && !this.#claimed) await this.#makeOpen(this.root)
    const lock = await this.#lock(known)
    if (lock !== 'ok') return lock
    // What went wrong shows only in writing: a read-only disk can be read as before.
    if (this.#state !== 'ok') await this.#mark({ released: false })
    return this.#isFull(await freeBytes(this.root)) ? 'disk_full' : 'ok'
  }

  /** At once, before room is made by somebody. */
  #freeNow(): number {
    try {
      const { bavail, bsize } = statfsSync(this.root)
      return bavail * bsize
    } catch {
      return 0
    }
  }

  /** What a file has left that did not fit is no room: there must be more of it, or a quota may have been raised. */
  #isFull(free: number): boolean {
    if (free < this.#needs.reserveBytes) return true
    if (!this.#refused) return false
    const isOver = this.#needs.clock.elapsed() - this.#refused.at >= refusedMs
    if (free < this.#refused.free + moreRoomBytes && !isOver) return true
    this.#refused = undefined
    return false
  }

  async #lock(known: boolean): Promise<DirectoryState> {
    const path = join(this.root, markerName)
    const text = await readFile(path, 'utf8').catch(unlessMissing)
    if (text === undefined && (known || this.#claimed)) return 'directory_away'
    const owner = ownerIn(text)
    if (this.#claimed && owner?.instance === this.#instance) return 'ok'
    const isFree = owner === undefined || owner.released || owner.install_id === this.#needs.installId
    if (this.#claimed && !isFree) this.#claimed = false
    if (!isFree && !this.#isStale((await stat(path)).mtimeMs)) return 'directory_locked'
    await this.#mark({ released: false, isNew: text === undefined })
    if (!this.#claimed) await this.sweep()
    this.#claimed = true
    return 'ok'
  }

  /** Nobody's clock but ours counts: the owner's may be another one. */
  #isStale(touched: number): boolean {
    const at = this.#needs.clock.elapsed()
    if (this.#seen?.touched !== touched) this.#seen = { touched, at }
    return at - this.#seen.at >= staleMs
  }

  /** Written in place: where the drive has been pulled out, none must appear. An empty one is a free one. */
  async #mark({
    released,
    isNew = false,
  }: {
    readonly released: boolean
    readonly isNew?: boolean
  }): Promise<void> {
    const owner = { install_id: this.#needs.installId, instance: this.#instance, released }
    const handle = await open(join(this.root, markerName), isNew ? 'wx' : 'r+', this.#fileMode)
    try {
      await handle.truncate()
      await handle.writeFile(`${JSON.stringify(owner)}\n`)
    } finally {
      await handle.close()
    }
  }

  async #make(directory: string): Promise<void> {
    let present = directory
    while (!(await isThere(present))) present = dirname(present)
    if (!(await this.#isInside(present))) throw new OutsideDirectory(directory)
    await this.#makeOpen(directory)
    if (!(await this.#isInside(directory))) throw new OutsideDirectory(directory)
  }

  /** A directory that others may look into, with those above it that are not there. */
  async #makeOpen(directory: string): Promise<void> {
    const first = await mkdir(directory, { recursive: true, mode: this.#directoryMode })
    if (first === undefined) return
    for (let made = directory; made.length >= first.length; made = dirname(made)) {
      await chmod(made, this.#directoryMode).catch(unlessWithoutModes)
    }
  }

  async #isInside(directory: string): Promise<boolean> {
    const [root, real] = [await realpath(this.root), await realpath(directory)]
    return real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)
  }

  #become(state: DirectoryState): void {
    if (state === this.#state) return
    const { log } = this.#needs
    this.#state = state
    const fields = { directory: this.root, state }
    if (state === 'ok') log.info(fields, 'clips can be saved again')
    else log.warn({ ...fields, remedy: remedies[state] }, 'clips cannot be saved')
  }
}

/** When a file was last written to; now for one that has just been removed. */
async function changedAt(path: string): Promise<number> {
  return (await stat(path).catch(unlessMissing))?.mtimeMs ?? Number.POSITIVE_INFINITY
}

interface Owner {
  readonly install_id?: unknown
  readonly instance?: unknown
  readonly released?: unknown
}

function ownerIn(text: string | undefined): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
