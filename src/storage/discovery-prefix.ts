/**
 * Below which topic our discovery documents were last published, kept so that they can be removed there.
 *
 * Without this note, a daemon whose discovery is switched off could not know whether it has published any.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { DiscoveryPrefix } from '../domain/ports.ts'
import { parseJson, readWhole, removeFile, writeWhole } from './state-files.ts'

const file = z.object({ prefix: z.string().min(1) })

/** The note in the data directory; a damaged one counts as none. @throws StoreFailed from each method */
export function openDiscoveryPrefix(dataDir: string): DiscoveryPrefix {
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
