/**
 * What the package weighs: the built program, what it takes to work on it, and how long npm takes to install that.
 *
 * Installed into an empty directory beside copies of package.json and its lock, with npm's cache as it is.
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
  tell('installing node_modules')
  yield await installed()
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

async function installed(): Promise<Cells> {
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-sizes-'))
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      copyFileSync(join(root, file), join(directory, file))
    }
    const begun = performance.now()
    const npm = spawn('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const [code] = (await once(npm, 'exit')) as [number | null]
    const seconds = (performance.now() - begun) / 1000
    if (code !== 0) throw new Error(`npm ci ended with ${code}`)
    return sizeCells('node_modules, npm ci', sizeOf(join(directory, 'node_modules')), seconds)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
