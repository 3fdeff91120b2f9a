/** Which clips are had again: by a second manifest of the run, and none that is on disk already. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdir, rm, truncate, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { hurried } from '../../support/clip-daemon.ts'
import { filesIn, hashesIn, sorted, world } from '../../support/clip-world.ts'
import { readableLog } from '../../support/rig.ts'
import { until } from '../../support/until.ts'

type World = Awaited<ReturnType<typeof world>>

/** Only the run at the start. */
const onceOnly = { SCHEDULE_CRON: '0 0 1 1 *' }
const left = 'clip failed again, left for a day'

/** Those that were not refused: a module may be busy. */
const requests = ({ simulator }: World, kind: string, module = '') =>
  simulator.calls.filter((call) => call.kind === kind && call.status === 200 && call.path.includes(module))
    .length

/** A drive with all clips, whose daemon has stopped and whose database is lost. */
async function lost() {
  const place = await world()
  const { daemon } = await place.start()
  await until('all are there', () => place.events.length === place.journal().length)
  await daemon.stop()
  for (const name of await readdir(place.place.dataDir)) {
    if (name.startsWith('state.db')) await rm(join(place.place.dataDir, name))
  }
  const uploads = requests(place, 'clip-request')
  return { ...place, newUploads: () => requests(place, 'clip-request') - uploads }
}

async function savedIn({ place }: World) {
  const storage = await openStorage(place.dataDir, systemClock, readableLog().log)
  const saved = await storage.clips.files('saved')
  await storage.close()
  return saved.map(({ file }) => file)
}

test('with a lost database no clip comes again, and only new ones are uploaded', async () => {
  const place = await lost()
  const { simulator, directory, events, journal, start, newUploads } = place
  const before = events.length
  simulator.motion({ camera: 'Porch', size: 70 })

  const { daemon, lines } = await start()
  await until('the new one is there', () => events.length === before + 1)
  await until('all are known', () => {
    const found = lines.filter(({ message }) => message === 'files of clips found, not downloaded again')
    return found.reduce((sum, { fields }) => sum + Number(fields.count), 0) === before
  })
  await daemon.stop()

  expect(newUploads()).toBe(1)
  expect(await hashesIn(directory)).toEqual(sorted(journal()))
  expect(sorted(await savedIn(place))).toEqual(sorted(journal()))
})

test('a file that is cut, or of another size, is not taken for its clip', async () => {
  const place = await lost()
  const { directory, events, journal, start, newUploads } = place
  const before = events.length
  const [one = '', two = ''] = (await filesIn(directory)).filter((path) => path.endsWith('.mp4'))
  await truncate(one, 100)
  await truncate(two, 150 * 1024)

  const { daemon } = await start()
  await until('both are there', () => events.length === before + 2)
  await daemon.stop()

  expect(newUploads()).toBe(2)
  expect(await hashesIn(directory)).toEqual(expect.arrayContaining([...sorted(journal())]))
})

test('where names have no time, only the time of a file tells whose it is', async () => {
  const place = await world()
  const { directory, events, journal, start } = place
  const named = { CLIPS_NAME: '{network}/{camera}.mp4' }
  const { daemon } = await start(named)
  await until('all are there', () => events.length === journal().length)
  await daemon.stop()
  const files = (await filesIn(directory)).filter((path) => path.endsWith('.mp4'))
  await utimes(files[0] ?? '', 1, 1)
  for (const name of await readdir(place.place.dataDir)) {
    if (name.startsWith('state.db')) await rm(join(place.place.dataDir, name))
  }
  const uploads = requests(place, 'clip-request')
  const before = events.length

  const again = await start(named)
  await until('one has come again', () => events.length === before + 1)
  await again.daemon.stop()

  expect(requests(place, 'clip-request')).toBe(uploads + 1)
  expect(await savedIn(place)).toHaveLength(journal().length)
})

test('a clip that the cloud has not is there by a second manifest of the run', async () => {
  const place = await world()
  const { simulator, events, journal, start } = place
  simulator.troubleClips({ kind: 'media_not_found', count: 1, syncModuleId: 350228 })

  const { lines } = await start(onceOnly)
  await until('all are there', () => events.length === journal().length)

  expect(requests(place, 'manifest-request', '350228')).toBe(2)
  expect(requests(place, 'manifest-request', '350221')).toBe(1)
  expect(lines.filter(({ message }) => message === 'clip failed')).toHaveLength(1)
  expect(lines.filter(({ message }) => message === left)).toEqual([])
})

test('a clip that the second manifest does not bring either is left, and costs no third', async () => {
  const place = await world()
  const { simulator, events, journal, start } = place
  simulator.troubleClips({ kind: 'media_not_found', cameraName: 'Porch' })

  const { daemon, lines } = await start(onceOnly)
  await until('it is left', () => lines.some(({ message }) => message === left))
  await until('the others are there', () => events.length === journal().length - 1)
  await daemon.clips?.idle()

  expect(requests(place, 'manifest-request', '350228')).toBe(2)
  const porch = lines.filter(({ fields }) => fields.camera === 'Porch')
  expect(porch.map(({ message }) => message)).toEqual(['clip failed', left])
})

test('no second manifest is requested behind a run that has failed meanwhile', async () => {
  const { simulator, start } = await world()
  simulator.troubleClips({ kind: 'media_not_found', cameraName: 'Porch' })
  const ofCabin = (message: string) =>
    lines.filter((line) => line.message === message && JSON.stringify(line.fields).includes('350228')).length
  /** The wait before a second manifest lasts until a run has failed. */
  const sleep = async (ms: number, signal?: AbortSignal) => {
    if (ms !== 5_000 || ofCabin('clip failed') === 0) return hurried.sleep(ms, signal)
    waits++
    await until('a run has failed', () => ofCabin('manifest request failed') > 0)
  }

  let waits = 0
  const { daemon, lines } = await start({ SCHEDULE_CRON: '*/3 * * * * *' }, { ...hurried, sleep })
  // From the first manifest on, so that no run brings another one before a clip is missing.
  await until('a manifest', () => ofCabin('manifest requested') > 0)
  simulator.misbehave({ kind: 'redirect_loop', path: /350228\/local_storage\/manifest\/request$/ })
  await until('the wait for another one', () => waits > 0)
  const before = ofCabin('manifest request failed')
  await until('two runs behind it', () => ofCabin('manifest request failed') >= before + 2)
  await daemon.stop()

  expect(waits).toBe(1)
  // A busy module is tried again within its run.
  const sent = simulator.calls.filter(
    ({ kind, path, status }) => kind === 'manifest-request' && path.includes('350228') && status !== 409,
  )
  expect(sent).toHaveLength(ofCabin('manifest requested') + ofCabin('manifest request failed'))
})

test('a module that restarts before its clips gets another manifest in the same run', async () => {
  const place = await world()
  const { simulator, events, journal, start } = place
  const cabin = simulator.module(44114, 350228)
  let isOver = false
  const restart = (step: unknown) => {
    // Not in the middle of an upload: that one would wait for the next run.
    if (step !== 'before upload' || isOver || requests(place, 'manifest', '350228/') === 0) return
    isOver = true
    if (requests(place, 'clip-request', '350228/') === 0) cabin.restart()
  }
  subscribe('blink-manifestd:clip-step', restart)
  onTestFinished(() => void unsubscribe('blink-manifestd:clip-step', restart))

  const { lines } = await start(onceOnly)
  await until('all are there', () => events.length === journal().length)

  const messages = lines.map(({ message }) => message)
  expect(messages).toContain('clips are missing, requesting another manifest')
  expect(messages).not.toContain(left)
  expect(requests(place, 'manifest-request', '350228')).toBe(2)
})

test('of two equal clips in one second each comes, also after the other has left the stick', async () => {
  const place = await world()
  const { simulator, events, journal, start } = place
  const cabin = simulator.module(44114, 350228)
  const at = { createdAt: new Date().toISOString(), size: 77 }
  cabin.addClip({ ...at, id: 9001, cameraName: 'Porch' })
  cabin.addClip({ ...at, id: 9002, cameraName: 'BoatHouse' })
  const recorded = Date.parse(at.createdAt)
  const of = (camera: string) =>
    events.some((event) => event.cameraName === camera && event.createdAt === recorded)

  const { daemon } = await start({ ...onceOnly, CLIPS_MAX_PER_RUN: '1' })
  await until('one of them is there', () => of('Porch') || of('BoatHouse'))
  await daemon.stop()
  cabin.removeClip(of('Porch') ? 9001 : 9002)
  await start({ SCHEDULE_CRON: '*/5 * * * * *' })
  await until('all are there', () => events.length === journal().length)

  expect([of('Porch'), of('BoatHouse')]).toEqual([true, true])
})
