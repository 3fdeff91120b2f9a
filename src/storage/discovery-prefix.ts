/**
 * Under which topic Home Assistant was last told of our devices, kept so that they can be taken back there.
 *
 * Without this note, a daemon whose discovery is switched off could not tell devices of its own past from none.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { parseJson, readWhole, removeFile, writeWhole } from './state-files.ts'

export interface Announced {
  /** Below which topic, or `undefined` when there is nothing to take back. */
  prefix(): Promise<string | undefined>
  keep(prefix: string): Promise<void>
  forget(): Promise<void>
}

const file = z.object({ prefix: z.string().min(1) })

/** The note in the data directory; a damaged one counts as none. @throws StoreFailed from each method */
export function openAnnounced(dataDir: string): Announced {
  const path = join(dataDir, 'home-assistant.json')
  return {
    async prefix() {
      const text = await readWhole(path)
      return text === undefined ? undefined : file.safeParse(parseJson(text)).data?.prefix
    },
    keep: (prefix) => writeWhole(path, `${JSON.stringify({ prefix })}\n`),
    forget: () => removeFile(path),
  }
}
