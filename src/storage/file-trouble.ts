/**
 * What the file system has against a database: SQLite says "unable to open" or "disk I/O error" for a dozen codes of
 * the system's, so what it does is tried here on files of our own.
 */
import { accessSync, closeSync, constants, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileFailed, NotRegular } from '../domain/file-failures.ts'

/** The file system's first error with the database, its log or its directory; `undefined` when there is none. */
export function troubleWith(path: string): unknown {
  try {
    const directory = dirname(path)
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    for (const file of filesOf(path)) {
      // Never opened: closing a file drops every lock that this process has on it.
      if (isThere(file)) accessSync(file, constants.R_OK | constants.W_OK)
    }
    tryToWrite(join(directory, '.try.draft'))
    return undefined
  } catch (cause) {
    return cause
  }
}

/** @throws NotRegular for anything that SQLite should not open, such as a pipe */
export function requireRegular(path: string): void {
  filesOf(path).forEach(isThere)
}

function filesOf(path: string): readonly string[] {
  return [path, `${path}-wal`]
}

function isThere(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found && !found.isFile()) throw new NotRegular({ isDirectory: found.isDirectory() })
  return found !== undefined
}

function tryToWrite(path: string): void {
  const file = openSync(path, 'w', 0o600)
  try {
    writeSync(file, Buffer.alloc(4_096, 1))
    fsyncSync(file)
  } finally {
    closeSync(file)
    rmSync(path, { force: true })
  }
}

/** Which file or directory this is, whatever its name; `undefined` when there is none. */
export function placeOf(path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true })
    return found && `${found.dev}:${found.ino}`
  } catch (cause) {
    throw fileFailed(`cannot look at ${path}`, cause)
  }
}

/** Its permissions, as chmod takes them. */
export function modeOf(path: string): number {
  try {
    return statSync(path).mode & 0o7777
  } catch (cause) {
    throw fileFailed(`cannot look at ${path}`, cause)
  }
}
