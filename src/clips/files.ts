/**
 * The directory of clips: one writer at a time, nothing half-written under a final name, nothing outside of it.
 *
 * A drive may be unplugged, full or read-only, and its mount point is then an empty directory of another disk. So a
 * file of ours marks the directory; where it is missing, the directory is away and nothing is written. The same file
 * is the lock: its owner touches it, and another daemon takes it over only when nobody has touched it for a while.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import {
  chmod,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import type { ClipFile } from '../domain/clip.ts'
import type { Clock } from '../domain/clock.ts'
import { errorCode } from '../domain/file-failures.ts'
import type { Log } from '../domain/ports.ts'
import type { ByteReader } from './mp4.ts'

export type DirectoryState = 'ok' | 'disk_full' | 'directory_away' | 'directory_locked'

export interface DirectoryNeeds {
  /** Absolute. */
  readonly root: string
  readonly installId: string
  /** Free space below which nothing is written. */
  readonly reserveBytes: number
  /** What others may not do with the files; the process's own umask is for what nobody else may read. */
  readonly umask?: number | undefined
  readonly clock: Clock
  readonly log: Log
}

/** A file on its way, under a temporary name in the directory of its final one. */
export interface PartFile extends ByteReader {
  readonly bytes: number
  readonly sha256: string
  write(chunk: Uint8Array): Promise<void>
  /** On disk, with the time of its recording. */
  sync(createdAt: number): Promise<void>
  /** Gives it its final name, in the same directory; false when another file has it. */
  place(name: string): Promise<boolean>
  discard(): Promise<void>
}

/** The path leads through a symbolic link to somewhere else. */
export class OutsideDirectory extends Error {}

const markerName = '.blink-manifestd'
const partPattern = /^\.[0-9a-f]{8}\.part$/
const [directoryMode, fileMode, usualUmask] = [0o755, 0o644, 0o022]

/** How often the owner touches the marker, and after how long without that another may take it. */
export const [touchEveryMs, staleMs] = [15_000, 60_000]

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
  async usable(known: boolean): Promise<boolean> {
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
    this.#become(code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'directory_away')
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

  /** Removes what earlier processes have left half-written. */
  async sweep(): Promise<void> {
    const found = await readdir(this.root, { recursive: true, withFileTypes: true })
    for (const entry of found) {
      if (entry.isFile() && partPattern.test(entry.name)) await rm(join(entry.parentPath, entry.name))
    }
  }

  /** Begins a file below the directory. @throws OutsideDirectory */
  async begin(path: string): Promise<PartFile> {
    const directory = dirname(join(this.root, path))
    await this.#make(directory)
    const part = join(directory, `.${Buffer.from(this.#needs.clock.randomBytes(4)).toString('hex')}.part`)
    const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants
    const handle = await open(part, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, this.#fileMode)
    await handle.chmod(this.#fileMode).catch(unlessWithoutModes)
    return new Part(handle, part)
  }

  /** Whether the file is there with its length and its content. */
  async holds({ path, bytes, sha256 }: ClipFile): Promise<boolean> {
    try {
      const handle = await open(join(this.root, path))
      try {
        if ((await handle.stat()).size !== bytes) return false
        const hash = createHash('sha256')
        for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk)
        return hash.digest('hex') === sha256
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
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
    const { bavail, bsize } = await statfs(this.root)
    return bavail * bsize < this.#needs.reserveBytes ? 'disk_full' : 'ok'
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
    await this.#mark({ released: false })
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

  async #mark({ released }: { readonly released: boolean }): Promise<void> {
    const owner = { install_id: this.#needs.installId, instance: this.#instance, released }
    const path = join(this.root, markerName)
    await writeFile(`${path}.new`, `${JSON.stringify(owner)}\n`, { mode: this.#fileMode })
    await rename(`${path}.new`, path)
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

class Part implements PartFile {
  readonly #handle: FileHandle
  readonly #path: string
  readonly #hash = createHash('sha256')
  #bytes = 0
  #sha256: string | undefined
  #closed = false

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle
    this.#path = path
  }

  get bytes(): number {
    return this.#bytes
  }

  get sha256(): string {
    this.#sha256 ??= this.#hash.digest('hex')
    return this.#sha256
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      at += (await this.#handle.write(chunk, at)).bytesWritten
    }
    this.#hash.update(chunk)
    this.#bytes += chunk.length
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  }

  async sync(createdAt: number): Promise<void> {
    await this.#handle.sync()
    await this.#handle.utimes(createdAt / 1000, createdAt / 1000)
  }

  async place(name: string): Promise<boolean> {
    await this.#close()
    const target = join(dirname(this.#path), name)
    try {
      await link(this.#path, target)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EEXIST') return false
      // FAT, exFAT and many network shares have no hard links; there is no other writer.
      if (!isUnknownHere(code)) throw error
      if (await isThere(target)) return false
      await rename(this.#path, target)
    }
    await syncDirectory(dirname(target))
    await rm(this.#path, { force: true })
    return true
  }

  async discard(): Promise<void> {
    await this.#close()
    await rm(this.#path, { force: true }).catch(() => undefined)
  }

  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#handle.close()
  }
}

/** Some file systems cannot; their names are on disk when they want. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(unlessMissing)) !== undefined
}

function unlessMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error
}

/** FAT and many network shares keep no modes, or only those of their mount. */
function unlessWithoutModes(error: unknown): void {
  if (!isUnknownHere(errorCode(error))) throw error
}

/** Whether an error says that the file system has no such thing. */
function isUnknownHere(code: string | undefined): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code ?? '')
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
