import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ClipTroubleKind } from '../../../src/simulator/clip-trouble.ts'
import { manyClips } from '../../../src/simulator/stick.ts'
import { differences, field, MODULE, sample, type Visit, visit } from '../../support/visitor.ts'

const CABIN = MODULE.replace('44107', '44114').replace('350221', '350228')

/** Requests a manifest of the cabin and waits for it. */
async function list(
  world: Visit,
): Promise<{ readonly manifestId: unknown; readonly clips: readonly Listed[] }> {
  const id = field((await world.post(`${CABIN}/manifest/request`)).json, 'id')
  world.time.advance(4_000)
  const { json } = await world.get(`${CABIN}/manifest/request/${id}`)
  return { manifestId: field(json, 'manifest_id'), clips: field(json, 'clips') as readonly Listed[] }
}

interface Listed {
  readonly id: string
  readonly camera_name: string
  readonly created_at: string
}

/** Has the newest clip of the cabin uploaded; `at` is where its file then is. */
async function upload(world: Visit, seconds = 2) {
  const { manifestId, clips } = await list(world)
  const at = `${CABIN}/manifest/${manifestId}/clip/request/${clips[0]?.id}`
  const accepted = await world.post(at)
  const command = `/network/44114/command/${field(accepted.json, 'id')}`
  world.time.advance(seconds * 1000)
  return { at, accepted, command, status: await world.get(command) }
}

const bytesOf = async (world: Visit, at: string) => {
  const headers = { authorization: `Bearer ${field((await world.token()).json, 'access_token')}` }
  return Buffer.from(await (await fetch(world.simulator.url + at, { headers })).arrayBuffer())
}

test('motion puts a clip on the stick, listed after its delay', async () => {
  await using world = await visit()
  const seen = await world.send('POST', '/simulator/motion', '{"camera":"Porch","size":90}')

  world.time.advance(30_000)
  const before = await list(world)
  world.time.advance(1_000)
  const after = await list(world)

  expect(seen.json).toMatchObject({ sync_module_id: 350228, cameraName: 'Porch', size: 90, onStick: true })
  expect(before.clips).toHaveLength(2)
  expect(after.clips).toHaveLength(3)
  expect(after.clips[0]).toMatchObject({ camera_name: 'Porch', created_at: '2026-11-23T09:12:44+00:00' })
})

test('the file of a clip is the one in the journal', async () => {
  await using world = await visit({ motionSeconds: 0 })
  const record = world.simulator.motion({ camera: 610007 })

  const { at, status } = await upload(world)
  const file = await bytesOf(world, at)

  expect(status.json).toMatchObject({ complete: true, status: 0 })
  expect(file).toHaveLength(record.bytes)
  expect(createHash('sha256').update(file).digest('hex')).toBe(record.sha256)
})

test.each([
  ['{"camera":"Attic Window"}', 'there is no camera Attic Window'],
  ['{"camera":"Gate"}', 'the drive of sync module 350223 takes no clip: unavailable'],
  ['{"camera":"Front Door"}', 'the drive of sync module 350222 takes no clip: memory_full'],
  ['{}', 'camera must be given'],
  ['{"camera":"Porch","size":0}', 'size must be KiB, up to 1048576'],
])('motion with %s is refused with a reason', async (body, reason) => {
  await using world = await visit()

  const answer = await world.send('POST', '/simulator/motion', body)

  expect(answer.status).toBe(400)
  expect(field(answer.json, 'problems.0')).toBe(reason)
})

test('cameras of one name need their network', async () => {
  await using world = await visit()
  world.simulator.addAccount({
    id: 1,
    region: 'e008',
    networks: [],
    modules: [{ id: 2, networkId: 3, name: 'Other' }],
    cameras: [{ id: 4, networkId: 3, name: 'Porch' }],
  })

  expect(() => world.simulator.motion({ camera: 'Porch' })).toThrow('there are 2 cameras Porch')
  expect(world.simulator.motion({ camera: 'Porch', networkId: 3 }).cameraName).toBe('Porch')
})

test('after a restart numbers belong to other clips, and old manifests are invalid', async () => {
  await using world = await visit({ motionSeconds: 0 })
  world.simulator.motion({ camera: 'Porch' })
  const before = await list(world)
  const journal = world.simulator.module(44114, 350228).journal()
  const old = `${CABIN}/manifest/${before.manifestId}/clip/request/${before.clips[0]?.id}`

  const restarted = await world.post('/simulator/modules/44114/350228/restart')
  const refused = await world.post(old)
  const after = await list(world)

  expect(restarted.status).toBe(200)
  expect(refused.json).toMatchObject({ code: 2104 })
  expect(after.clips.map(({ created_at }) => created_at)).toEqual(
    before.clips.map(({ created_at }) => created_at),
  )
  expect(after.clips[1]?.id).toBe(before.clips[0]?.id)
  expect(world.simulator.module(44114, 350228).journal()).toEqual(journal)
})

test('a restart fails the upload that was going on', async () => {
  await using world = await visit()
  const { command } = await upload(world, 1)

  world.simulator.module(44114, 350228).restart()

  expect((await world.get(command)).json).toEqual(sample('command-status-failed.synthetic').body)
})

test('a clip that vanished from the stick after the manifest cannot be uploaded', async () => {
  await using world = await visit()
  const { manifestId, clips } = await list(world)
  const id = clips[0]?.id
  world.simulator.module(44114, 350228).removeClip(Number(id))

  const at = `${CABIN}/manifest/${manifestId}/clip/request/${id}`
  const command = field((await world.post(at)).json, 'id')
  world.time.advance(2_000)

  expect((await world.get(`/network/44114/command/${command}`)).json).toMatchObject({
    complete: true,
    status: 1,
  })
  expect((await world.get(at)).json).toMatchObject({ code: 700 })
})

test.each<[ClipTroubleKind, number | undefined, boolean]>([
  ['failed_upload', 1, true],
  ['vanished', 1, true],
  ['endless_upload', 0, false],
  ['slow_upload', 0, false],
  ['media_not_found', 0, true],
])('%s: the command has status %d, complete %s, and there is no file', async (kind, status, complete) => {
  await using world = await visit()
  world.simulator.troubleClips({ kind })

  const { at, status: command } = await upload(world)

  expect(command.json).toMatchObject({ complete, status })
  expect((await world.get(at)).json).toEqual(sample('clip-not-uploaded-yet').body)
  expect(world.simulator.struckClips).toMatchObject([{ kind, syncModuleId: 350228 }])
})

test('an upload that never ends keeps the module busy for its time only', async () => {
  await using world = await visit()
  world.simulator.troubleClips({ kind: 'endless_upload', seconds: 20, count: 1 })
  await upload(world)

  const busy = await world.post(`${CABIN}/manifest/request`)
  world.time.advance(18_000)

  expect(busy.json).toMatchObject({ code: 307 })
  expect((await list(world)).clips).toHaveLength(2)
})

test('late media says 2111 until it is there', async () => {
  await using world = await visit()
  world.simulator.troubleClips({ kind: 'late_media', seconds: 5 })
  const { at } = await upload(world)

  const early = await world.get(at)
  world.time.advance(5_000)

  expect(early.json).toMatchObject({ code: 2111 })
  expect((await world.get(at)).type).toBe('video/mp4')
})

test.each<[ClipTroubleKind, number, string]>([
  ['short_file', 20, 'video/mp4'],
  ['html_file', 37, 'text/html'],
  ['cut_file', 113 * 1024, 'video/mp4'],
  ['longer_file', 226 * 1024 + 4, 'video/mp4'],
  ['no_movie', 226 * 1024 - 810, 'video/mp4'],
])('%s: %d bytes of %s', async (kind, bytes, type) => {
  await using world = await visit()
  world.simulator.troubleClips({ kind, cameraName: 'Porch', networkId: 44114 })

  const { at } = await upload(world)
  const answer = await world.get(at)

  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-length')).toBe(String(bytes))
  expect(answer.type).toBe(type)
})

test('an unsized file is whole, and does not say how long it is', async () => {
  await using world = await visit()
  world.simulator.troubleClips({ kind: 'unsized_file' })

  const { at } = await upload(world)
  const answer = await world.get(at)

  expect(answer.headers.get('content-length')).toBeNull()
  expect(await bytesOf(world, at)).toHaveLength(226 * 1024)
})

test('a broken file ends before the length it announced', async () => {
  await using world = await visit()
  world.simulator.troubleClips({ kind: 'broken_file', syncModuleId: 350228 })
  const { at } = await upload(world)

  await expect(world.get(at)).rejects.toThrow()
})

test('a slow file comes in pieces', async () => {
  await using world = await visit()
  world.simulator.troubleClips({ kind: 'slow_file', seconds: 20 })
  const { at } = await upload(world)

  let isThere = false
  const coming = world.get(at).finally(() => {
    isThere = true
  })
  while (!isThere) {
    if (world.time.waiting > 0) world.time.advance(1_000)
    await new Promise(setImmediate)
  }

  expect((await coming).headers.get('content-length')).toBe(String(226 * 1024))
})

test('a trouble is for whom it is meant, for so many times, and over after calm', async () => {
  await using world = await visit()
  world.simulator.troubleClips({ kind: 'failed_upload', cameraName: 'Boat House' })
  world.simulator.troubleClips({ kind: 'failed_upload', syncModuleId: 1 })
  world.simulator.troubleClips({ kind: 'failed_upload', networkId: 1 })
  world.simulator.troubleClips({ kind: 'failed_upload', probability: 0 })
  expect((await upload(world)).status.json).toMatchObject({ status: 0 })

  await world.send('POST', '/simulator/clip-trouble', '{"kind":"failed_upload","count":1}')
  expect((await upload(world)).status.json).toMatchObject({ status: 1 })
  expect((await upload(world)).status.json).toMatchObject({ status: 0 })

  world.simulator.troubleClips({ kind: 'failed_upload' })
  await world.post('/simulator/calm')
  expect((await upload(world)).status.json).toMatchObject({ status: 0 })
})

test('trouble of an unknown kind is refused, and the journal shows who was struck', async () => {
  await using world = await visit()
  const refused = await world.send('POST', '/simulator/clip-trouble', '{"kind":"nap"}')
  await world.send('POST', '/simulator/clip-trouble', '{"kind":"short_file"}')
  await upload(world)

  const { json } = await world.get('/simulator/clips')

  expect(refused.text).toContain('slow_upload')
  expect(field(json, 'clips')).toHaveLength(7)
  expect(field(json, 'struck')).toMatchObject([{ kind: 'short_file', key: '350228-2' }])
})

test('a stick of hundreds is listed whole, and in pages in the newer shape', async () => {
  const newestAt = Date.UTC(2026, 10, 23)
  const clips = manyClips({ count: 450, cameraNames: ['Porch', 'Boat House'], newestAt, everyMinutes: 7 })
  await using world = await visit({ mediaPageSize: 200 })
  const module = world.simulator.addModule(8021, { id: 9, networkId: 9, name: 'Long', clips })
  const path = MODULE.replace('44107', '9').replace('350221', '9')
  const id = field((await world.post(`${path}/manifest/request`)).json, 'id')
  world.time.advance(4_000)

  const whole = await world.get(`${path}/manifest/request/${id}`)
  const pages: unknown[] = []
  let key: unknown
  do {
    const page = await world.get(`${path}/media/${id}${key ? `?pagination_key=${key}` : ''}`)
    pages.push(...(field(page.json, 'media') as unknown[]))
    key = field(page.json, 'pagination_key')
  } while (key)

  expect(field(whole.json, 'clips')).toHaveLength(450)
  expect(pages.map((clip) => String(field(clip, 'id')))).toEqual(
    (field(whole.json, 'clips') as Listed[]).map((clip) => clip.id),
  )
  expect(new Set(module.journal().map(({ key: name }) => name)).size).toBe(450)
})

test('a forgotten command and one that never was have different codes', async () => {
  await using world = await visit()
  const { command } = await upload(world)

  world.time.advance(21 * 60_000)
  await world.post(`${CABIN}/manifest/request`)

  expect((await world.get(command)).json).toMatchObject({ code: 911 })
  expect((await world.get('/network/44114/command/7')).json).toMatchObject({ code: 906 })
})

test('a drive that is nearly full says so', async () => {
  await using world = await visit()
  await world.send('PATCH', '/simulator/modules/44114/350228', '{"storageUsed":93}')

  const { json } = await world.get(`${CABIN}/status`)

  expect(json).toMatchObject({ usb_storage_used: 93, storage_warning: 3, usb_storage_full: false })
  expect(differences(json, sample('local-storage-status.synthetic').body)).toEqual([])
})

test('a clip that is uploaded a second time stays there meanwhile', async () => {
  await using world = await visit()
  const { at } = await upload(world)

  const again = await world.post(at)

  expect(again.status).toBe(200)
  expect((await world.get(at)).type).toBe('video/mp4')
})
