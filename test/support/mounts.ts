/**
 * File systems of a test's own: a small disk that can be filled, and one that can be made read-only.
 *
 * Tests that need them are made with `mountTest`: where nothing may be mounted they are skipped and say so.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'

export interface Disk extends Disposable {
  readonly path: string
  /** Takes all the room there is left. */
  fill(): void
  /** Gives it back. */
  makeRoom(): void
  /** Only while nobody has a file open for writing. */
  readOnly(): void
  writable(): void
}

/** A disk of that size in memory. */
export function smallDisk(megabytes: number): Disk {
  const path = mkdtempSync(join(tmpdir(), 'small-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path])
  const ballast = join(path, 'ballast')
  return {
    path,
    fill() {
      const file = openSync(ballast, 'a')
      for (const size of [65_536, 4_096, 1]) writeUntilFull(file, Buffer.alloc(size))
      closeSync(file)
    },
    makeRoom() {
      const file = openSync(ballast, 'r+')
      ftruncateSync(file, 0)
      closeSync(file)
    },
    readOnly: () => void execFileSync('mount', ['-o', 'remount,ro', path]),
    writable: () => void execFileSync('mount', ['-o', 'remount,rw', path]),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path])
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** A drive that can be pulled out and put back in, and whose place is an empty directory meanwhile. */
export interface Drive extends Disposable {
  /** Where it is mounted. */
  readonly path: string
  pullOut(): void
  putIn(): void
  /** Only while nobody has a file open for writing. */
  readOnly(): void
  writable(): void
}

export function drive(): Drive {
  const place = mkdtempSync(join(tmpdir(), 'drive-'))
  const [path, content] = [join(place, 'mounted'), join(place, 'content')]
  for (const each of [path, content]) mkdirSync(each)
  const mount = (...args: readonly string[]) => void execFileSync('mount', [...args, path])
  const pullOut = () => void execFileSync('umount', ['-l', path])
  const putIn = () => mount('--bind', content)
  putIn()
  return {
    path,
    pullOut,
    putIn,
    readOnly: () => mount('-o', 'remount,ro,bind'),
    writable: () => mount('-o', 'remount,rw,bind'),
    [Symbol.dispose]() {
      spawnSync('umount', ['-l', path])
      rmSync(place, { recursive: true, force: true })
    },
  }
}

/** Makes one directory read-only while what lies around it stays writable; disposing takes it back. */
export function readOnlyDirectory(path: string): Disposable {
  execFileSync('mount', ['--bind', path, path])
  execFileSync('mount', ['-o', 'remount,ro,bind', path])
  return {
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path])
    },
  }
}

function writeUntilFull(file: number, chunk: Buffer): void {
  try {
    for (;;) writeSync(file, chunk)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')) throw cause
  }
}

function mayMount(): boolean {
  const path = join(tmpdir(), `may-mount-${process.pid}`)
  mkdirSync(path, { recursive: true })
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', path]).status === 0
  if (mounted) spawnSync('umount', [path])
  rmSync(path, { recursive: true, force: true })
  return mounted
}

const permitted = mayMount()

/** A test that mounts file systems, which takes root and a system that lets it. */
export function mountTest(name: string, body: () => Promise<void>): void {
  if (permitted) test(name, body)
  else test.skip(`${name} [skipped: this user may not mount file systems]`, body)
}
