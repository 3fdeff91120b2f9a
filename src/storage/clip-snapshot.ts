/**
 * What the database knows of clips, read beside a running daemon.
 *
 * The daemon holds its database exclusively, so the files are copied and the copy is read. A copy that was made while
 * the daemon wrote may not fit together; then it is made again.
 */
import { copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClipModule, KnownClip } from '../domain/clip.ts'
import { errorCode } from '../domain/file-failures.ts'
import { keyOf, type ModuleKey, type SyncModule } from '../domain/model.ts'
import { connect, type Sql } from './connection.ts'
import { clipIn, clipModuleIn, moduleIn } from './rows.ts'
import { DatabaseDamaged, expected } from './sqlite-errors.ts'

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

const mostCopies = 5

/**
 * The sync modules of which clips or manifests are known, in the order of their ids. Never for the data directory of
 * this process's own daemon: closing a file drops every lock that a process has on it.
 *
 * @throws StoreFailed when it cannot be read, or a newer version has written it
 */
export async function readClips(dataDir: string): Promise<readonly ModuleClips[]> {
  const path = join(dataDir, 'state.db')
  try {
    if ((await changedAt(path)) === undefined) return []
    for (let copy = 1; ; copy++) {
      const found = await readCopy(path, copy === mostCopies)
      if (found) return found
    }
  } catch (cause) {
    throw expected(`cannot read ${path}`, path, cause)
  }
}

/** `undefined` when the files changed while they were copied. */
async function readCopy(path: string, isLast: boolean): Promise<readonly ModuleClips[] | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'blink-manifestd-'))
  const copy = join(directory, 'state.db')
  let sql: Sql | undefined
  try {
    const before = await stateOf(path)
    await copyFile(path, copy)
    await copyFile(`${path}-wal`, `${copy}-wal`).catch(unlessMissing)
    if ((await stateOf(path)) !== before && !isLast) return undefined
    sql = connect(copy)
    return modulesIn(sql)
  } catch (error) {
    if (error instanceof DatabaseDamaged && !isLast) return undefined
    throw error
  } finally {
    sql?.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Changes when the log begins anew, or the file itself is written; what is only appended to the log does no harm. */
async function stateOf(path: string): Promise<string> {
  const header = await readFile(`${path}-wal`).then((log) => log.toString('hex', 0, 32), unlessMissing)
  return `${await changedAt(path)} ${header}`
}

async function changedAt(path: string): Promise<bigint | undefined> {
  return stat(path, { bigint: true }).then(({ mtimeNs }) => mtimeNs, unlessMissing)
}

function unlessMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error
}

function modulesIn(sql: Sql): readonly ModuleClips[] {
  const modules = new Map<string, SyncModule>()
  for (const row of sql.prepare('SELECT module FROM modules').iterate()) {
    const module = moduleIn(row.module)
    if (module) modules.set(keyOf(module), module)
  }
  const found = new Map<string, { kept?: ClipModule; readonly clips: ModuleClips['clips'][number][] }>()
  const of = (name: string) => {
    const known = found.get(name) ?? { clips: [] }
    found.set(name, known)
    return known
  }
  for (const { name, note } of sql.prepare('SELECT name, note FROM clip_notes').iterate()) {
    const kept = clipModuleIn(note)
    if (kept) of(String(name)).kept = kept
  }
  for (const row of sql.prepare('SELECT module, gone_at, clip FROM clips').iterate()) {
    const clip = clipIn(row.clip)
    if (clip) of(String(row.module)).clips.push({ clip, onStick: row.gone_at === null })
  }
  return [...found]
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([name, { kept, clips }]) => {
      const [accountId = '', networkId = '', syncModuleId = ''] = name.split('/')
      const newestFirst = clips.toSorted((a, b) => b.clip.createdAt - a.clip.createdAt)
      const key = { accountId, networkId, syncModuleId }
      return { key, module: modules.get(name), kept, clips: newestFirst }
    })
}
