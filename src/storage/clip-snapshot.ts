/**
 * What the database knows of clips, read beside a running daemon.
 */
import type { ClipModule, KnownClip } from '../domain/clip.ts'
import { keyIn, keyOf, type ModuleKey, type SyncModule } from '../domain/model.ts'
import type { Row, Sql } from './connection.ts'
import { readCopy } from './database-copy.ts'
import { clipIn, clipModuleIn, moduleIn } from './rows.ts'

/** A sync module and its clips. */
export interface ModuleClips {
  readonly key: ModuleKey
  /** `undefined` when it was removed from the account. */
  readonly module: SyncModule | undefined
  /** `undefined` when no manifest has been followed yet. */
  readonly kept: ClipModule | undefined
  /** Each that the daemon has looked at, and whether the last manifest listed it; the newest first. */
  readonly clips: readonly { readonly clip: KnownClip; readonly onStick: boolean }[]
}

/**
 * The sync modules of which clips or manifests are known, in the order of their ids.
 *
 * @throws StoreFailed when it cannot be read, or a newer version has written it
 */
export async function readClips(dataDir: string): Promise<readonly ModuleClips[]> {
  return (await readCopy(dataDir, modulesIn)) ?? []
}

function modulesIn(sql: Sql): readonly ModuleClips[] {
  return clipsByModule({
    modules: sql.prepare('SELECT module FROM modules').iterate(),
    notes: sql.prepare('SELECT name, note FROM clip_notes').iterate(),
    clips: sql.prepare('SELECT module, gone_at, clip FROM clips').iterate(),
  })
}

/** Rows of the tables, each with these columns. */
export interface ClipRows {
  /** `module` */
  readonly modules: Iterable<Row>
  /** `name`, `note` */
  readonly notes: Iterable<Row>
  /** `module`, `gone_at`, `clip` */
  readonly clips: Iterable<Row>
}

export function clipsByModule(rows: ClipRows): readonly ModuleClips[] {
  const modules = new Map<string, SyncModule>()
  for (const row of rows.modules) {
    const module = moduleIn(row.module)
    if (module) modules.set(keyOf(module), module)
  }
  const found = new Map<string, { kept?: ClipModule; readonly clips: ModuleClips['clips'][number][] }>()
  const of = (name: string) => {
    const known = found.get(name) ?? { clips: [] }
    found.set(name, known)
    return known
  }
  for (const { name, note } of rows.notes) {
    const kept = clipModuleIn(note)
    if (kept) of(String(name)).kept = kept
  }
  for (const row of rows.clips) {
    const clip = clipIn(row.clip)
    if (clip) of(String(row.module)).clips.push({ clip, onStick: row.gone_at === null })
  }
  return [...found]
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([name, { kept, clips }]) => {
      const newestFirst = clips.toSorted((a, b) => b.clip.createdAt - a.clip.createdAt)
      const key = keyIn(name)
      return { key, module: modules.get(name), kept, clips: newestFirst }
    })
}
