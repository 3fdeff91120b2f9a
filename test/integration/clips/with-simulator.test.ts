/** The pure parts together, on what the simulated cloud answers: from a manifest to whole files, and no clip twice. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { readCameras, readCommand, readManifest } from '../../../src/blink/clip-wire.ts'
import { cameraNamed } from '../../../src/clips/cameras.ts'
import { mp4FaultOf } from '../../../src/clips/mp4.ts'
import { newClips } from '../../../src/clips/new-clips.ts'
import type { KnownClip, Manifest } from '../../../src/domain/clip.ts'
import type { ClipTroubleKind } from '../../../src/simulator/clip-trouble.ts'
import { field, MODULE, type Visit, visit } from '../../support/visitor.ts'

const CABIN = MODULE.replace('44107', '44114').replace('350221', '350228')

async function manifestOf(world: Visit, shape: 'manifest' | 'media' = 'manifest'): Promise<Manifest> {
  const id = field((await world.post(`${CABIN}/manifest/request`)).json, 'id')
  world.time.advance(4_000)
  const path = shape === 'media' ? `${CABIN}/media/${id}` : `${CABIN}/manifest/request/${id}`
  return readManifest((await world.get(path)).json, shape)
}

async function download(world: Visit, { manifestId }: Manifest, clipId: string): Promise<Buffer> {
  const path = `${CABIN}/manifest/${manifestId}/clip/request/${clipId}`
  const command = field((await world.post(path)).json, 'id')
  world.time.advance(2_000)
  expect(readCommand((await world.get(`/network/44114/command/${command}`)).json)).toBe('done')
  const authorization = `Bearer ${field((await world.token()).json, 'access_token')}`
  const answer = await fetch(world.simulator.url + path, { headers: { authorization } })
  return Buffer.from(await answer.arrayBuffer())
}

const faultOf = (file: Buffer) =>
  mp4FaultOf({
    bytes: file.length,
    read: (offset, length) => Promise.resolve(file.subarray(offset, offset + length)),
  })

const wantedOf = (world: Visit, manifest: Manifest, known: readonly KnownClip[]) =>
  newClips({
    ...{ listed: manifest.clips, known, firstSight: known.length === 0, now: world.time.now() },
    ...{ backfillDays: -1, maxPerRun: 20 },
  }).wanted.map(({ clip }) => clip)

test('every clip comes once and whole, over a restart, in both shapes of the manifest', async () => {
  await using world = await visit({ motionSeconds: 0 })
  const cabin = world.simulator.module(44114, 350228)
  const known: KnownClip[] = []
  const hashes: string[] = []
  const run = async (shape?: 'manifest' | 'media') => {
    const manifest = await manifestOf(world, shape)
    for (const { clipId, createdAt, listedSize, cameraName } of wantedOf(world, manifest, known)) {
      const file = await download(world, manifest, clipId)
      expect(await faultOf(file)).toBeUndefined()
      hashes.push(createHash('sha256').update(file).digest('hex'))
      known.push({ createdAt, listedSize, cameraName, state: 'listed' })
    }
  }

  await run()
  cabin.restart()
  world.simulator.motion({ camera: 'Porch', size: 70 })
  world.simulator.motion({ camera: 'Boat House', size: 70 })
  await run()
  cabin.restart()
  await run('media')

  expect(hashes.toSorted()).toEqual(
    cabin
      .journal()
      .map(({ sha256 }) => sha256)
      .toSorted(),
  )
})

test('the names of a manifest lead to the cameras of the home screen', async () => {
  await using world = await visit()
  const cameras = readCameras((await world.get('/api/v3/accounts/8021/homescreen')).json)
  const { clips } = await manifestOf(world)

  expect(clips.map(({ cameraName }) => cameraNamed(cameraName, '44114', cameras)?.name)).toEqual([
    'Porch',
    'Boat House',
  ])
})

test.each<[ClipTroubleKind, string | undefined]>([
  ['short_file', 'cut'],
  ['html_file', 'not_mp4'],
  ['cut_file', 'cut'],
  ['longer_file', 'cut'],
  ['no_movie', 'no_moov'],
  ['unsized_file', undefined],
])('the file of a clip with the trouble %s has the fault %s', async (kind, fault) => {
  await using world = await visit()
  world.simulator.troubleClips({ kind })
  const manifest = await manifestOf(world)

  const file = await download(world, manifest, manifest.clips[0]?.clipId ?? '')

  expect(await faultOf(file)).toBe(fault)
})
