/**
 * A file on its way, under a temporary name in the directory of its final one, and what file systems are not able to do.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '../domain/file-failures.ts'
import type { ByteReader } from './mp4.ts'

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

/**
 * Begins a file that is not there.
 *
 * @param linking how a file gets a second name, for tests without FAT
 */
export async function beginPart(path: string, mode: number, linking = link): Promise<PartFile> {
  const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants
  const handle = await open(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode)
  await handle.chmod(mode).catch(unlessWithoutModes)
  return new Part(handle, path, linking)
}

class Part implements PartFile {
  readonly #handle: FileHandle
  readonly #path: string
  readonly #link: typeof link
  readonly #hash = createHash('sha256')
  #bytes = 0
  #sha256: string | undefined
  #closed = false

  constructor(handle: FileHandle, path: string, linking: typeof link) {
    this.#handle = handle
    this.#path = path
    this.#link = linking
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
      await this.#link(this.#path, target)
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

export async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(unlessMissing)) !== undefined
}

export function unlessMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error
}

/** FAT and many network shares keep no modes, or only those of their mount. */
export function unlessWithoutModes(error: unknown): void {
  if (!isUnknownHere(errorCode(error))) throw error
}

/** Whether an error says that the file system has no such thing. */
function isUnknownHere(code: string | undefined): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code ?? '')
}

/** Of the whole content, in hexadecimal. */
export async function hashOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) hash.update(chunk)
  return hash.digest('hex')
}
