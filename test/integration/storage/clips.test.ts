import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClipFile, KnownClip } from '../../../src/domain/clip.ts'
import type { DurableEvent } from '../../../src/domain/model.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { readableLog } from '../../support/samples.ts'

const module = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }
const name = { createdAt: 1_795_000_000_000, listedSize: 430, cameraName: 'Hall' }
const file: ClipFile = {
  ...{ path: 'Home/Hall/a.mp4', bytes: 440_320, sha256: 'ab', camera: '610003', requestId: '501' },
  ...{ eventId: '0197a1c0-0000-7000-8000-000000000001', downloadedAt: 1_795_000_100_000 },
}
const clipNew: DurableEvent = {
  ...{ kind: 'clip_new', orderKey: 'clip 8021/44107/610003', expiresAt: 1_796_000_000_000 },
  body: { ...module, ...file, cameraName: 'Hall', createdAt: name.createdAt },
}
const manifestReady: DurableEvent = {
  ...{ kind: 'manifest_ready', orderKey: 'manifest 1', expiresAt: 1_796_000_000_000 },
  body: {
    ...module,
    ...{ eventId: '0197a1c0-0000-7000-8000-000000000002', requestId: '501', manifestId: '9' },
    ...{ readyAt: 1, clipCount: 1, newCount: 1, latencyMs: 4, clips: [name] },
  },
}
const counts = { count: 1, waiting: 1, newestAt: 5, oldestAt: undefined, lastError: undefined }

async function opened() {
  const directory = await mkdtemp(join(tmpdir(), 'clips-'))
  const open = () => openStorage(directory, fakeClock(), readableLog())
  return { open, storage: await open() }
}

test('a clip and its event are there together, also after a restart', async () => {
  const { open, storage } = await opened()
  const ready: KnownClip = { ...name, state: 'ready', file }
  const row = await storage.clips.put(module, ready)
  const [found] = await storage.clips.files('ready')

  await storage.clips.saved({ ...ready, row, module }, clipNew)
  await storage.close()
  await using reopened = { ...(await open()), [Symbol.asyncDispose]: async () => undefined }

  expect(found).toEqual({ ...ready, row, module })
  expect(await reopened.clips.clipsOf(module)).toEqual([{ ...ready, state: 'saved', row }])
  expect((await reopened.outbox.waiting(5, [])).map(({ event }) => event)).toEqual([clipNew])
  expect(await reopened.clips.isTaken('home/hall/a.mp4')).toBe(true)
  expect(await reopened.clips.isTaken('home/hall/b.mp4')).toBe(false)
  await reopened.close()
})

test('a camera is known by its clips, and has moved when they have another path', async () => {
  const { storage } = await opened()
  const { clips } = storage
  const saved = async (camera: string, cameraName: string) => {
    const ready = { ...name, cameraName, state: 'ready' as const, file: { ...file, camera } }
    await clips.saved({ ...ready, row: await clips.put(module, ready), module }, clipNew)
  }
  const known = async () =>
    (await clips.cameras()).map(({ camera, cameraName, moved }) => [camera, cameraName, moved])

  await saved('610003', 'Hall')
  await saved('610004', 'Barn')
  await saved('unknown/0badcafe', 'Hall')
  expect(await known()).toEqual([
    ['610003', 'Hall', true],
    ['610004', 'Barn', false],
    ['unknown/0badcafe', 'Hall', false],
  ])
  await saved('610003', 'Garage')
  expect((await known())[0]).toEqual(['610003', 'Garage', false])

  for (const camera of await clips.cameras()) await clips.forgetCamera(camera)
  expect(await known()).toEqual([])
  await storage.close()
})

test('the last clip of a camera is the one recorded last, whatever was saved last', async () => {
  const { open, storage } = await opened()
  const savedAt = async ({ clips }: typeof storage, createdAt: number, path: string) => {
    const ready = { ...name, createdAt, state: 'ready' as const, file: { ...file, path } }
    await clips.saved({ ...ready, row: await clips.put(module, ready), module }, clipNew)
  }
  const key = { accountId: '8021', networkId: '44107', camera: '610003' }
  await savedAt(storage, 2_000, 'newest.mp4')
  await savedAt(storage, 1_000, 'older.mp4')
  await storage.close()
  const again = await open()

  const afterRestart = await again.clips.camera(key)
  await savedAt(again, 1_500, 'between.mp4')
  const afterAnother = await again.clips.camera(key)
  await again.clips.forgetCamera(key)
  const forgotten = await again.clips.camera(key)
  await savedAt(again, 1_600, 'late.mp4')

  expect(afterRestart?.last).toMatchObject({
    ...module,
    cameraName: 'Hall',
    createdAt: 2_000,
    path: 'newest.mp4',
  })
  expect(afterAnother?.last?.path).toBe('newest.mp4')
  expect(forgotten).toBeUndefined()
  expect((await again.clips.camera(key))?.last?.path).toBe('newest.mp4')
  await again.close()
})

test('modules of which a manifest was followed are known, and nothing else is taken for one', async () => {
  const { storage } = await opened()
  const { clips } = storage
  await clips.saveModule(module, { requestId: '501', compared: true, counts })
  await clips.saveStorageReading(module, { usedPercent: 3, full: false, warning: undefined, readAt: 1 })
  await clips.useDirectory('/media/blink')

  expect(await clips.followed()).toEqual([module])
  await storage.close()
})

test('what a manifest changes is kept with its event; clips long gone are forgotten', async () => {
  const { storage } = await opened()
  const { clips, outbox } = storage
  const change = { renamed: [], seen: [], gone: [], event: manifestReady }
  const state = { requestId: '501', compared: true, counts }
  await clips.compared(module, { ...change, module: state, added: [{ ...name, state: 'listed' }], at: 1 })
  const [clip] = await clips.clipsOf(module)
  const row = clip?.row ?? 0
  const days = 24 * 60 * 60 * 1000

  await clips.compared(module, { ...change, module: state, added: [], gone: [row], at: 10 })
  await clips.compared(module, { ...change, module: state, added: [], gone: [row], at: 29 * days })
  expect(await clips.clipsOf(module)).toHaveLength(1)
  await clips.compared(module, { ...change, module: state, added: [], gone: [row], at: 31 * days })

  expect(await clips.clipsOf(module)).toEqual([])
  expect(await clips.module(module)).toEqual({ ...state, counts: { count: 1, waiting: 1, newestAt: 5 } })
  expect(await outbox.count()).toBe(4)
  await storage.close()
})

test('the reading of a drive is kept over a restart, apart from everything else of its module', async () => {
  const { open, storage } = await opened()
  const reading = { usedPercent: 93, full: false, warning: undefined, readAt: 5 }
  await storage.clips.saveModule(module, { requestId: '501', compared: true, counts })

  await storage.clips.saveStorageReading(module, reading)
  await storage.close()
  const reopened = await open()

  expect(await reopened.clips.storageReading(module)).toEqual(reading)
  expect(await reopened.clips.storageReading({ ...module, syncModuleId: '9' })).toBeUndefined()
  expect((await reopened.clips.module(module))?.requestId).toBe('501')
  await reopened.close()
})
