/**
 * Small files that must survive: written whole or not at all, readable by their owner only; most of them JSON.
 *
 * Temporary file, fsync, rename, fsync of the directory: after `writeWhole` resolves, a power cut leaves the new
 * content, and before that the old.
 */
import { constants, statSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { z } from 'zod'
import { StoreFailed } from '../domain/errors.ts'
import { errorCode, fileFailed, NotRegular } from '../domain/file-failures.ts'

const draftSuffix = '.draft'

/** Far more writers of one file at a time than there are; beyond that something is wrong. */
const mostDrafts = 100

/**
 * Makes a directory and its parents, readable by their owner only.
 *
 * @throws StoreFailed when it cannot be made
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await makeWithParents(path)
  } catch (cause) {
    throw fileFailed(`cannot make the directory ${path}`, cause)
  }
}

/** Step by step, because Node's own recursive way never returns where a file system refuses with ENOENT. */
async function makeWithParents(path: string): Promise<void> {
  const parent = dirname(path)
  const make = () => mkdir(path, { mode: 0o700 })
  try {
    await make()
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (errorCode(cause) !== 'ENOENT' || parent === path) throw cause
    await makeWithParents(parent)
    await make()
  }
}

/**
 * Replaces a file's content.
 *
 * @throws StoreFailed when it could not be written; the old content is still there then
 */
export async function writeWhole(path: string, content: string): Promise<void> {
  let draft: string | undefined
  try {
    const { name, file } = await openDraft(path)
    draft = name
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
    await syncDirectory(dirname(path))
  } catch (cause) {
    if (draft !== undefined) await rm(draft, { force: true }).catch(() => undefined)
    throw fileFailed(`cannot write ${path}`, cause)
  }
}

/**
 * Removes a file that may not be there.
 *
 * @throws StoreFailed when it is and stays
 */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
  } catch (cause) {
    throw fileFailed(`cannot remove ${path}`, cause)
  }
}

/** A new file beside the one to replace; two writers of one file get one each, and the last rename wins. */
async function openDraft(path: string) {
  for (let attempt = 0; ; attempt++) {
    const name = join(dirname(path), `.${basename(path)}.${attempt}${draftSuffix}`)
    try {
      return { name, file: await open(name, 'wx', 0o600) }
    } catch (cause) {
      if (errorCode(cause) !== 'EEXIST' || attempt === mostDrafts) throw cause
    }
  }
}

/** A write takes far less, on whatever disk; how far a network drive's clock is off is in it too. */
const draftLifeMs = 5 * 60 * 1000

/**
 * Removes drafts that a killed process left behind, some minutes after it did: `login` writes beside a daemon that
 * starts, and a young draft may be its.
 */
export async function sweepDrafts(directory: string, now: number): Promise<void> {
  for (const name of await listFiles(directory)) {
    if (!name.endsWith(draftSuffix)) continue
    const path = join(directory, name)
    const madeAt = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => now,
    )
    // A draft of the future is one of before the clock was set back.
    if (Math.abs(now - madeAt) > draftLifeMs) await removeFile(path)
  }
}

/**
 * The names in a directory.
 *
 * @throws StoreFailed when it cannot be read
 */
export async function listFiles(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (cause) {
    throw fileFailed(`cannot read the directory ${directory}`, cause)
  }
}

/**
 * When a file, or the list of a directory, was last changed, in milliseconds since the epoch.
 *
 * @throws StoreFailed when it is not there
 */
export async function modifiedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (cause) {
    throw fileFailed(`cannot look at ${path}`, cause)
  }
}

/**
 * A file's text, or `undefined` when there is none.
 *
 * @throws StoreFailed when it is there and cannot be read
 */
export async function readWhole(path: string): Promise<string | undefined> {
  try {
    // A pipe is opened at once that way, and not when somebody writes to it.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = await file.stat()
    if (!found.isFile()) throw new NotRegular({ isDirectory: found.isDirectory() })
    return await file.readFile('utf8')
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw fileFailed(`cannot read ${path}`, cause)
  }
}

/** One value in a JSON file. */
export interface JsonFile<T> {
  /** `undefined` when there is none, or the file is not what was written. @throws StoreFailed when it cannot be read */
  read(): Promise<T | undefined>
  /** The same for what must not be lost. @throws StoreFailed with this remedy when the file is not what was written */
  readIntact(remedy: string): Promise<T | undefined>
  /** @throws StoreFailed when it could not be written; the old value is still there then */
  write(value: T): Promise<void>
  /** @throws StoreFailed when it is there and stays */
  remove(): Promise<void>
}

export function jsonFile<T>(path: string, schema: z.ZodType<T>): JsonFile<T> {
  const parse = (text: string) => schema.safeParse(parseJson(text)).data
  return {
    async read() {
      const text = await readWhole(path)
      return text === undefined ? undefined : parse(text)
    },
    async readIntact(remedy) {
      const text = await readWhole(path)
      if (text === undefined) return undefined
      const value = parse(text)
      if (value === undefined) throw new StoreFailed(`${path} is damaged`, { remedy })
      return value
    },
    write: (value) => writeWhole(path, `${JSON.stringify(value, undefined, 2)}\n`),
    remove: () => removeFile(path),
  }
}

/** The value of a JSON text, or `undefined` for anything else; the caller says what is wrong with the file. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Which file or directory this is, whatever its name; `undefined` when there is none. */
export function fileIdOf(path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true })
    return found && `${found.dev}:${found.ino}`
  } catch (cause) {
    throw fileFailed(`cannot look at ${path}`, cause)
  }
}

/** A rename is durable only when the directory that holds the name is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Its permissions, as chmod takes them. */
export function modeOf(path: string): number {
  try {
    return statSync(path).mode & 0o7777
  } catch (cause) {
    throw fileFailed(`cannot look at ${path}`, cause)
  }
}
