import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { StoreFailed } from '../../../src/domain/errors.ts'
import {
  jsonFile,
  makeDirectory,
  parseJson,
  readWhole,
  sweepDrafts,
  writeWhole,
} from '../../../src/storage/state-files.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const mode = (path: string) => statSync(path).mode & 0o777

/** Until the test is over. */
function withUmask(mask: number): void {
  const before = process.umask(mask)
  onTestFinished(() => void process.umask(before))
}

/** What a rejected promise says, and that it is a failure of the store. */
async function refusal(promise: Promise<unknown>): Promise<StoreFailed> {
  const error = await promise.then(
    () => expect.fail('it worked'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof StoreFailed)) throw error
  return error
}

test('what is written is read again, character for character', async () => {
  const path = join(temporaryDirectory(), 'a.json')

  await writeWhole(path, 'Grüße, 😀\n')

  expect(await readWhole(path)).toBe('Grüße, 😀\n')
})

test('a file is readable by its owner only, whatever the umask and its earlier mode', async () => {
  withUmask(0)
  const path = join(temporaryDirectory(), 'a.json')
  writeFileSync(path, 'old', { mode: 0o666 })

  await writeWhole(path, 'new')

  expect(mode(path)).toBe(0o600)
})

test('a directory and its parents are open to their owner only, whatever the umask', async () => {
  withUmask(0)
  const root = temporaryDirectory()

  await makeDirectory(join(root, 'a', 'b'))

  expect([mode(join(root, 'a')), mode(join(root, 'a', 'b'))]).toEqual([0o700, 0o700])
})

test('a directory that is there already is no failure', async () => {
  const root = temporaryDirectory()

  await makeDirectory(root)

  expect(statSync(root).isDirectory()).toBe(true)
})

test('a file that is not there has no text', async () => {
  expect(await readWhole(join(temporaryDirectory(), 'none'))).toBeUndefined()
})

test('a write that fails leaves the old content and no draft', async () => {
  const root = temporaryDirectory()
  const taken = join(root, 'taken')
  mkdirSync(join(taken, 'inside'), { recursive: true })

  const error = await refusal(writeWhole(taken, 'new'))

  expect(error.message).toBe(`cannot write ${taken}`)
  expect(readdirSync(root)).toEqual(['taken'])
  expect(readdirSync(taken)).toEqual(['inside'])
})

test('a draft that a crash left behind does not get into the file', async () => {
  const root = temporaryDirectory()
  const path = join(root, 'a.json')
  writeFileSync(join(root, `.a.json.${process.pid}.new`), 'x'.repeat(10_000))

  await writeWhole(path, 'new')

  expect(readFileSync(path, 'utf8')).toBe('new')
})

test('a sweep of crash leftovers spares the write of another program', async () => {
  const root = temporaryDirectory()
  const path = join(root, 'a.json')

  const writing = writeWhole(path, 'x'.repeat(20_000_000))
  for (let sweeps = 0; sweeps < 20; sweeps++) await sweepDrafts(root, Date.now())
  await writing

  expect(readdirSync(root)).toEqual(['a.json'])
})

test.each([
  ['left behind by a crash a while ago', -6, []],
  ['made a moment ago', -4, ['.a.json.0.draft']],
  ['of a future that a clock set back has made', 6, []],
])('a sweep looks at the age of a draft: one %s', async (_, minutes, left) => {
  const root = temporaryDirectory()
  const draft = join(root, '.a.json.0.draft')
  writeFileSync(draft, 'x')
  const at = new Date(Date.now() + minutes * 60_000)
  utimesSync(draft, at, at)

  await sweepDrafts(root, Date.now())

  expect(readdirSync(root)).toEqual(left)
})

test('a reader never sees a part of what is being written', async () => {
  const path = join(temporaryDirectory(), 'a.json')
  const [old, fresh] = ['a'.repeat(2_000_000), 'b'.repeat(2_000_000)]
  await writeWhole(path, old)

  const writing = writeWhole(path, fresh)
  const seen = new Set<string | undefined>()
  for (let reads = 0; reads < 5; reads++) seen.add(await readWhole(path))
  await writing
  seen.add(await readWhole(path))

  expect([...seen].every((text) => text === old || text === fresh)).toBe(true)
  expect(await readWhole(path)).toBe(fresh)
})

test('concurrent writes of one file all succeed, and leave the last of them whole', async () => {
  const root = temporaryDirectory()
  const path = join(root, 'a.json')
  const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(1_000 * (20 - index)))

  const ends = await Promise.allSettled(texts.map((text) => writeWhole(path, text)))

  expect(ends.filter(({ status }) => status === 'rejected')).toEqual([])
  expect(texts).toContain(await readWhole(path))
  expect(readdirSync(root)).toEqual(['a.json'])
})

test('a path that leads through a file is refused with a remedy', async () => {
  const file = join(temporaryDirectory(), 'file')
  writeFileSync(file, '')

  const errors = [
    await refusal(makeDirectory(join(file, 'data'))),
    await refusal(writeWhole(join(file, 'a.json'), '')),
    await refusal(readWhole(join(file, 'a.json'))),
  ]

  for (const error of errors) expect(error.remedy).toContain('set dataDir to a directory')
  expect(errors[0]?.message).toBe(`cannot make the directory ${join(file, 'data')}`)
})

test('a directory that is not there is refused, and so is one in place of a file', async () => {
  await refusal(writeWhole(join(temporaryDirectory(), 'none', 'a.json'), ''))
  const error = await refusal(readWhole(temporaryDirectory()))

  expect(error.message).toMatch(/^cannot read /)
})

test('text that is no JSON has no value', () => {
  expect(parseJson('{"a": 1}')).toEqual({ a: 1 })
  expect(['', '{', 'undefined', '\0'].map(parseJson)).toEqual([undefined, undefined, undefined, undefined])
})

const file = z.object({ at: z.number() })

test('a JSON file holds one value, until it is removed', async () => {
  const note = jsonFile(join(temporaryDirectory(), 'a.json'), file)
  expect([await note.read(), await note.readIntact('')]).toEqual([undefined, undefined])

  await note.write({ at: 5 })
  expect([await note.read(), await note.readIntact('')]).toEqual([{ at: 5 }, { at: 5 }])

  await note.remove()
  await note.remove()
  expect(await note.read()).toBeUndefined()
})

test.each([
  '',
  '{"at":',
  '{"at":"noon"}',
])('a damaged JSON file has no value, or a remedy: %j', async (text) => {
  const path = join(temporaryDirectory(), 'a.json')
  writeFileSync(path, text)
  const note = jsonFile(path, file)

  expect(await note.read()).toBeUndefined()
  expect(await refusal(note.readIntact('Remove it.'))).toMatchObject({
    message: `${path} is damaged`,
    remedy: 'Remove it.',
  })
})
