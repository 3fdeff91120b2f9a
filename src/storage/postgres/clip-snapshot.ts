/** What the database knows of clips, for who lists them. */
import { clipsByModule, type ModuleClips } from '../clip-snapshot.ts'
import type { Database } from './database.ts'

export async function readClips({ query, tables }: Database): Promise<readonly ModuleClips[]> {
  const rows = async (text: string) => (await query(text)).rows
  return clipsByModule({
    modules: await rows(`SELECT module FROM ${tables.module}`),
    notes: await rows(`SELECT name, note FROM ${tables.clip_note}`),
    clips: await rows(`SELECT module, gone_at, clip FROM ${tables.clip}`),
  })
}
