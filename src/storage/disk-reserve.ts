/**
 * Room on the disk that is held back for the answers in hand when it fills up.
 *
 * A file of its own, written once: whoever finds the disk full removes it, writes what must not be lost, and asks
 * for nothing more until the file could be made again. So no tick needs to try the disk first, which on the memory
 * card of a small computer would be most of what is ever written.
 */
import { constants, rmSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { fileFailed, NotRegular } from '../domain/file-failures.ts'
import { removeFile } from './state-files.ts'

export interface Reserve {
  /** Why nothing should be asked for that would have to be kept, or `undefined` when there is room. */
  readonly missing: StoreFailed | undefined
  /**
   * Makes it, if it is not there.
   *
   * @throws StoreFailed when there is no room for it
   */
  hold(): Promise<void>
  /** Gives the room away; false when there was none to give. */
  spend(): boolean
}

/** For every answer that may be in flight, a row and an item with their indexes and log: 64 of 16 KiB each. */
const reserveBytes = 1024 * 1024

/** As `w`, but a pipe is refused and not waited for. */
const toWrite = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK

/** The reserve of a data directory; there after `hold`. @throws StoreFailed when its place cannot be looked at */
export function openReserve(directory: string, clock: Clock): Reserve {
  const path = join(directory, 'reserve')
  let held = isWhole(path)
  let making: Promise<void> | undefined
  const message = `cannot write to ${directory}`
  let missing = new StoreFailed(message)

  async function make(): Promise<void> {
    try {
      // No zeros: a file system that packs what it stores would hold back nothing.
      await writeFile(path, clock.randomBytes(reserveBytes), { mode: 0o600, flush: true, flag: toWrite })
      held = true
    } catch (cause) {
      await removeFile(path).catch(() => undefined)
      const error = fileFailed(message, cause)
      if (error instanceof StoreFailed) missing = error
      throw error
    }
  }

  return {
    get missing() {
      return held ? undefined : missing
    },
    async hold() {
      if (held) return
      making ??= make().finally(() => {
        making = undefined
      })
      await making
    },
    spend() {
      if (!held) return false
      held = false
      try {
        rmSync(path)
        return true
      } catch {
        // Somebody was here before us, or the disk cannot even do that.
        return false
      }
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
