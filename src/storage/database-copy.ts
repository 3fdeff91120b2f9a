/**
 * The database, read beside a running daemon.
 *
 * The daemon holds its database exclusively, so the files are copied and the copy is read. A copy that was made while
 * the daemon wrote may not fit together; then it is made again.
 */
import { copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorCode } from '../domain/file-failures.ts'
import { connect, type Sql } from './connection.ts'
import { DatabaseDamaged, expected } from './sqlite-errors.ts'

const mostCopies = 5

/**
 * Reads a copy of a data directory's database; `undefined` when there is none. Never for the data directory of this
 * process's own daemon: closing a file drops every lock that a process has on it.
 *
 * @throws StoreFailed when it cannot be read, or a newer version has written it
 */
export async function readCopy<T>(dataDir: string, read: (sql: Sql) => T): Promise<T | undefined> {
  const path = join(dataDir, 'state.db')
  try {
    if ((await changedAt(path)) === undefined) return undefined
    for (let copy = 1; ; copy++) {
      const found = await attempt(path, read, copy === mostCopies)
      if (found) return found.value
    }
  } catch (cause) {
    throw expected(`cannot read ${path}`, path, cause)
  }
}

/** `undefined` when the files changed while they were copied. */
async function attempt<T>(
  path: string,
  read: (sql: Sql) => T,
  isLast: boolean,
): Promise<{ readonly value: T } | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'blink-manifestd-'))
  const copy = join(directory, 'state.db')
  let sql: Sql | undefined
  try {
    const before = await stateOf(path)
    await copyFile(path, copy)
    await copyFile(`${path}-wal`, `${copy}-wal`).catch(unlessMissing)
    if ((await stateOf(path)) !== before && !isLast) return undefined
    sql = connect(copy)
    return { value: read(sql) }
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
