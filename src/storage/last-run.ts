/**
 * The last scheduled run on a day on which the clocks are set back, so that a restart between the two equal hours
 * does not bring it again. On other days nothing is written.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { LastRun } from '../domain/ports.ts'
import { parseJson, readWhole, writeWhole } from './state-files.ts'

const file = z.object({ at: z.number() })

/** The note in the data directory; a damaged one counts as none. @throws StoreFailed when it cannot be read */
export async function openLastRun(dataDir: string): Promise<LastRun> {
  const path = join(dataDir, 'last-run.json')
  return {
    at: file.safeParse(parseJson((await readWhole(path)) ?? '')).data?.at,
    keep: (at) => writeWhole(path, `${JSON.stringify({ at })}\n`),
  }
}
