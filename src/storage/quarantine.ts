/**
 * Damaged databases are set aside under another name and not deleted: they may be all there is of something.
 *
 * Only the newest few are kept, since a failing disk must not be filled by us as well.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errorCode, fileFailed } from '../domain/file-failures.ts'

const kept = 3

/**
 * Renames the database and its log, and returns the new path.
 *
 * @throws StoreFailed when they cannot be renamed
 */
export function setAside(path: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(':', '-')
  const aside = `${path}.damaged-${stamp}`
  try {
    renameSync(path, aside)
    // With the same ending SQLite still finds the log of its file.
    for (const ending of ['-wal', '-shm']) renameIfThere(`${path}${ending}`, `${aside}${ending}`)
    forgetOldest(path)
    return aside
  } catch (cause) {
    throw fileFailed(`cannot set the damaged ${path} aside`, cause)
  }
}

/** Removes what is left of a database whose other files were removed. @throws StoreFailed when it stays */
export function removeDatabase(path: string): void {
  try {
    for (const ending of ['', '-wal', '-shm']) rmSync(`${path}${ending}`, { force: true })
  } catch (cause) {
    throw fileFailed(`cannot remove ${path}`, cause)
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause
  }
}

function forgetOldest(path: string): void {
  const directory = dirname(path)
  const prefix = `${basename(path)}.damaged-`
  const names = readdirSync(directory).filter((name) => name.startsWith(prefix))
  const asides = names.filter((name) => name.endsWith('Z')).sort()
  for (const old of asides.slice(0, -kept)) {
    for (const name of names.filter((one) => one.startsWith(old)))
      rmSync(join(directory, name), { force: true })
  }
}
