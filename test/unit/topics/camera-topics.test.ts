/** `last_clip` of a camera: when it is published, and when it is cleared. */
import { expect, test } from 'vitest'
import { cameraKeyOf } from '../../../src/domain/clip.ts'
import { settle } from '../../support/fake-clock.ts'
import { aClip, aSnapshot, noChanges, retainedFixture } from '../../support/retained-fixture.ts'
import { aModule } from '../../support/samples.ts'

const topic = 'b/camera/8021/44107/610003/last_clip'
const hall = { ...aClip(), moved: false, last: aClip() }
const elsewhere = { ...hall, camera: 'unknown/0badcafe', moved: true }
const earlier = 'b/camera/8021/44107/unknown/0badcafe/last_clip'

type Differing = Parameters<typeof retainedFixture>[0]

/** With a camera of a module that is shown, and one that has moved if wanted. */
function world({ moved = false, ...differing }: Differing & { readonly moved?: boolean } = {}) {
  const fixture = retainedFixture(differing)
  fixture.show(aSnapshot())
  for (const camera of moved ? [elsewhere, hall] : [hall]) fixture.cameras.set(cameraKeyOf(camera), camera)
  fixture.kept.set(earlier, 'from before')
  return fixture
}

test('the last clip is published on each connection, and when a clip was saved', async () => {
  const { publishAll, retained, kept, cameras } = world()

  await publishAll()
  expect(JSON.parse(kept.get(topic) ?? '')).toMatchObject({ path: 'Home/Hall/a.mp4' })
  kept.delete(topic)
  const last = aClip({ path: 'b.mp4' })
  cameras.set(cameraKeyOf(hall), { ...hall, last })
  retained.clipSaved?.(last)
  await settle()

  expect(JSON.parse(kept.get(topic) ?? '')).toMatchObject({ path: 'b.mp4' })
})

test('an older clip that is saved later does not replace the newer one', async () => {
  const { retained, kept } = world()

  retained.clipSaved?.(aClip({ path: 'older.mp4', createdAt: 1 }))
  await settle()

  expect(JSON.parse(kept.get(topic) ?? '')).toMatchObject({ path: 'Home/Hall/a.mp4' })
})

test('the topic of a camera that has moved is cleared after its document, and once', async () => {
  const done: string[] = []
  const gone = Promise.withResolvers<void>()
  const beforeClearing = async (what: object | string) => {
    done.push(typeof what !== 'string' && 'camera' in what ? String(what.camera) : 'other')
    await gone.promise
  }
  const { retained, kept, cameras, topicsPublished } = world({ moved: true, reader: { beforeClearing } })

  retained.clipSaved?.(aClip())
  await settle()
  expect(done).toEqual(['unknown/0badcafe'])
  expect(kept.get(earlier)).toBe('from before')
  gone.resolve()
  await settle()
  retained.clipSaved?.(aClip())
  await settle()

  expect(kept.has(earlier)).toBe(false)
  expect(topicsPublished().filter((one) => one === earlier)).toHaveLength(1)
  expect([...cameras.keys()]).toEqual([cameraKeyOf(hall)])
})

test('the topics of the cameras of a module that is gone are cleared', async () => {
  const { publishAll, go, kept, cameras } = world()
  await publishAll()

  go()
  await settle()

  expect(kept.has(topic)).toBe(false)
  expect(cameras.size).toBe(0)
})

test('a module that stays keeps the topics of its cameras when another one goes', async () => {
  const { publishAll, retained, kept, published } = world()
  await publishAll()
  const before = published.length

  retained.modulesListed?.('8021', { ...noChanges, gone: [aModule({ syncModuleId: '9' })] })
  await settle()

  expect(kept.has(topic)).toBe(true)
  expect(published.slice(before).map((message) => message.topic)).not.toContain(topic)
})

test('where clips are no longer downloaded, all cameras are cleared and forgotten', async () => {
  const { publishAll, disk, kept, cameras } = world()
  await publishAll()

  disk.hidesCameras = true
  await publishAll()

  expect(kept.has(topic)).toBe(false)
  expect(cameras.size).toBe(0)
})

test('what the broker refuses or storage cannot read is cleared on the next connection', async () => {
  const { publishAll, refusing, disk, kept, cameras, failures } = world({ moved: true })
  refusing.add(earlier)
  await publishAll()
  expect(cameras.size).toBe(2)

  refusing.clear()
  disk.isBroken = true
  await publishAll()
  disk.isBroken = false
  await publishAll()

  expect(failures).toEqual([])
  expect(kept.has(earlier)).toBe(false)
  expect(cameras.size).toBe(1)
})

test('a fleet has no last clip', async () => {
  const { publishAll, retained, topicsPublished } = world({ modulesToo: false })

  await publishAll()
  retained.clipSaved?.(aClip())
  await settle()

  expect(topicsPublished()).not.toContain(topic)
})
