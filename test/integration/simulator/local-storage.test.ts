import { expect, test } from 'vitest'
import { differences, field, MODULE, sample, visit } from '../../support/visitor.ts'

test('a manifest goes from request over not ready to ready, as published', async () => {
  await using world = await visit({ manifestSeconds: 4 })

  const accepted = await world.post(`${MODULE}/manifest/request`)
  const request = `${MODULE}/manifest/request/${field(accepted.json, 'id')}`
  const early = await world.get(request)
  world.time.advance(4_000)
  const ready = await world.get(request)

  expect(accepted.status).toBe(200)
  expect(accepted.json).toEqual({ id: 670_000_001, network_id: 44107 })
  expect(differences(accepted.json, sample('manifest-request-accepted').body)).toEqual([])
  expect(early.status).toBe(409)
  expect(early.json).toEqual(sample('manifest-not-ready-409.reconstructed').body)
  expect(early.text).toHaveLength(69)
  expect(ready.status).toBe(200)
  expect(differences(ready.json, sample('manifest-ready').body)).toEqual([])
  expect(differences(ready.json, sample('manifest-ready-2022').body)).toEqual([])
  expect(field(ready.json, 'clips.0')).toEqual({
    id: '2718594887',
    size: '382',
    camera_name: 'DrivewayAnnas',
    created_at: '2025-11-20T21:17:25+00:00',
  })
})

test('every request has another id, and ids grow', async () => {
  await using world = await visit()
  const ids: unknown[] = []

  for (let round = 0; round < 3; round += 1) {
    ids.push(field((await world.post(`${MODULE}/manifest/request`)).json, 'id'))
    world.time.advance(4_000)
  }

  expect(ids).toEqual([670_000_001, 670_000_002, 670_000_003])
})

test('a module does one thing at a time, and says so as the real one does', async () => {
  await using world = await visit()
  const published = sample('error-busy-409-307')
  await world.post(`${MODULE}/manifest/request`)

  const busy = await world.post(`${MODULE}/manifest/request`)
  world.time.advance(4_000)
  const free = await world.post(`${MODULE}/manifest/request`)

  expect(busy.status).toBe(published.status)
  expect(busy.json).toEqual(published.body)
  expect(free.status).toBe(200)
})

test('somebody else can keep a module busy', async () => {
  await using world = await visit()
  const garage = world.simulator.module(44107, 350221)

  garage.occupy(10)
  const busy = await world.post(`${MODULE}/manifest/request`)
  garage.occupy(0)
  const free = await world.post(`${MODULE}/manifest/request`)

  expect(busy.json).toMatchObject({ code: 307 })
  expect(free.status).toBe(200)
})

test('a clip goes from request over not uploaded to a file of its size', async () => {
  await using world = await visit({ manifestSeconds: 1, clipSeconds: 2 })
  await world.post(`${MODULE}/manifest/request`)
  world.time.advance(1_000)
  const clip = `${MODULE}/manifest/8977/clip/request/1282703322`

  const accepted = await world.post(clip)
  const early = await world.get(clip)
  world.time.advance(2_000)
  const file = await world.get(clip)

  expect(differences(accepted.json, sample('clip-request-accepted').body)).toEqual([])
  expect(early.json).toEqual(sample('clip-not-uploaded-yet').body)
  expect(early.text).toHaveLength(40)
  expect(file).toMatchObject({ status: 200, type: 'video/mp4' })
  expect(file.headers.get('content-length')).toBe(String(188 * 1024))
  expect(file.text.slice(4, 8)).toBe('ftyp')
})

test('a manifest shows the clips of the moment of its request', async () => {
  await using world = await visit()
  const clip = { id: 1, cameraName: 'Back Door', size: 9, createdAt: '2026-11-23T09:12:50+00:00' }
  const first = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')

  world.simulator.module(44107, 350221).addClip(clip)
  world.time.advance(4_000)
  const second = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')
  world.time.advance(4_000)

  const before = await world.get(`${MODULE}/manifest/request/${first}`)
  const after = await world.get(`${MODULE}/manifest/request/${second}`)
  expect(field(before.json, 'clips')).toHaveLength(3)
  expect(field(after.json, 'clips.0')).toMatchObject({ id: '1', camera_name: 'BackDoor' })
})

test('newer apps read the same by the id of the command', async () => {
  await using world = await visit()
  const id = field((await world.post(`${MODULE}/manifest/request`)).json, 'id')

  const early = await world.get(`${MODULE}/media/${id}`)
  world.time.advance(4_000)
  const ready = await world.get(`${MODULE}/media/${id}`)

  expect(early.json).toMatchObject({ code: 2113 })
  expect(differences(ready.json, sample('media-by-command-ready.synthetic').body)).toEqual([])
})

test.each([
  ['44109/sync_modules/350223', 107, 'the storage is unavailable'],
  ['44110/sync_modules/350224', 402, 'the module is offline'],
  ['44111/sync_modules/350225', 2105, 'the hardware cannot do it'],
  ['44113/sync_modules/350227', 414, 'the module is of the old kind'],
  ['44107/sync_modules/999', 400, 'there is no such module'],
  ['44108/sync_modules/350221', 406, 'the module stands in another network'],
])('a request for %s is refused with code %d: %s', async (place, code, _reason) => {
  await using world = await visit()

  const answer = await world.post(`/api/v1/accounts/8021/networks/${place}/local_storage/manifest/request`)

  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({ code })
})

test.each([
  ['unmounted', 416],
  ['format_required', 2122],
  ['something new', 414],
])('a module with its storage %s refuses with code %d', async (storage, code) => {
  await using world = await visit()
  world.simulator.module(44107, 350221).change({ storage })

  expect((await world.post(`${MODULE}/manifest/request`)).json).toMatchObject({ code })
})

test('a full stick and a module of a network that is not listed answer like any other', async () => {
  await using world = await visit()

  for (const place of ['44108/sync_modules/350222', '44112/sync_modules/350226']) {
    const path = `/api/v1/accounts/8021/networks/${place}/local_storage/manifest/request`
    expect((await world.post(path)).status).toBe(200)
  }
})

test('ids that do not exist are refused', async () => {
  await using world = await visit()
  await world.post(`${MODULE}/manifest/request`)
  world.time.advance(4_000)

  expect((await world.get(`${MODULE}/manifest/request/1`)).json).toMatchObject({ code: 2104 })
  expect((await world.post(`${MODULE}/manifest/1/clip/request/1`)).json).toMatchObject({ code: 2104 })
  expect((await world.post(`${MODULE}/manifest/8977/clip/request/1`)).json).toMatchObject({ code: 2103 })
})

test('the state of the storage is returned without disturbing the module', async () => {
  await using world = await visit()
  await world.post(`${MODULE}/manifest/request`)

  const status = await world.get(`${MODULE}/status`)

  expect(differences(status.json, sample('local-storage-status.synthetic').body)).toEqual([])
  expect(status.json).toMatchObject({ usb_state: 'active', usb_storage_full: false })
})
