/**
 * What each error code of the file system means to a person: one table for every file operation of the program.
 *
 * The system's codes are told apart by name, and by number where Node has no name for them: it reports ESTALE and
 * EDQUOT as "Unknown system error".
 */
import { constants } from 'node:os'
import { StoreFailed } from './errors.ts'

export interface FileFailure {
  /** A clause: what is the matter. */
  readonly reason: string
  /** What to do about it, as the rest of a sentence that begins with the reason. */
  readonly remedy: string
  /** Waiting does not help: a person must change an owner, a mode, a path. */
  readonly isLasting: boolean
}

const elsewhere = 'or set dataDir to another directory'

function lasting(reason: string, remedy: string): FileFailure {
  return { reason, remedy, isLasting: true }
}

function passing(reason: string, remedy: string): FileFailure {
  return { reason, remedy, isLasting: false }
}

const noAnswer = passing(
  'the network share does not answer',
  'look whether its server can be reached; it is tried again',
)

const unable = lasting(
  'this file system cannot do that',
  'set dataDir to a directory on a disk of this machine',
)

const failures: Readonly<Record<string, FileFailure>> = {
  EACCES: lasting(
    'this user lacks the permission',
    `give it the owner or the mode that is needed, ${elsewhere}`,
  ),
  EPERM: lasting(
    'the system does not permit it to this user',
    `look at the owner, at chattr and at the rules of the container or the service, ${elsewhere}`,
  ),
  EROFS: lasting('the file system is read-only', 'set dataDir to one that is not'),
  EISDIR: lasting('it is a directory, not a file', 'move it away'),
  ENOTDIR: lasting('something on the way is a file and no directory', 'set dataDir to a directory'),
  EEXIST: lasting('there is a file of that name and no directory', 'set dataDir to a directory'),
  ELOOP: lasting('its symbolic links go round in a circle', 'mend them'),
  EFTYPE: lasting('it is a pipe, a socket or a device and not a regular file', 'put a file in its place'),
  ENXIO: lasting('it is a pipe, a socket or a device and not a regular file', 'put a file in its place'),
  ENAMETOOLONG: lasting('its name is too long', 'choose a shorter one'),
  ENOENT: lasting('there is no such file or directory, or none can be made there', elsewhere.slice(3)),
  EINVAL: unable,
  ENOSYS: unable,
  ENOTSUP: unable,
  EOPNOTSUPP: unable,
  ENOSPC: passing('the disk is full', 'make room'),
  EDQUOT: passing('the disk quota of this user is used up', 'make room, or have the quota raised'),
  EFBIG: passing('the file is larger than this user may write', 'raise the limit (ulimit -f)'),
  EIO: passing('the disk fails', 'look at the system log, and replace the disk if it says so'),
  ESTALE: passing('the network share has lost the file', 'mount the share again'),
  ENODEV: passing('the disk is gone', 'connect and mount it again'),
  ENOLCK: passing(
    'the file system has no locks',
    'set dataDir to a directory on a disk of this machine, or mount the share with locks',
  ),
  EBUSY: passing('another program holds it', 'end that program'),
  EMFILE: passing('too many files are open', 'raise the limit (ulimit -n)'),
  ENFILE: passing('too many files are open', 'end programs, or raise the limit of the system (fs.file-max)'),
  ENOMEM: passing('there is too little memory', 'end programs, or raise the limit of the container'),
  ETIMEDOUT: noAnswer,
  EHOSTDOWN: noAnswer,
  EHOSTUNREACH: noAnswer,
  ENOTCONN: noAnswer,
}

/** Something other than a regular file, where one was expected: to read it might never end. */
export class NotRegular extends Error {
  readonly code: string

  constructor({ isDirectory }: { readonly isDirectory: boolean }) {
    super('not a regular file')
    this.code = isDirectory ? 'EISDIR' : 'EFTYPE'
  }
}

/** The name of the system's error code, such as `EACCES`; `undefined` for an error that is not the file system's. */
export function errorCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined
  const { code, errno } = cause as NodeJS.ErrnoException
  if (code === 'ERR_FS_EISDIR') return 'EISDIR'
  if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) return code
  if (typeof errno !== 'number') return undefined
  return Object.entries(constants.errno).find(([, number]) => number === -errno)?.[0] ?? `errno ${-errno}`
}

/** What the error means; `undefined` for one that is not the file system's. */
export function failureOf(cause: unknown): FileFailure | undefined {
  const code = errorCode(cause)
  if (code === undefined) return undefined
  return failures[code] ?? passing(`the system says ${code}`, 'look at the system log')
}

/**
 * What the caller of a file operation gets. An error that is not the file system's is a bug, and is returned as it is.
 *
 * @param message what was being done, for instance `cannot read /data/install.json`
 */
export function fileFailed(message: string, cause: unknown): unknown {
  const failure = failureOf(cause)
  if (!failure) return cause
  const { reason, remedy, isLasting } = failure
  const sentence = `${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}: ${remedy}.`
  return new StoreFailed(message, { cause, remedy: sentence, isLasting })
}
