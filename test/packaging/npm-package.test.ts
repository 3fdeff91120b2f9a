/** The npm package as it is published: what is in it, and that it works where nothing else is. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, inject, test } from 'vitest'

const { command, directory, tarball } = inject('packed')
const tools = join(import.meta.dirname, '../../node_modules/.bin')
const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Record<string, unknown>

test('the installed program runs with Node.js and nothing else', () => {
  const env = { PATH: dirname(process.execPath), HOME: directory }
  const printed = execFileSync(command, ['--version'], { env, encoding: 'utf8' })

  expect(printed).toBe(`${String(manifest.version)}\n`)
})

test('the package names no dependencies, since its libraries are in dist/', () => {
  for (const kind of ['dependencies', 'optionalDependencies', 'bundleDependencies'])
    expect(manifest[kind], `${kind}: list libraries under devDependencies`).toBeUndefined()
})

test.each([
  ['publint', [tarball, '--strict']],
  // Asks no registry for types of others.
  ['attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--no-color']],
])('%s has nothing to say against the package', (tool, words) => {
  const { status, stdout, stderr } = spawnSync(join(tools, tool), words, { encoding: 'utf8' })

  expect(status, stdout + stderr).toBe(0)
})
