/**
 * Packs the package once for all packaging tests, and installs it in an empty place, without a network, with this
 * Node.js and an empty home: what a person gets by `npm install --global`.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { programVariable } from './program.ts'

export interface PackedPackage {
  readonly tarball: string
  /** The root of the installed package. */
  readonly directory: string
  /** What a person calls. */
  readonly command: string
}

declare module 'vitest' {
  interface ProvidedContext {
    packed: PackedPackage
  }
}

const root = join(import.meta.dirname, '../..')
const place = mkdtempSync(join(tmpdir(), 'blink-manifestd-packed-'))

/** Vitest calls it before the tests. */
export function setup({ provide }: TestProject): void {
  // Some tests run it as another user.
  chmodSync(place, 0o755)
  const [prefix, home] = [join(place, 'prefix'), join(place, 'home')]
  for (const directory of [prefix, home]) mkdirSync(directory)
  const npm = (cwd: string, ...words: string[]) =>
    execFileSync('npm', words, {
      cwd,
      // Node.js by its directory, since npm takes the first on the path.
      env: { HOME: home, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  npm(root, 'pack', '--silent', '--pack-destination', place)
  const { name, version } = JSON.parse(npm(root, 'pkg', 'get', 'name', 'version')) as Record<string, string>
  const tarball = join(place, `${name}-${version}.tgz`)
  npm(home, 'install', '--global', '--offline', '--prefix', prefix, tarball)

  const directory = join(prefix, 'lib/node_modules/blink-manifestd')
  process.env[programVariable] = join(directory, 'dist/main.js')
  provide('packed', { tarball, directory, command: join(prefix, 'bin/blink-manifestd') })
}

export function teardown(): void {
  rmSync(place, { recursive: true, force: true })
}
