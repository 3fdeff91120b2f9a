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

/** What documents quote behind the name of a test file: of that file, if its name is known. */
function quotedBehindFiles() {
  return documents.flatMap(({ text }) =>
    [...text.matchAll(/([\w-]+\.test\.ts)`: ([^|`]+)/g)].flatMap(([, file = '', names = '']) => {
      const quoted = [...names.matchAll(/"([^"]{20,})"/g)].map(([, name = '']) => name)
      const plain = names.replaceAll(/"[^"]*"(?:[,;]|\s*$)/g, '').split('; ')
      return [...quoted, ...plain].map((name) => ({ file, name: name.trim() }))
    }),
  )
}

function isTitleIn(file: string, name: string): boolean {
  const sources = testFiles
    .filter((path) => basename(path) === file)
    .map((path) => readFileSync(new URL(`test/${path}`, root), 'utf8'))
  return sources.some((source) => ["'", '"', '`'].some((mark) => source.includes(mark + name + mark)))
}

test('every test that a document quotes behind its file is there under that name', () => {
  // Where something is left out, several tests differ in it.
  const named = quotedBehindFiles().filter(({ name }) => name !== '' && !/…|\.\.\.|\(/.test(name))

  expect(named.length).toBeGreaterThan(50)
  expect(named.filter(({ file, name }) => !isTitleIn(file, name))).toEqual([])
})
