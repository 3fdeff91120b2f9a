/**
 * What SQLite's result codes mean to us: another daemon, a damaged file, trouble with the disk, or a bug of ours.
 *
 * SQLite says "unable to open" or "disk I/O error" for a dozen of the system's own codes, so what it does is tried
 * here on files of our own, which names the cause.
 *
 * @see sqlite.org/rescode.html
 */
import { accessSync, closeSync, constants, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StoreFailed } from '../domain/errors.ts'
import { fileFailed, NotRegular } from '../domain/file-failures.ts'

const codes = {
  permission: 3,
  busy: 5,
  locked: 6,
  outOfMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const

/** Codes behind which the system's own are hidden. */
const ofFiles: readonly number[] = [
  codes.permission,
  codes.readOnly,
  codes.ioError,
  codes.full,
  codes.cannotOpen,
]

/** Troubles of the machine: they say nothing about what is in the file. */
const ofMachine: readonly number[] = [...ofFiles, codes.busy, codes.locked, codes.outOfMemory]

const remedies: Readonly<Record<number, string>> = {
  [codes.full]: 'The disk is full: make room.',
  [codes.readOnly]: 'The file or its directory is read-only for this user.',
  [codes.ioError]: 'The disk fails, or is full: look at the system log.',
}

/** The file is not what we wrote: to be quarantined and not to be worked with. */
export class DatabaseDamaged extends StoreFailed {}

/** SQLite's primary result code, or `undefined` for an error that is not SQLite's. */
export function resultCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !('errcode' in cause)) return undefined
  return typeof cause.errcode === 'number' ? cause.errcode & 0xff : undefined
}

export function isLocked(cause: unknown): boolean {
  return resultCode(cause) === codes.busy
}

/** Whether it may be that the file system cannot lock. */
export function isIoError(cause: unknown): boolean {
  return resultCode(cause) === codes.ioError
}

export function isReadOnly(cause: unknown): boolean {
  return resultCode(cause) === codes.readOnly
}

/**
 * Our SQL fits our schema, so while opening even a plain error ("no such table", "table already exists") says that
 * the file does not hold what its version promises.
 */
export function expectedWhileOpening(path: string, cause: unknown): unknown {
  const code = resultCode(cause)
  const message = `cannot open ${path}`
  return code === undefined || ofMachine.includes(code)
    ? expected(message, path, cause)
    : damaged(message, cause)
}

/**
 * The error for a caller of storage. What is neither SQLite's nor the file system's is a bug, and is returned as it is.
 *
 * @param message what was being done, for instance `cannot read /data/state.db`
 */
export function expected(message: string, path: string, cause: unknown): unknown {
  if (cause instanceof StoreFailed) return cause
  const code = resultCode(cause)
  if (code === undefined) return fileFailed(message, cause)
  if (code === codes.corrupt || code === codes.notADatabase) return damaged(message, cause)
  const trouble = ofFiles.includes(code) ? troubleWith(path) : undefined
  if (trouble !== undefined) return fileFailed(message, trouble)
  const remedy = remedies[code] ?? 'Is the disk full, or the directory not writable for this user?'
  return new StoreFailed(message, { cause, remedy })
}

export function damaged(message: string, cause?: unknown): DatabaseDamaged {
  const remedy = 'The file is damaged: check the disk. Credentials are kept elsewhere and stay.'
  return new DatabaseDamaged(message, { cause, remedy })
}

/** The file system's first error with the database, its log or its directory; `undefined` when there is none. */
export function troubleWith(path: string): unknown {
  try {
    const directory = dirname(path)
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    for (const file of filesOf(path)) {
      // Never opened: closing a file drops every lock that this process has on it.
      if (isThere(file)) accessSync(file, constants.R_OK | constants.W_OK)
    }
    tryToWrite(join(directory, '.try.draft'))
    return undefined
  } catch (cause) {
    return cause
  }
}

/** @throws NotRegular for anything that SQLite should not open, such as a pipe */
export function requireRegular(path: string): void {
  filesOf(path).forEach(isThere)
}

function filesOf(path: string): readonly string[] {
  return [path, `${path}-wal`]
}

function isThere(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found && !found.isFile()) throw new NotRegular({ isDirectory: found.isDirectory() })
  return found !== undefined
}

function tryToWrite(path: string): void {
  const file = openSync(path, 'w', 0o600)
  try {
    writeSync(file, Buffer.alloc(4_096, 1))
    fsyncSync(file)
  } finally {
    closeSync(file)
    rmSync(path, { force: true })
  }
}
