import { mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ClipDirectory, OutsideDirectory, staleMs } from '../../../src/clips/files.ts'
import { beginPart } from '../../../src/clips/part-file.ts'
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts'
import { directoryWith } from '../../support/place.ts'
import { readableLog } from '../../support/rig.ts'

function directoryOf(root: string, installId = '0000000a', clock: FakeClock = fakeClock()) {
  const { log, lines } = readableLog()
  let made = 0
  const own = { ...clock, uuid: () => `${installId}-${clock.elapsed()}-${++made}` }
  return { directory: new ClipDirectory({ root, installId, reserveBytes: 0, clock: own, log }), lines, clock }
}

test('a directory has one writer, until nobody has touched its lock for a while', async () => {
  const root = directoryWith()
  const first = directoryOf(root, '0000000a')
  const second = directoryOf(root, '0000000b')

  expect(await first.directory.usable(false)).toBe(true)
  expect(await second.directory.usable(false)).toBe(false)
  expect(second.directory.state).toBe('directory_locked')
  await second.clock.advance(staleMs - 1)
  expect(await second.directory.usable(false)).toBe(false)
  await second.clock.advance(1)
  expect(await second.directory.usable(false)).toBe(true)
  expect(await first.directory.usable(true)).toBe(false)
})

test('an installation takes its own lock back at once, and a released one is free', async () => {
  const root = directoryWith()
  expect(await directoryOf(root, '0000000a').directory.usable(false)).toBe(true)
  const again = directoryOf(root, '0000000a').directory
  expect(await again.usable(true)).toBe(true)

  await again.release()

  expect(await directoryOf(root, '0000000b').directory.usable(false)).toBe(true)
})

test('an empty mount point is no place for clips that were saved on a drive', async () => {
  const root = join(directoryWith(), 'drive')
  const { directory, lines } = directoryOf(root)
  expect(await directory.usable(false)).toBe(true)
  await rename(root, `${root}.away`)
  await mkdir(root)

  for (let look = 0; look < 3; look++) expect(await directory.usable(true)).toBe(false)

  expect(await readdir(root)).toEqual([])
  expect(lines).toMatchObject([{ message: 'clips cannot be saved', fields: { state: 'directory_away' } }])
  await rm(root, { recursive: true })
  await rename(`${root}.away`, root)
  expect(await directory.usable(true)).toBe(true)
})

test('a drive that is pulled out between two looks gets nothing in its place', async () => {
  const root = join(directoryWith(), 'drive')
  const { directory } = directoryOf(root)
  expect(await directory.usable(false)).toBe(true)
  await rename(root, `${root}.away`)
  await mkdir(root)

  const error = await directory.begin('Home/a.mp4').catch((cause: unknown) => cause)

  directory.failed(error)
  expect(directory.state).toBe('directory_away')
  expect(await readdir(root)).toEqual([])
})

test('a drive that is away at the end gets no marker in its place', async () => {
  const root = join(directoryWith(), 'drive')
  const { directory } = directoryOf(root)
  expect(await directory.usable(false)).toBe(true)
  await rename(root, `${root}.away`)
  await mkdir(root)

  await directory.release()

  expect(await readdir(root)).toEqual([])
  expect(await readdir(`${root}.away`)).toEqual(['.blink-manifestd'])
})

test('too little space is a state, and downloads go on when there is room', async () => {
  const root = directoryWith()
  const { log } = readableLog()
  const needs = { root, installId: '0000000a', clock: fakeClock(), log }

  const full = new ClipDirectory({ ...needs, reserveBytes: Number.MAX_SAFE_INTEGER })
  expect(await full.usable(false)).toBe(false)

  expect(full.state).toBe('disk_full')
})

test('a file never replaces another, and leaves nothing behind where it cannot be placed', async () => {
  const root = directoryWith({ 'Home/a.mp4': 'mine' })
  const { directory } = directoryOf(root)
  await directory.usable(false)
  const part = await directory.begin('Home/a.mp4')
  await part.write(Buffer.from('yours'))

  expect(await part.place('a.mp4')).toBe(false)
  expect(await part.place('b.mp4')).toBe(true)
  await part.discard()

  expect(await readFile(join(root, 'Home/a.mp4'), 'utf8')).toBe('mine')
  expect((await readdir(join(root, 'Home'))).toSorted()).toEqual(['a.mp4', 'b.mp4'])
})

test('others may read what is saved, as far as the umask lets them and not the process', async () => {
  const before = process.umask(0o077)
  onTestFinished(() => void process.umask(before))
  for (const [umask, modes] of [
    [0o022, ['755', '644']],
    [0o027, ['750', '640']],
  ] as const) {
    const root = join(directoryWith(), 'media/clips')
    const clock = fakeClock()
    const needs = { root, installId: '0000000a', reserveBytes: 0, umask, clock, log: readableLog().log }
    const directory = new ClipDirectory(needs)
    await directory.usable(false)
    const part = await directory.begin('Home/Porch/a.mp4')
    await part.place('a.mp4')

    const modeOf = async (path: string) => ((await stat(join(root, path))).mode & 0o777).toString(8)
    expect(await Promise.all(['..', '', 'Home', 'Home/Porch'].map(modeOf))).toEqual(Array(4).fill(modes[0]))
    expect(await modeOf('Home/Porch/a.mp4')).toBe(modes[1])
  }
})

test('what an earlier process left half-written is removed, and nothing else', async () => {
  const root = directoryWith({ 'Home/.0a1b2c3d.part': 'half', 'Home/.mine.part': 'x', 'part.mp4': 'x' })

  await directoryOf(root).directory.usable(false)

  expect((await readdir(root, { recursive: true })).toSorted()).toEqual([
    '.blink-manifestd',
    'Home',
    'Home/.mine.part',
    'part.mp4',
  ])
})

test('nothing is written or removed behind a link that leads out of the directory', async () => {
  const outside = directoryWith({ 'a.mp4': 'theirs' })
  const root = directoryWith()
  await symlink(outside, join(root, 'Home'))
  const { directory } = directoryOf(root)
  await directory.usable(false)

  await expect(directory.begin('Home/x.mp4')).rejects.toThrow(OutsideDirectory)
  await expect(directory.begin('Home/new/x.mp4')).rejects.toThrow(OutsideDirectory)
  await directory.remove('Home/a.mp4')

  expect(await readdir(outside)).toEqual(['a.mp4'])
})

test.each([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
])('where a link fails with %s a file is renamed', async (code) => {
  const root = directoryWith()
  const noLinks = () => Promise.reject(Object.assign(new Error(code), { code }))
  const saved = async (name: string, text: string) => {
    const part = await beginPart(join(root, `.${name}.part`), 0o644, noLinks)
    await part.write(Buffer.from(text))
    await part.sync(1)
    const isPlaced = await part.place('a.mp4')
    await part.discard()
    return isPlaced
  }

  expect(await saved('1', 'first')).toBe(true)
  expect(await saved('2', 'second')).toBe(false)

  expect(await readdir(root)).toEqual(['a.mp4'])
  expect(await readFile(join(root, 'a.mp4'), 'utf8')).toBe('first')
})

test('what else a link fails with is no reason to rename', async () => {
  const root = directoryWith()
  const full = () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }))
  const part = await beginPart(join(root, '.1.part'), 0o644, full)

  await expect(part.place('a.mp4')).rejects.toMatchObject({ code: 'ENOSPC' })
  await part.discard()

  expect(await readdir(root)).toEqual([])
})
