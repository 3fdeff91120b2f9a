/** From motion at a camera to a whole file under its name and one event: the daemon against the simulated cloud. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { filesIn, hashesIn, sorted, world } from '../../support/clip-world.ts'
import { observe } from '../../support/observer.ts'
import { readableLog } from '../../support/rig.ts'
import { until } from '../../support/until.ts'

test('every clip is on disk once, whole, with one event, and new ones follow', async () => {
  const { simulator, directory, events, journal, start } = await world()
  await start()
  await until('all are there', () => events.length === journal().length)

  simulator.module(44114, 350228).restart()
  simulator.motion({ camera: 'Porch', size: 70 })
  simulator.motion({ camera: 'Boat House', size: 70 })
  await until('the new ones are there', () => events.length === journal().length)

  expect(await hashesIn(directory)).toEqual(sorted(journal()))
  expect(sorted(events)).toEqual(sorted(journal()))
  expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(events.length)
  const [porch] = events.filter(({ cameraName }) => cameraName === 'Porch')
  expect(porch).toMatchObject({ camera: '610006', path: expect.stringMatching(/^Cabin\/Porch\/\d{4}-/) })
  const { mtimeMs, mode } = await stat(join(directory, porch?.path ?? ''))
  expect(mtimeMs).toBe(porch?.createdAt)
  expect((mode & 0o777).toString(8)).toBe((0o644 & ~process.umask()).toString(8))
})

test('a clip costs at most four requests, and a drive is read once', async () => {
  const { simulator, events, journal, start } = await world()
  await start()
  await until('all are there', () => events.length === journal().length)

  const spent = simulator.calls.filter(({ kind }) =>
    ['clip-request', 'command-status', 'clip'].includes(kind ?? ''),
  )
  expect(spent.length).toBeLessThanOrEqual(4 * journal().length)
  const drives = simulator.calls.filter(({ kind }) => kind === 'storage-status')
  expect(drives.length).toBe(new Set(drives.map(({ path }) => path)).size)
})

test('how full a stick is gets published, and is read only once', async () => {
  const { simulator, start } = await world()
  await fetch(`${simulator.url}/simulator/modules/44114/350228`, {
    method: 'PATCH',
    body: '{"storageUsed":93}',
  })
  const { daemon } = await start({ CLIPS_ENABLED: 'false', MANIFEST_FOLLOW: 'true' })
  await using observer = await observe(`mqtt://127.0.0.1:${daemon.brokerPort}`, 4)
  const info = () => JSON.parse(observer.latest('blink-manifestd/sync/8021/44114/350228/info') ?? '{}')

  await until('info has it', () => info().storage_used_percent === 93)
  expect(info()).toMatchObject({ storage_status: 'active', storage_warning: 3 })
  const runs = () =>
    simulator.calls.filter(({ kind, path }) => kind === 'manifest-request' && path.includes('350228'))
  const before = runs().length
  await until('runs go on', () => runs().length > before + 2)

  const read = simulator.calls.filter(
    ({ kind, path }) => kind === 'storage-status' && path.includes('350228'),
  )
  expect(read).toHaveLength(1)
})

test.for([
  'short_file',
  'html_file',
  'cut_file',
  'broken_file',
  'no_movie',
  'failed_upload',
] as const)('a clip with %s fails with a reason, and comes by the next manifest', async (kind) => {
  const { simulator, directory, events, journal, start } = await world()
  simulator.troubleClips({ kind, count: 1 })
  const { lines } = await start()

  await until('all are there', () => events.length === journal().length)

  expect(lines.filter(({ message }) => message === 'clip failed')).toHaveLength(1)
  expect(await hashesIn(directory)).toEqual(sorted(journal()))
  expect((await filesIn(directory)).filter((path) => path.endsWith('.part'))).toEqual([])
})

test('last_clip outlives a restart and a broker that has lost it, and goes with clips.enabled', async () => {
  const { events, journal, start } = await world()
  const { daemon } = await start()
  await until('all are there', () => events.length === journal().length)
  await daemon.stop()
  const newest = events
    .filter(({ camera }) => camera === '610006')
    .toSorted((a, b) => b.createdAt - a.createdAt)[0]
  const topic = 'blink-manifestd/camera/8021/44114/610006/last_clip'
  const clips = 'blink-manifestd/sync/8021/44114/350228/clips'

  // The built-in broker keeps nothing over a restart.
  const again = await start()
  await using observer = await observe(`mqtt://127.0.0.1:${again.daemon.brokerPort}`, 4)
  await until('it is there', () => observer.latest(topic)?.includes(newest?.eventId ?? 'nothing'))
  await until('the counts are there', () => observer.latest(clips)?.includes('"new":0'))
  await again.daemon.stop()
  const off = await start({ CLIPS_ENABLED: 'false' })
  await using after = await observe(`mqtt://127.0.0.1:${off.daemon.brokerPort}`, 4)
  await until('the module is there', () => after.latest(clips.replace('clips', 'state')))
  await off.daemon.stop()

  expect(after.latest(topic) ?? '').toBe('')
  expect(after.latest(clips) ?? '').toBe('')
})

test('a foreign file is left alone, and no link out of the directory is followed', async () => {
  const { directory, place, events, start } = await world()
  const outside = join(place.dataDir, 'outside')
  await mkdir(join(directory, 'Home'), { recursive: true })
  await mkdir(outside)
  await symlink(outside, join(directory, 'Cabin'))
  const { lines } = await start({ CLIPS_NAME: '{network}/clip.mp4' })
  await writeFile(join(directory, 'Home', 'clip.mp4'), 'mine')

  await until('Home is done', () => events.length === 5)
  await until('Cabin has failed', () => lines.some(({ fields }) => fields.reason === 'outside_directory'))

  expect(await readdir(outside)).toEqual([])
  expect((await readdir(join(directory, 'Home'))).toSorted()).toEqual(
    expect.arrayContaining(['clip_2.mp4', 'clip_3.mp4']),
  )
})

test('a drive that is away is said once, and downloads go on when it is back', async () => {
  const { simulator, directory, events, journal, start } = await world()
  const { lines } = await start()
  await until('all are there', () => events.length === journal().length)
  const { rename } = await import('node:fs/promises')
  await rename(directory, `${directory}.away`)
  simulator.motion({ camera: 'Porch', size: 70 })
  await until('it is noticed', () => lines.some(({ message }) => message === 'clips cannot be saved'))
  const requests = () => simulator.calls.filter(({ kind }) => kind === 'manifest-request').length
  const before = requests()
  await until('request IDs go on', () => requests() > before + 3)

  expect(await readdir(directory).catch(() => 'none')).toBe('none')
  await rename(`${directory}.away`, directory)
  await until('the clip is there', () => events.length === journal().length)

  const said = lines.filter(({ message }) => message.startsWith('clips can'))
  expect(said.map(({ message }) => message)).toEqual(['clips cannot be saved', 'clips can be saved again'])
})

const steps = [
  ...['before upload', 'after request', 'before part', 'after file', 'after sync', 'after ready'],
  ...['after name', 'after saved'],
] as const

test.for(steps)('killed %s, every clip comes once and whole all the same', async (step) => {
  const { simulator, directory, place, events, journal, start } = await world()
  const script = join(import.meta.dirname, '../../support/clip-daemon.ts')
  const env = { ...process.env, CLIP_DAEMON: JSON.stringify(place) }
  const child = spawn(process.execPath, [script, step, '2'], { env, stdio: 'ignore' })
  const [, signal] = await once(child, 'exit')
  expect(signal).toBe('SIGKILL')
  simulator.motion({ camera: 'Porch', size: 70 })

  const { daemon } = await start()
  const files = async () => (await hashesIn(directory)).length
  let found = 0
  await until('all are there', () => {
    void files().then((count) => {
      found = count
    })
    return found >= journal().length
  })

  await until('an event', () => events.length > 0)
  expect(await hashesIn(directory)).toEqual(sorted(journal()))
  expect((await filesIn(directory)).filter((path) => path.endsWith('.part'))).toEqual([])
  const ids = Map.groupBy(events, ({ sha256 }) => sha256)
  for (const [, copies] of ids) expect(new Set(copies.map(({ eventId }) => eventId)).size).toBe(1)
  await daemon.stop()
  const storage = await openStorage(place.dataDir, systemClock, readableLog().log)
  // A file has its name a moment before it is saved, and a stop in between leaves it ready for the next start.
  const recorded = [...(await storage.clips.files('ready')), ...(await storage.clips.files('saved'))]
  await storage.close()
  expect(sorted(recorded.map(({ file }) => file))).toEqual(sorted(journal()))
})
