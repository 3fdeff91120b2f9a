/**
 * Room on the disk: how much there is, and what is held back for the answers in hand when it fills up.
 *
 * Who finds the disk full removes this file, writes what must not be lost, and requests nothing more until the file
 * could be made again. So no run needs to try the disk first, which on the memory card of a small computer would be
 * most of what is ever written.
 */
import { closeSync, constants, openSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { fileFailed, NotRegular } from '../domain/file-failures.ts'

export interface DiskReserve {
  /** Why nothing should be requested that would have to be kept, or `undefined` when there is room. */
  readonly missing: StoreFailed | undefined
  /** Makes it, if it is not there. @throws StoreFailed when there is no room for it */
  hold(): void
  /** Gives the room away; false when there was none to give. */
  spend(): boolean
}

/** For every answer that may be in flight, a row and an item with their indexes and log: 64 of 16 KiB each. */
const reserveBytes = 1024 * 1024

/** As `w`, but a pipe is refused and not waited for. */
const toWrite = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK

/** The reserve of a data directory; there after `hold`. @throws StoreFailed when its place cannot be looked at */
export function openReserve(directory: string, clock: Clock): DiskReserve {
  const path = join(directory, 'reserve')
  const message = `cannot write to ${path}`
  let missing: StoreFailed | undefined = isWhole(path) ? undefined : new StoreFailed(message)
  return {
    get missing() {
      return missing
    },
    hold() {
      if (!missing) return
      try {
        const file = openSync(path, toWrite, 0o600)
        try {
          // No zeros: a file system that packs what it stores would hold back nothing.
          writeFileSync(file, clock.randomBytes(reserveBytes), { flush: true })
        } finally {
          closeSync(file)
        }
        missing = undefined
      } catch (cause) {
        tryToRemove(path)
        const error = fileFailed(message, cause)
        if (error instanceof StoreFailed) missing = error
        throw error
      }
    },
    spend() {
      if (missing) return false
      missing = new StoreFailed(message)
      return tryToRemove(path)
    },
  }
}

function isWhole(path: string): boolean {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found && !found.isFile()) throw new NotRegular({ isDirectory: found.isDirectory() })
    return found?.size === reserveBytes
  } catch (cause) {
    throw fileFailed(`cannot use ${path}`, cause)
  }
}

function tryToRemove(path: string): boolean {
  try {
    rmSync(path)
    return true
  } catch {
    // Somebody was here before us, or the disk cannot even do that.
    return false
  }
}

/** How much room the disk of a directory has left. @throws the file system's error */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}
