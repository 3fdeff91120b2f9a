/** Clips on the page: by day and camera, and each file by its id, in parts, and never from elsewhere. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { KnownClip } from '../../../src/domain/clip.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { hostileNames } from '../../support/hostile.ts'
import { snapshotOf } from '../../support/module-snapshots.ts'
import { openPage } from '../../support/page.ts'
import { aModule, newRecord, readableLog, start, temporaryDirectory } from '../../support/samples.ts'
import { until } from '../../support/until.ts'

const content = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index % 251))
const dayMs = 86_400_000

const named = (cameraName: string, createdAt: number) => ({ cameraName, createdAt, listedSize: 1 })

function saved(path: string, cameraName: string, createdAt = start): KnownClip {
  return {
    ...{ ...named(cameraName, createdAt), state: 'saved' },
    file: {
      ...{ path, bytes: content.length, sha256: 'ab'.repeat(32), camera: '610003', requestId: '501' },
      ...{ eventId: '0197a1c0-0000-7000-8000-000000000001', downloadedAt: createdAt + 60_000 },
    },
  }
}

/** A page over real storage, with these clips; each that is saved has its file. */
async function opened(...clips: readonly KnownClip[]) {
  const root = temporaryDirectory()
  const directory = join(root, 'clips')
  const storage = await openStorage(join(root, 'data'), fakeClock(), readableLog())
  onTestFinished(() => storage.close())
  const rows: number[] = []
  for (const clip of clips) {
    rows.push(await storage.clips.put(aModule(), clip))
    if (clip.state !== 'saved') continue
    mkdirSync(dirname(join(directory, clip.file.path)), { recursive: true })
    writeFileSync(join(directory, clip.file.path), content)
  }
  const env = { CLIPS_ENABLED: 'true', CLIPS_DIRECTORY: directory }
  const page = openPage({
    env,
    modules: [snapshotOf(newRecord(aModule()))],
    storage: { clips: storage.clips },
  })
  const file = (headers: Record<string, string> = {}, row = rows[0]) =>
    page.send(`/clips/${row}/file`, { headers })
  return { ...page, rows, directory, root, file, storage }
}

const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())

test('clips are listed by day and camera, the newest first, with why one is not there', async () => {
  const retryAt = start + dayMs
  const failed: KnownClip = {
    cameraName: 'Yard',
    createdAt: start + 1,
    listedSize: 2_048,
    state: 'failed',
    retryAt,
    reason: 'not_mp4',
  }
  const { get, rows } = await opened(saved('a.mp4', 'Door'), failed, saved('b.mp4', 'Door', start - dayMs))
  const listed = (text: string) =>
    [...text.matchAll(/href="[^"]*clips\/(\d+)"/g)].map(([, row]) => Number(row))
  const [door, yard, old] = rows

  expect(listed((await get('/clips')).text)).toEqual([yard, door, old])
  expect(listed((await get('/clips?camera=Door')).text)).toEqual([door, old])
  expect(listed((await get('/clips?day=2026-11-22')).text)).toEqual([old])
  expect((await get('/clips')).text).toMatch(/failed: not mp4; tried again at .*2026-11-24 09:00:00 UTC/)
  const shown = await get(`/clips/${yard}`)
  expect(shown.text).toContain('The download failed: not mp4. It is tried again at ')
  expect(shown.text).not.toContain('<video')
  expect((await get(`/clips/${door}`)).text).toMatch(/<video controls[^>]* src="\.\.\/clips\/\d+\/file"/)
})

test('a file comes whole, by HEAD without its bytes, and not again when it is known', async () => {
  const { file, send, rows } = await opened(saved('Home/Anna’s "Door"/a b.mp4', 'Door'))

  const whole = await file()
  const head = await send(`/clips/${rows[0]}/file`, { method: 'HEAD' })
  const tag = whole.headers.get('etag') ?? ''
  const known = await file({ 'if-none-match': `"x", ${tag}` })

  expect(whole.status).toBe(200)
  expect(await bytesOf(whole)).toEqual(content)
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    ...{ 'content-type': 'video/mp4', 'content-length': '1000', 'accept-ranges': 'bytes' },
    'content-disposition': `inline; filename="a b.mp4"; filename*=UTF-8''a%20b.mp4`,
    'x-content-type-options': 'nosniff',
  })
  expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
    200,
    '1000',
    tag,
  ])
  expect(await bytesOf(head)).toHaveLength(0)
  expect([known.status, (await bytesOf(known)).length]).toEqual([304, 0])
  const download = await send(`/clips/${rows[0]}/file?download`, {})
  expect(download.headers.get('content-disposition')).toMatch(/^attachment; /)
  await download.body?.cancel()
})

test.each([
  ['bytes=0-0', 206, 0, 1],
  ['bytes=10-19', 206, 10, 20],
  ['bytes=990-', 206, 990, 1_000],
  ['bytes=990-5000', 206, 990, 1_000],
  ['bytes=-10', 206, 990, 1_000],
  ['bytes=-5000', 206, 0, 1_000],
  ['bytes=0-1,5-6', 200, 0, 1_000],
  ['bytes=9-3', 200, 0, 1_000],
  ['bytes=-', 200, 0, 1_000],
  ['lines=1-2', 200, 0, 1_000],
  ['bytes=1000-', 416, 0, 0],
  ['bytes=-0', 416, 0, 0],
])('the part %s is answered with %i', async (range, status, from, to) => {
  const { file } = await opened(saved('a.mp4', 'Door'))

  const answer = await file({ range })

  expect(answer.status).toBe(status)
  if (status === 416) expect(answer.headers.get('content-range')).toBe('bytes */1000')
  else expect(await bytesOf(answer)).toEqual(content.subarray(from, to))
  if (status === 206) expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/1000`)
})

test('a part of another version of the file is answered with the whole', async () => {
  const { file } = await opened(saved('a.mp4', 'Door'))
  const tag = (await file()).headers.get('etag') ?? ''

  expect((await file({ range: 'bytes=1-2', 'if-range': tag })).status).toBe(206)
  expect((await file({ range: 'bytes=1-2', 'if-range': '"other"' })).status).toBe(200)
})

test('nothing from outside of the directory is served, whatever path a record has', async () => {
  const { file, directory, root, storage } = await opened(saved('a.mp4', 'Door'))
  writeFileSync(join(root, 'secret.mp4'), 'secret')
  symlinkSync(join(root, 'secret.mp4'), join(directory, 'link.mp4'))
  symlinkSync(root, join(directory, 'linked'))
  mkdirSync(join(directory, 'directory.mp4'))
  execFileSync('mkfifo', [join(directory, 'pipe.mp4')])
  const outside = ['../secret.mp4', 'a/../../secret.mp4', 'link.mp4', 'linked/secret.mp4']
  const none = ['directory.mp4', 'pipe.mp4', 'gone.mp4', '\0.mp4', '.', '']
  expect((await file()).status).toBe(200)

  for (const path of [...outside, ...none]) {
    const answer = await file({}, await storage.clips.put(aModule(), saved(path, 'Door')))
    expect([path, answer.status]).toEqual([path, 404])
    expect(await answer.text()).not.toContain('secret')
  }
})

test.each([
  '/clips/../../etc/passwd/file',
  '/clips/1%2f..%2f..%2fetc/file',
  '/clips/-1/file',
  '/clips/99/file',
  '/clips/1e3/file',
])('%s is no clip', async (path) => {
  const { send } = await opened(saved('a.mp4', 'Door'))

  expect((await send(path, {})).status).toBe(404)
})

test('a directory that is itself a link is followed, one that is away is 404', async () => {
  const { file, directory, root } = await opened(saved('a.mp4', 'Door'))
  renameSync(directory, join(root, 'drive'))
  symlinkSync(join(root, 'drive'), directory)
  expect(await bytesOf(await file())).toEqual(content)

  rmSync(join(root, 'drive'), { recursive: true })

  expect((await file()).status).toBe(404)
})

test('clips of modules that are not shown are not served', async () => {
  const { storage, directory } = await opened(saved('a.mp4', 'Door'))
  const env = { CLIPS_ENABLED: 'true', CLIPS_DIRECTORY: directory }
  const other = openPage({ env, modules: [], storage: { clips: storage.clips } })

  expect((await other.send('/clips/1/file', {})).status).toBe(404)
  expect((await other.get('/clips/1')).status).toBe(404)
})

test('a browser that goes away leaves no file open', async () => {
  const { file, directory } = await opened(saved('a.mp4', 'Door'))
  writeFileSync(join(directory, 'a.mp4'), Buffer.alloc(5_000_000))
  const filesOpen = () =>
    readdirSync('/proc/self/fd').filter((name) => targetOf(name).startsWith(directory)).length

  for (let count = 0; count < 20; count++) await (await file()).body?.cancel()
  for (const headers of [{ range: 'bytes=9000000-' }, { 'if-none-match': '*' }])
    await (await file(headers)).text()

  await until('the files to be closed', () => filesOpen() === 0)
})

test('hostile names of cameras and files are text and nothing else', async () => {
  const clips = hostileNames.flatMap((name, index): KnownClip[] => [
    saved(`${index}.mp4`, name, start + index),
    { ...named(name, start - index), state: 'failed', retryAt: start, reason: name },
  ])
  const { get, rows } = await opened(...clips)
  const texts = await Promise.all(['/clips', ...rows.map((row) => `/clips/${row}`)].map((path) => get(path)))

  for (const { text, status } of texts) {
    expect(status).toBe(200)
    expect(text).not.toMatch(/<img|<script>|onerror="/)
    expect(text.replaceAll(/<option value="[^"]*"/g, '')).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u)
  }
})

/** What a descriptor of this process is open on; it may be closed by now. */
function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ''
  }
}

test('where manifests are not followed the page says how to have clips', async () => {
  const { text } = await openPage().get('/clips')

  expect(text).toContain('clips.enabled')
})
