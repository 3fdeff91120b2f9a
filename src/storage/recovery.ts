/**
 * A database that is damaged, or was removed while in use: what can still be read of it goes into a fresh file, which
 * then takes its place.
 *
 * The fresh file is complete before the old one is touched, so a crash at any moment loses nothing that was readable.
 * A damaged file is quarantined under another name and not deleted: it may be all there is of something.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { closeQuietly, connect, connectUnchecked, type Row, type Sql } from './connection.ts'
import {
  attemptColumns,
  attemptIn,
  attemptValues,
  clipCameraIn,
  clipIn,
  clipModuleIn,
  eventColumns,
  eventIn,
  moduleIn,
  progressIn,
  recentIn,
} from './rows.ts'
import { expected, resultCode } from './sqlite-errors.ts'

export interface Recovered {
  /** How many rows could be read. */
  readonly events: number
  readonly modules: number
  /** Where the damaged file is now. */
  readonly quarantined: string
}

/** Events as each version keeps them; in version 3 all are request IDs. */
const tables = [
  `${eventColumns} FROM events`,
  "seq, 'manifest_requested' AS kind, module AS order_key, expires_at, item AS body FROM items",
]

const freshOf = (path: string) => `${path}.recovered`
const endings = ['-wal', '-shm', '']

/** More than any backlog; a damaged tree may lead in circles. */
const mostRows = 1_000_000

/**
 * Replaces a database by what can be read of it. What was in its place becomes `<path>.damaged`, where only the
 * newest is kept: a failing disk must not be filled by us as well.
 *
 * @param connection to the file as it was before it was removed; closed when all could be copied
 * @throws StoreFailed when that cannot be written; then it can be tried again
 */
export function recover(path: string, connection?: Sql): Recovered {
  const [fresh, quarantined] = [freshOf(path), `${path}.damaged`]
  let source = connection
  let target: Sql | undefined
  try {
    source ??= connectUnchecked(path)
    for (const ending of endings) rmSync(fresh + ending, { force: true })
    target = connect(fresh)
    const recovered = copy(source, target)
    target.close()
    // Before its files get another name, under which it would leave its log.
    closeQuietly(source)
    for (const ending of endings) {
      rmSync(quarantined + ending, { force: true })
      if (existsSync(path + ending)) renameSync(path + ending, quarantined + ending)
    }
    renameSync(fresh, path)
    return { ...recovered, quarantined }
  } catch (cause) {
    throw expected(`cannot recover ${path}`, path, cause)
  } finally {
    closeQuietly(target)
    if (source !== connection) closeQuietly(source)
  }
}

/** Does what a crash has left undone between the two renames. @throws StoreFailed when it cannot be done */
export function completeRecovery(path: string): void {
  try {
    if (!existsSync(path) && existsSync(freshOf(path))) renameSync(freshOf(path), path)
  } catch (cause) {
    throw expected(`cannot recover ${path}`, path, cause)
  }
}

/** Copies row by row, from both ends as far as the first broken page; what is not what we wrote is left out. */
function copy(source: Sql, target: Sql): Omit<Recovered, 'quarantined'> {
  const putEvent = target.prepare(`INSERT OR IGNORE INTO events (${eventColumns}) VALUES (?, ?, ?, ?, ?)`)
  const putWaiting = target.prepare('INSERT OR IGNORE INTO outbox (seq, kind, order_key) VALUES (?, ?, ?)')
  const putModule = target.prepare('INSERT OR IGNORE INTO modules VALUES (?, ?, ?, ?, ?, ?, ?)')
  const waiting = new Set<number>()
  const isWhole = eachRow(source, 'SELECT seq FROM outbox', (row) => waiting.add(Number(row.seq)))

  const copyEvent = (row: Row) => {
    const event = eventIn(row)
    const seq = Number(row.seq)
    if (!event || !Number.isSafeInteger(seq) || !Number.isSafeInteger(event.expiresAt)) return
    const { kind, orderKey, expiresAt } = event
    putEvent.run(seq, kind, orderKey, expiresAt, String(row.body))
    // Where the outbox cannot be read, better delivered twice than not at all.
    if (!isWhole || waiting.has(seq)) putWaiting.run(seq, kind, orderKey)
  }
  const copyModule = (row: Row) => {
    const module = moduleIn(row.module)
    if (!module || !progressIn(row.progress)) return
    const { accountId, networkId, syncModuleId } = module
    const recent = recentIn(row.recent) ? String(row.recent) : '[]'
    const rest = [String(row.module), Number(row.missing) || 0, String(row.progress), recent]
    putModule.run(accountId, networkId, syncModuleId, ...rest)
  }
  const putClip = target.prepare('INSERT OR IGNORE INTO clips VALUES (?, ?, ?, ?, ?, ?)')
  const putNote = target.prepare('INSERT OR IGNORE INTO clip_notes VALUES (?, ?)')
  const copyClip = ({ row, module, state, path, gone_at, clip }: Row) => {
    if (clipIn(clip)?.state !== state || !Number.isSafeInteger(Number(row))) return
    const goneAt = gone_at === null ? null : Number(gone_at)
    putClip.run(
      Number(row),
      String(module),
      String(state),
      path === null ? null : String(path),
      goneAt,
      String(clip),
    )
  }
  const copyNote = ({ name, note }: Row) => {
    if (name === 'directory' || clipModuleIn(note) || clipCameraIn(note))
      putNote.run(String(name), String(note))
  }
  const putAttempt = target.prepare(
    `INSERT OR IGNORE INTO attempt (seq, ${attemptColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const copyAttempt = (row: Row) => {
    const attempt = attemptIn(row)
    if (!attempt || !Number.isSafeInteger(Number(row.seq))) return
    putAttempt.run(Number(row.seq), ...attemptValues(String(row.module), attempt))
  }
  target.exec('BEGIN')
  for (const order of ['ASC', 'DESC']) {
    for (const table of tables) eachRow(source, `SELECT ${table} ORDER BY seq ${order}`, copyEvent)
    const modules = `SELECT module, missing, progress, recent FROM modules ORDER BY account_id ${order}`
    eachRow(source, modules, copyModule)
    eachRow(
      source,
      `SELECT row, module, state, path, gone_at, clip FROM clips ORDER BY row ${order}`,
      copyClip,
    )
    eachRow(source, `SELECT name, note FROM clip_notes ORDER BY name ${order}`, copyNote)
    eachRow(source, `SELECT seq, ${attemptColumns} FROM attempt ORDER BY seq ${order}`, copyAttempt)
  }
  target.exec('COMMIT')
  const count = (table: string) => Number(target.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
  return { events: count('events'), modules: count('modules') }
}

/** Until the end, or the first page that cannot be read; returns whether it was the end. */
function eachRow(sql: Sql, query: string, take: (row: Row) => void): boolean {
  const unlessDamaged = <T>(read: () => T) => {
    try {
      return read()
    } catch (cause) {
      if (resultCode(cause) === undefined) throw cause
      return undefined
    }
  }
  const rows = unlessDamaged(() => sql.prepare(query).iterate())
  for (let count = 0; rows && count < mostRows; count++) {
    const next = unlessDamaged(() => rows.next())
    if (!next) return false
    if (next.done) return true
    take(next.value)
  }
  return false
}
