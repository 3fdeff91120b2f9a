/**
 * When each login was last asked by a tick on start, kept so that a daemon which is restarted again and again does
 * not ask again and again. Written before the asking: what ends the daemon may be the answer.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../domain/clock.ts'
import { parseJson, readWhole, writeWhole } from './state-files.ts'

export interface Starts {
  /** In milliseconds since the epoch; `undefined` when it was not within the last hour. */
  lastAt(loginKey: string): number | undefined
  /** It is asked now. @throws StoreFailed when that cannot be kept */
  note(loginKey: string): Promise<void>
}

const file = z.record(z.string(), z.number())

/** Older ones say nothing about restarts, and their logins may be gone. */
const keptMs = 60 * 60_000

/** The note in the data directory; a damaged one counts as none. @throws StoreFailed when it cannot be read */
export async function openStarts(dataDir: string, clock: Clock): Promise<Starts> {
  const path = join(dataDir, 'starts.json')
  const at = new Map(Object.entries(file.safeParse(parseJson((await readWhole(path)) ?? '')).data ?? {}))
  let last: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined

  const isKept = (moment: number) => moment <= clock.now() && clock.now() - moment < keptMs

  function write(): Promise<void> {
    next = undefined
    return writeWhole(path, `${JSON.stringify(Object.fromEntries(at))}\n`)
  }

  return {
    lastAt(loginKey) {
      const moment = at.get(loginKey)
      return moment !== undefined && isKept(moment) ? moment : undefined
    },
    note(loginKey) {
      for (const [key, moment] of at) if (!isKept(moment)) at.delete(key)
      at.set(loginKey, clock.now())
      // All that are noted while the file is being written go into the next one together.
      if (!next) {
        next = last.then(write, write)
        last = next
      }
      return next
    },
  }
}
