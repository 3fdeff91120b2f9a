/** The documents name tests as their proof; what they name must be there. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'

const root = new URL('..', import.meta.url)
const files = readdirSync(new URL('test', root), { recursive: true, encoding: 'utf8' })
const testFiles = files.filter((path) => path.endsWith('.test.ts'))
const documents = readdirSync(new URL('docs', root))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(new URL(`docs/${name}`, root), 'utf8') }))

test('every test file that a document names is there', () => {
  const known = new Set(testFiles.map((path) => basename(path)))
  const named = documents.flatMap(({ text }) => [...text.matchAll(/`(?:test\/)?([\w/-]+\.test\.ts)`/g)])
  const missing = named.map(([, path = '']) => path).filter((path) => !known.has(basename(path)))

  expect(named.length).toBeGreaterThan(40)
  expect(missing).toEqual([])
})

const sources = testFiles.map((path) => readFileSync(new URL(`test/${path}`, root), 'utf8')).join('\n')

test('every test that a document quotes by its name is there under that name', () => {
  const quoted = documents.flatMap(({ text }) =>
    [...text.matchAll(/\.test\.ts`: ((?:"[^"|]{20,}"(?:, )?)+)/g)].flatMap(([, names = '']) =>
      [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
    ),
  )

  expect(quoted.length).toBeGreaterThan(10)
  expect(quoted.filter((name) => !sources.includes(name) && !name.includes('('))).toEqual([])
})

test('so is every test whose name stands behind its file without quotation marks', () => {
  const behind = documents.flatMap(({ text }) => [...text.matchAll(/\.test\.ts`: ([^|`]+)/g)])
  const named = behind
    .map(([, names = '']) => names.replaceAll(/"[^"]*"(?:[,;]|\s*$)/g, ''))
    .flatMap((names) => names.split('; ').map((name) => name.trim()))
    // Where something is left out, several tests differ in it.
    .filter((name) => name !== '' && !/…|\.\.\./.test(name))

  expect(named.length).toBeGreaterThan(30)
  expect(named.filter((name) => !sources.includes(name))).toEqual([])
})
