/** What the ledger of clips promises: each clip from its first sight on, its file, its event, its camera. */
import { expect, test } from 'vitest'
import type { ClipFile, ClipWithFile, KnownClip } from '../../../src/domain/clip.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { DurableEvent, ModuleKey } from '../../../src/domain/model.ts'
import type { Storage } from '../../../src/domain/ports.ts'
import { opened, type StoragePlace } from './place.ts'

const module = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }
const barn = { ...module, syncModuleId: '350222' }
const other = { ...module, accountId: '80210' }
const name = { createdAt: 1_795_000_000_000, listedSize: 430, cameraName: 'Hall' }
const file: ClipFile = {
  ...{ path: 'Home/Hall/a.mp4', bytes: 440_320, sha256: 'ab', camera: '610003', requestId: '501' },
  ...{ eventId: '0197a1c0-0000-7000-8000-000000000001', downloadedAt: 1_795_000_100_000 },
}
const listed: KnownClip = { ...name, state: 'listed' }
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
const followed = { requestId: '501', compared: true, counts }
const dayMs = 24 * 60 * 60 * 1000

const readyWith = (differing: Partial<ClipFile>, more: Partial<KnownClip> = {}) =>
  ({ ...name, ...more, state: 'ready', file: { ...file, ...differing } }) as ClipWithFile & {
    readonly state: 'ready'
  }

/** The event of another clip: each event has an id of its own. */
let events = 1
const eventOf = (clip: ClipWithFile, key: ModuleKey): DurableEvent => {
  events++
  const eventId = `0197a1c0-0000-7000-8000-${String(events).padStart(12, '1')}`
  const { cameraName, createdAt } = clip
  return { ...clipNew, body: { ...key, ...clip.file, eventId, cameraName, createdAt } } as DurableEvent
}
const readyEvent = (): DurableEvent => {
  events++
  const eventId = `0197a1c0-0000-7000-8000-${String(events).padStart(12, '2')}`
  return { ...manifestReady, body: { ...manifestReady.body, eventId } } as DurableEvent
}

async function save({ clips }: Storage, clip: ClipWithFile, key: ModuleKey = module): Promise<void> {
  await clips.saved({ ...clip, row: await clips.put(key, clip), module: key }, eventOf(clip, key))
}

export function clipsContract(newPlace: () => StoragePlace): void {
  test('a clip and its event are there together, also after a restart', async () => {
    const place = await opened(newPlace())
    const { clips } = place.storage
    const ready = readyWith({})
    const row = await clips.put(module, ready)
    const [found] = await clips.files('ready')

    await clips.saved({ ...ready, row, module }, clipNew)
    const reopened = await place.reopen()

    const saved = { ...ready, state: 'saved', row }
    expect(found).toEqual({ ...ready, row, module })
    expect(await reopened.clips.clipsOf(module)).toEqual([saved])
    expect(await reopened.clips.clip(row)).toEqual({ ...saved, module })
    expect(await reopened.clips.files('saved')).toEqual([{ ...saved, module }])
    expect(await reopened.clips.files('ready')).toEqual([])
    expect((await reopened.outbox.waiting(5, [])).map(({ event }) => event)).toEqual([clipNew])
  })

  test('what is unknown is not there', async () => {
    const { clips } = (await opened(newPlace())).storage
    const key = { accountId: '8021', networkId: '44107', camera: '610003' }

    expect(await clips.module(module)).toBeUndefined()
    expect(await clips.storageReading(module)).toBeUndefined()
    expect(await clips.clip(7)).toBeUndefined()
    expect(await clips.camera(key)).toBeUndefined()
    expect(await clips.directory()).toBeUndefined()
    expect([await clips.clipsOf(module), await clips.files('saved')]).toEqual([[], []])
    expect([await clips.cameras(), await clips.followed()]).toEqual([[], []])
    expect(await clips.totals(module)).toEqual({ downloaded: 0, failed: 0, bytes: 0 })
  })

  test('a clip keeps its row while its state changes, over restarts', async () => {
    const place = await opened(newPlace())
    const failed: KnownClip = { ...name, state: 'failed', retryAt: 9, reason: 'too slow' }
    const row = await place.storage.clips.put(module, listed)
    const second = await place.storage.clips.put(module, { ...listed, createdAt: 5 })

    expect(await place.storage.clips.put(module, failed, row)).toBe(row)

    const { clips } = await place.reopen()
    const third = await clips.put(module, { ...listed, createdAt: 6, listedSize: undefined })
    expect(await clips.clipsOf(module)).toEqual([
      { ...failed, row },
      { ...listed, createdAt: 5, row: second },
      { ...listed, createdAt: 6, listedSize: undefined, row: third },
    ])
    expect(new Set([row, second, third]).size).toBe(3)
    expect(await clips.clipsOf(barn)).toEqual([])
  })

  test('a path is taken whatever its capitals, until its clip has no file any more', async () => {
    const { clips } = (await opened(newPlace())).storage
    const row = await clips.put(module, readyWith({}))
    expect([await clips.isTaken('home/hall/a.mp4'), await clips.isTaken('home/hall/b.mp4')]).toEqual([
      true,
      false,
    ])

    await clips.put(module, { ...name, state: 'removed' }, row)

    expect(await clips.isTaken('home/hall/a.mp4')).toBe(false)
  })

  test('the sums of a module are of its own clips', async () => {
    const { storage } = await opened(newPlace())
    await save(storage, readyWith({ bytes: 3_000_000_000, path: 'a.mp4' }))
    await save(storage, readyWith({ bytes: 2_000_000_001, path: 'b.mp4' }, { createdAt: 2 }))
    await save(storage, readyWith({ path: 'c.mp4' }), other)
    await storage.clips.put(module, readyWith({ path: 'd.mp4' }))
    await storage.clips.put(module, { ...name, state: 'failed', retryAt: 9, reason: 'x' })

    expect(await storage.clips.totals(module)).toEqual({ downloaded: 2, failed: 1, bytes: 5_000_000_001 })
  })

  test('a camera is known by its clips, and has moved when they have another path', async () => {
    const { storage } = await opened(newPlace())
    const known = async () =>
      (await storage.clips.cameras()).map(({ camera, cameraName, moved }) => [camera, cameraName, moved])

    await save(storage, readyWith({ camera: '610003' }))
    await save(storage, readyWith({ camera: '610004' }, { cameraName: 'Barn' }))
    await save(storage, readyWith({ camera: 'unknown/0badcafe' }))
    expect(await known()).toEqual([
      ['610003', 'Hall', true],
      ['610004', 'Barn', false],
      ['unknown/0badcafe', 'Hall', false],
    ])
    await save(storage, readyWith({ camera: '610003' }, { cameraName: 'Garage' }))
    expect((await known())[0]).toEqual(['610003', 'Garage', false])

    for (const camera of await storage.clips.cameras()) await storage.clips.forgetCamera(camera)
    expect(await known()).toEqual([])
  })

  test('cameras can be listed of one account', async () => {
    const { storage } = await opened(newPlace())
    await save(storage, readyWith({}))
    await save(storage, readyWith({ camera: '9' }), other)

    const camerasOf = async (account?: string) =>
      (await storage.clips.cameras(account)).map(({ camera }) => camera)
    expect([await camerasOf('8021'), await camerasOf('80210'), await camerasOf('802')]).toEqual([
      ['610003'],
      ['9'],
      [],
    ])
    expect((await camerasOf()).toSorted()).toEqual(['610003', '9'])
  })

  test('the last clip of a camera is the one recorded last, whatever was saved last', async () => {
    const place = await opened(newPlace())
    const savedAt = (storage: Storage, createdAt: number, path: string) =>
      save(storage, readyWith({ path }, { createdAt }))
    const key = { accountId: '8021', networkId: '44107', camera: '610003' }
    await savedAt(place.storage, 2_000, 'newest.mp4')
    await savedAt(place.storage, 1_000, 'older.mp4')
    const again = await place.reopen()

    const afterRestart = await again.clips.camera(key)
    await savedAt(again, 1_500, 'between.mp4')
    const afterAnother = await again.clips.camera(key)
    await again.clips.forgetCamera(key)
    const forgotten = await again.clips.camera(key)
    await savedAt(again, 1_600, 'late.mp4')

    expect(afterRestart?.last).toMatchObject({
      ...{ ...module, cameraName: 'Hall', createdAt: 2_000, path: 'newest.mp4' },
    })
    expect(afterAnother?.last?.path).toBe('newest.mp4')
    expect(forgotten).toBeUndefined()
    expect((await again.clips.camera(key))?.last?.path).toBe('newest.mp4')
  })

  test('a clip that has a file already is taken over with its camera, without an event', async () => {
    const { storage } = await opened(newPlace())
    const saved: ClipWithFile = { ...readyWith({}), state: 'saved' }

    await storage.clips.adopt(module, saved)

    expect(await storage.clips.clipsOf(module)).toMatchObject([saved])
    expect(await storage.clips.cameras()).toMatchObject([{ camera: '610003', last: { path: file.path } }])
    expect(await storage.outbox.count()).toBe(0)
  })

  test('modules of which a manifest was followed are known, and nothing else is taken for one', async () => {
    const place = await opened(newPlace())
    const { clips } = place.storage
    await clips.saveModule(module, { ...followed, requestId: '1', compared: false })
    await clips.saveModule(module, followed)
    await clips.saveStorageReading(barn, { usedPercent: 3, full: false, warning: undefined, readAt: 1 })
    await clips.useDirectory('/media/blink')
    await save(place.storage, readyWith({}))

    const reopened = await place.reopen()

    expect(await reopened.clips.followed()).toEqual([module])
    expect(await reopened.clips.module(module)).toEqual(followed)
    expect(await reopened.clips.directory()).toBe('/media/blink')
  })

  test('what a manifest changes is kept with its event; clips long gone are forgotten', async () => {
    const { storage } = await opened(newPlace())
    const { clips, outbox } = storage
    const compared = (change: object, at: number) =>
      clips.compared(module, {
        ...{ module: followed, added: [], renamed: [], seen: [], gone: [], at, event: readyEvent() },
        ...change,
      })
    const rows = await compared({ added: [listed, { ...listed, createdAt: 2 }] }, 1)
    const [first, second] = await clips.clipsOf(module)
    expect(rows).toEqual([first?.row, second?.row])
    const [row = 0, kept = 0] = rows

    await compared({ renamed: [{ ...listed, cameraName: 'Barn', row: kept }], gone: [row] }, 10)
    expect(await clips.clip(kept)).toMatchObject({ cameraName: 'Barn' })
    await compared({ gone: [row, kept] }, 29 * dayMs)
    await compared({ seen: [kept] }, 29 * dayMs + 1)
    expect(await clips.clipsOf(module)).toHaveLength(2)
    await compared({ gone: [row] }, 31 * dayMs)

    expect((await clips.clipsOf(module)).map((clip) => clip.row)).toEqual([kept])
    expect(await clips.module(module)).toEqual(followed)
    expect(await outbox.count()).toBe(5)
  })

  test('a clip with a file is remembered however long it is gone', async () => {
    const { storage } = await opened(newPlace())
    await save(storage, readyWith({}))
    const [clip] = await storage.clips.clipsOf(module)
    const change = { module: followed, added: [], renamed: [], seen: [] }
    const gone = [clip?.row ?? 0]

    await storage.clips.compared(module, { ...change, gone, at: 1, event: readyEvent() })
    await storage.clips.compared(module, { ...change, gone: [], at: 90 * dayMs, event: readyEvent() })

    expect(await storage.clips.clipsOf(module)).toHaveLength(1)
  })

  test('the reading of a drive is kept over a restart, apart from everything else of its module', async () => {
    const place = await opened(newPlace())
    const reading = { usedPercent: 93, full: false, warning: undefined, readAt: 5 }
    await place.storage.clips.saveModule(module, followed)

    await place.storage.clips.saveStorageReading(module, { ...reading, readAt: 4 })
    await place.storage.clips.saveStorageReading(module, reading)
    const { clips } = await place.reopen()

    expect(await clips.storageReading(module)).toEqual(reading)
    expect(await clips.storageReading(barn)).toBeUndefined()
    expect((await clips.module(module))?.requestId).toBe('501')
  })

  test('what cannot be kept is an error, and nothing of it is there', async () => {
    const { storage, place } = await opened(newPlace())
    const ready = readyWith({})
    const row = await storage.clips.put(module, ready)
    place.refuseWrites()

    await expect(storage.clips.put(module, listed)).rejects.toThrow(StoreFailed)
    await expect(storage.clips.saved({ ...ready, row, module }, clipNew)).rejects.toThrow(StoreFailed)
    place.acceptWrites()

    expect(await storage.clips.clipsOf(module)).toEqual([{ ...ready, row }])
    expect([await storage.clips.cameras(), await storage.outbox.count()]).toEqual([[], 0])
  })
}
