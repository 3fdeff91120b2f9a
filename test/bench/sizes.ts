/**
 * What the package weighs: the built program, what it needs to run, and how long npm takes to install it.
 *
 * Installed into empty directories beside copies of package.json and its lock, with npm's cache as it is.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Asked } from './arguments.ts'
import type { Cells, Rows } from './table.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Size {
  readonly files: number
  readonly bytes: number
}

export async function* sizes(_: Asked, tell: (text: string) => void): Rows {
  yield ['size', 'MB', 'files', 'npm ci, seconds']
  yield sizeCells('dist/', sizeOf(join(root, 'dist')))
  for (const [name, words] of [
    ['node_modules to run it, npm ci --omit=dev', ['--omit=dev']],
    ['node_modules to work on it, npm ci', []],
  ] as const) {
    tell(`installing: ${name}`)
    yield await installed(name, words)
  }
}

/** Megabytes of a million bytes. */
export function sizeCells(name: string, { files, bytes }: Size, seconds?: number): Cells {
  return [name, (bytes / 1e6).toFixed(1), String(files), seconds?.toFixed(1) ?? '']
}

/** The lengths of all files below a directory; links count for nothing, nor does what the file system adds. */
export function sizeOf(directory: string): Size {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const lengths = files.map(({ parentPath, name }) => lstatSync(join(parentPath, name)).size)
  return { files: files.length, bytes: lengths.reduce((sum, length) => sum + length, 0) }
}

async function installed(name: string, words: readonly string[]): Promise<Cells> {
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-sizes-'))
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      copyFileSync(join(root, file), join(directory, file))
    }
    const begun = performance.now()
    const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', ...words], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const [code] = (await once(npm, 'exit')) as [number | null]
    const seconds = (performance.now() - begun) / 1000
    if (code !== 0) throw new Error(`npm ci ${words.join(' ')} ended with ${code}`)
    return sizeCells(name, sizeOf(join(directory, 'node_modules')), seconds)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
