/**
 * A file whose time of change says that the daemon's event loop turns; what a container's health check reads.
 *
 * Not a port, so nothing is opened on a network; not a socket, since some volumes cannot hold one. Once a minute,
 * since each touch is a write to what may be an SD card.
 */
import { stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { errorCode, failureOf } from '../domain/file-failures.ts'
import type { Log } from '../domain/ports.ts'
import { writeWhole } from './state-files.ts'

const beatMs = 60_000

/** Two beats may be missed. */
const oldestBeatMs = 3 * beatMs

/** Beats until `signal` is aborted. A disk that cannot be written is logged once and is no reason to stop. */
export async function beat(dataDir: string, needs: { clock: Clock; log: Log }, signal: AbortSignal) {
  const path = heartbeatPath(dataDir)
  let isFailing = false
  while (!signal.aborted) {
    try {
      await touch(path, needs.clock.now())
      isFailing = false
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      if (!isFailing)
        needs.log.warn({ detail: error.message, remedy: error.remedy }, 'cannot write the heartbeat')
      isFailing = true
    }
    await needs.clock.sleep(beatMs, signal).catch(() => undefined)
  }
}

/** Why the daemon of this directory is not well, or `undefined` when it is. */
export async function ailment(dataDir: string, now: number): Promise<string | undefined> {
  try {
    const age = now - (await stat(heartbeatPath(dataDir))).mtimeMs
    return age > oldestBeatMs ? `last sign of life ${Math.round(age / 1000)} s ago` : undefined
  } catch (cause) {
    const isMissing = errorCode(cause) === 'ENOENT'
    return isMissing ? 'no sign of life yet' : `no sign of life can be seen: ${failureOf(cause)?.reason}`
  }
}

async function touch(path: string, now: number): Promise<void> {
  const seconds = now / 1000
  await utimes(path, seconds, seconds).catch(() => writeWhole(path, ''))
}

function heartbeatPath(dataDir: string): string {
  return join(dataDir, 'heartbeat')
}
