/**
 * What SQLite's result codes mean to us: another daemon, a damaged file, a trouble of the disk, or a bug of ours.
 *
 * @see sqlite.org/rescode.html
 */
import { StoreFailed } from '../domain/errors.ts'
import { fileFailed } from '../domain/file-failures.ts'
import { troubleWith } from './file-trouble.ts'

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

/** Troubles of the machine: they say nothing about what is in the file. */
const troubles: readonly number[] = [
  codes.permission,
  codes.busy,
  codes.locked,
  codes.outOfMemory,
  codes.readOnly,
  codes.ioError,
  codes.full,
  codes.cannotOpen,
]

/** The file is not what we wrote: to be set aside and not to be worked with. */
export class DatabaseDamaged extends StoreFailed {}

/** SQLite's primary result code, or `undefined` for an error that is not SQLite's. */
function resultCode(cause: unknown): number | undefined {
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
 * Our SQL is known to fit our schema, so while opening even a plain error ("no such table", "table already exists")
 * says that the file does not hold what its version promises.
 */
export function expectedWhileOpening(path: string, cause: unknown): unknown {
  const code = resultCode(cause)
  const message = `cannot open ${path}`
  if (code === undefined || troubles.includes(code)) return expected({ message, path }, cause)
  return damaged(message, cause)
}

/**
 * What a caller of the store gets for it. What is neither SQLite's nor the file system's is a bug, and is thrown as
 * it is.
 *
 * @param path of a database that is in use, to ask the file system about
 */
export function expected(
  { message, path }: { readonly message: string; readonly path?: string },
  cause: unknown,
): unknown {
  if (cause instanceof StoreFailed) return cause
  const code = resultCode(cause)
  if (code === undefined) return fileFailed(message, cause)
  if (code === codes.corrupt || code === codes.notADatabase) return damaged(message, cause)
  const trouble = path !== undefined && isOfFiles(code) ? troubleWith(path) : undefined
  if (trouble !== undefined) return fileFailed(message, trouble)
  return new StoreFailed(message, { cause, remedy: remedyFor(code) })
}

/** Codes behind which the system's own are hidden. */
function isOfFiles(code: number): boolean {
  return [codes.permission, codes.readOnly, codes.ioError, codes.full, codes.cannotOpen].some(
    (one) => one === code,
  )
}

export function damaged(message: string, cause: unknown): DatabaseDamaged {
  const remedy = 'The file is damaged: check the disk. Logins are kept elsewhere and stay.'
  return new DatabaseDamaged(message, { cause, remedy })
}

function remedyFor(code: number): string {
  switch (code) {
    case codes.full:
      return 'The disk is full: make room.'
    case codes.readOnly:
      return 'The file or its directory is read-only for this user.'
    case codes.ioError:
      return 'The disk fails, or is full: look at the system log.'
    default:
      return 'Is the disk full, or the directory not writable for this user?'
  }
}
