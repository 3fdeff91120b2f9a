/**
 * When each account was last requested by a run at startup, kept so that a daemon that is restarted again and again
 * does not request again and again. Written before the request: what ends the daemon may be the answer.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../domain/clock.ts'
import type { StartThrottle } from '../domain/ports.ts'
import { parseJson, readWhole, writeWhole } from './state-files.ts'

const file = z.record(z.string(), z.number())

/** Older ones say nothing about restarts, and their logins may be gone. */
const keptMs = 60 * 60_000

/** The note in the data directory; a damaged one counts as none. @throws StoreFailed when it cannot be read */
export async function openStartThrottle(dataDir: string, clock: Clock): Promise<StartThrottle> {
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
    async lastAt(account) {
      const moment = at.get(account)
      return moment !== undefined && isKept(moment) ? moment : undefined
    },
    note(account) {
      for (const [key, moment] of at) if (!isKept(moment)) at.delete(key)
      at.set(account, clock.now())
      // All that are noted while the file is being written go into the next one together.
      if (!next) {
        next = last.then(write, write)
        last = next
      }
      return next
    },
  }
}
