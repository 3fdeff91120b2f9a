/** The real program saves clips, on a disk that is full, pulled out or read-only; and others can play them. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { home, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { drive, mountTest, smallDisk } from '../support/mounts.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const camera = { id: 610_001, networkId: 44_001, name: 'Porch' }
const simulator = {
  ...{ manifestSeconds: 0, clipSeconds: 0, motionSeconds: 0 },
  accounts: [{ ...home(1), cameras: [camera] }],
}
const settings = (directory: string) => ({
  ...{ SCHEDULE_CRON: '*/5 * * * * *', SCHEDULE_ALLOW_FAST: 'true', SCHEDULE_SPREAD_SECONDS: '0' },
  ...{ CLIPS_ENABLED: 'true', CLIPS_DIRECTORY: directory, CLIPS_RESERVE_MEGABYTES: '0' },
  MANIFEST_POLL_SECONDS: '2',
})

const filesBelow = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/** Waits until every clip that was ever on the stick is on disk, and nothing half-written. */
async function allSaved({ cloud }: World, directory: string, { stderr }: Program): Promise<void> {
  const expected = () =>
    cloud
      .module(44_001, 350_001)
      .journal()
      .map(({ sha256 }) => sha256)
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
  const files = () => (existsSync(directory) ? filesBelow(directory) : [])
  const clips = () => files().filter((path) => path.endsWith('.mp4'))
  await until('all clips', () => clips().length >= expected().length, { state: stderr })
  expect(clips().map(hash).toSorted()).toEqual(expected().toSorted())
  await until('no part of one', () => !files().some((path) => path.endsWith('.part')))
}

/** What was said of the directory, in order. */
const said = (daemon: Program) =>
  daemon.logged().flatMap(({ msg, state }) => (String(msg).startsWith('clips can') ? [state] : []))

async function twoMoreRuns({ cloud }: World): Promise<void> {
  const before = requestCount(cloud, 'manifest-request')
  await until('two more request IDs', () => requestCount(cloud, 'manifest-request') >= before + 2)
}

mosquittoTest('others may read what the program saves, unless its umask forbids that', async () => {
  await using world = await startWorld({ simulator })
  const directory = join(world.directory, 'media/clips')
  const before = process.umask(0o022)
  const daemon = world.start(['run'], settings(directory))
  process.umask(before)
  world.cloud.motion({ camera: 'Porch' })

  await allSaved(world, directory, daemon)

  const modes = (path: string) => (statSync(path).mode & 0o777).toString(8)
  const [clip = ''] = filesBelow(directory).filter((path) => path.endsWith('.mp4'))
  expect(modes(clip)).toBe('644')
  expect([directory, join(clip, '..'), join(clip, '../..')].map(modes)).toEqual(['755', '755', '755'])
})

mountTest('a full disk for clips is said once, and request IDs go on', async () => {
  using disk = smallDisk(8)
  await using world = await startWorld({ simulator })
  const directory = join(disk.path, 'clips')
  const daemon = world.start(['run'], settings(directory))
  world.cloud.motion({ camera: 'Porch' })
  await allSaved(world, directory, daemon)

  disk.fill()
  world.cloud.motion({ camera: 'Porch', size: 200 })
  await daemon.says('clips cannot be saved')
  await twoMoreRuns(world)
  expect(said(daemon)).toEqual(['disk_full'])

  disk.makeRoom()
  await allSaved(world, directory, daemon)
  expect(said(daemon)).toEqual(['disk_full', 'ok'])
  expect((await daemon.stop()).code).toBe(0)
})

mountTest('a clip that is too large for the disk is not uploaded over and over', async () => {
  using disk = smallDisk(4)
  await using world = await startWorld({ simulator })
  const directory = join(disk.path, 'clips')
  const daemon = world.start(['run'], settings(directory))
  world.cloud.motion({ camera: 'Porch', size: 5_000 })
  await daemon.says('clips cannot be saved')
  const uploads = requestCount(world.cloud, 'clip-request')

  await twoMoreRuns(world)

  expect(requestCount(world.cloud, 'clip-request')).toBe(uploads)
  expect(said(daemon)).toEqual(['disk_full'])
  expect(filesBelow(directory).filter((path) => !path.endsWith('.blink-manifestd'))).toEqual([])
})

mountTest('a drive that is pulled out or read-only is said once, and clips follow later', async () => {
  using stick = drive()
  await using world = await startWorld({ simulator })
  const daemon = world.start(['run'], settings(stick.path))
  world.cloud.motion({ camera: 'Porch' })
  await allSaved(world, stick.path, daemon)

  stick.pullOut()
  world.cloud.motion({ camera: 'Porch' })
  await daemon.says('clips cannot be saved')
  await twoMoreRuns(world)
  expect(said(daemon)).toEqual(['directory_away'])
  expect(readdirSync(stick.path)).toEqual([])
  stick.putIn()
  await allSaved(world, stick.path, daemon)

  stick.readOnly()
  world.cloud.motion({ camera: 'Porch' })
  await daemon.says('clips cannot be saved', 2)
  await twoMoreRuns(world)
  const uploads = requestCount(world.cloud, 'clip-request')
  await twoMoreRuns(world)
  expect(requestCount(world.cloud, 'clip-request')).toBe(uploads)
  stick.writable()
  await allSaved(world, stick.path, daemon)

  expect(said(daemon)).toEqual(['directory_away', 'ok', 'directory_away', 'ok'])
  expect((await daemon.stop()).code).toBe(0)
})
