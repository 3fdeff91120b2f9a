/** Clips where several daemons share the accounts: each is saved once, by whoever owns its account. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type FleetWorld, startFleetWorld } from '../support/fleet-world.ts'
import { document, home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { isPostgresMissing, postgresTest } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const perModule = 4
const onStick = Array.from({ length: perModule }, (_, index) => ({
  ...{ id: 71 + index, cameraName: 'Door', size: 40 },
  createdAt: new Date(Date.now() - (index + 1) * 60_000).toISOString(),
}))

/** Homes of one module whose stick has clips. */
const accounts = [8021, 9001].map((id) => {
  const spec = home(1, { id })
  return { ...spec, modules: spec.modules.map((module) => ({ ...module, clips: onStick })) }
})

function fleetTest(name: string, body: (fleet: FleetWorld) => Promise<void>): void {
  const needy = isPostgresMissing ? postgresTest : mosquittoTest
  needy(name, async () => {
    await using fleet = await startFleetWorld({ accounts, manifestSeconds: 0, clipSeconds: 0 })
    await body(fleet)
  })
}

const env = (directory: string) => ({
  ...{ CLIPS_ENABLED: 'true', CLIPS_DIRECTORY: directory, CLIPS_RESERVE_MEGABYTES: '0' },
  MANIFEST_POLL_SECONDS: '2',
})

/** The clips that were announced, copies left out. */
function clipsSeen({ observer }: FleetWorld) {
  const all = observer.on('/clip/new').map(document)
  return [...new Map(all.map((clip) => [clip.event_id, clip])).values()]
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.mp4'))
    .toSorted()
}

const pathsOf = (clips: readonly Record<string, unknown>[]) =>
  clips.map(({ path }) => String(path)).toSorted()

fleetTest('each clip is saved once, and its event names who has it', async (fleet) => {
  const directory = join(fleet.world.directory, 'clips')
  const two = ['one', 'two'].map((name) => fleet.start(name, env(directory)))
  const state = () => two.map(({ daemon }) => daemon.stderr()).join('\n')

  await until('all clips', () => clipsSeen(fleet).length === accounts.length * perModule, { state })

  const clips = clipsSeen(fleet)
  expect(filesBelow(directory)).toEqual(pathsOf(clips))
  expect(new Set(clips.map(({ instance }) => instance)).difference(new Set(['one', 'two'])).size).toBe(0)
})

fleetTest('the death of an owner amid its clips leaves the rest to another one', async (fleet) => {
  const directory = join(fleet.world.directory, 'clips')
  // The manifest was compared before the first clip: what is left comes by that of the next run.
  const often = { SCHEDULE_CRON: '*/20 * * * * *', SCHEDULE_ALLOW_FAST: 'true', SCHEDULE_SPREAD_SECONDS: '0' }
  const two = ['one', 'two'].map((name) => fleet.start(name, { ...env(directory), ...often }))
  const state = () => two.map(({ daemon }) => daemon.stderr()).join('\n')
  const first = await until('the first clip', () => clipsSeen(fleet)[0], { state })

  await two.find(({ name }) => name === first.instance)?.daemon.stop('SIGKILL')
  await until('all clips', () => clipsSeen(fleet).length >= accounts.length * perModule, { state })

  const clips = clipsSeen(fleet)
  expect(new Set(pathsOf(clips)).size).toBe(accounts.length * perModule)
  expect(filesBelow(directory)).toEqual([...new Set(pathsOf(clips))])
})
