/** `clips download`: what it takes, what it leaves to the daemon, how it ends, and what a person sees meanwhile. */
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { ClipSpec } from '../../src/simulator/account-spec.ts'
import { sitDown, terminalTest } from '../support/at-terminal.ts'
import { document, fast, home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import type { Seen } from '../support/observer.ts'
import { noTokens } from '../support/person.ts'
import { startProgram } from '../support/program.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const clips = { CLIPS_RESERVE_MEGABYTES: '0', MANIFEST_POLL_SECONDS: '2', LOG_LEVEL: 'warn' }
const dayMs = 24 * 60 * 60_000

const clip = (id: number, cameraName: string, daysAgo: number): ClipSpec => ({
  ...{ id, cameraName, size: 40 + id },
  createdAt: new Date(Date.now() - daysAgo * dayMs - 60_000).toISOString(),
})

/** Two clips of today, one of three days ago, one of ten. */
function stick(
  onStick = [clip(1, 'Front Door', 0), clip(2, 'Yard', 0), clip(3, 'Yard', 3), clip(4, 'Yard', 10)],
) {
  const account = home(1)
  const modules = account.modules.map((module) => ({ ...module, clips: onStick }))
  return startWorld({
    simulator: { manifestSeconds: 0, clipSeconds: 0, accounts: [{ ...account, modules }] },
  })
}

const lines = (stdout: string) => stdout.trimEnd().split('\n').map(document)
const eventOf = (seen: Seen) => document(seen).event_id
const uploads = ({ cloud }: World) => cloud.calls.filter(({ kind }) => kind === 'clip-request').length
const filesIn = ({ dataDir }: World) =>
  (existsSync(join(dataDir, 'clips'))
    ? readdirSync(join(dataDir, 'clips'), { recursive: true, withFileTypes: true })
    : []
  )
    .filter((entry) => entry.isFile() && entry.name !== '.blink-manifestd')
    .map(({ name }) => name)

mosquittoTest('what is new is saved and published, and the rest stays on the stick for good', async () => {
  await using world = await stick()
  const observer = await world.observer()

  const first = await world.finish(['clips', 'download', '--json'], clips)
  const again = await world.finish(['clips', 'download', '--json'], clips)
  const daemon = world.start(['run'], { ...clips, ...fast, CLIPS_ENABLED: 'true' })
  await until('its manifests', () => observer.on('/manifest/ready').length >= 4, { state: daemon.stderr })

  expect(first).toMatchObject({ code: 0, stderr: '' })
  const [one, two, summary] = lines(first.stdout)
  expect([one, two].map((line) => line?.camera).sort()).toEqual(['FrontDoor', 'Yard'])
  expect(one).toMatchObject({
    kind: 'clip',
    state: 'saved',
    account_id: 8021,
    size_bytes: expect.any(Number),
  })
  expect(summary).toMatchObject({ kind: 'summary', chosen: 2, saved: 2, failed: 0, left: 0 })
  expect(new Set(observer.on('/clip/new').map(eventOf))).toEqual(new Set([one?.event_id, two?.event_id]))
  expect(lines(again.stdout)).toMatchObject([{ kind: 'summary', chosen: 0 }])
  expect(again.code).toBe(0)
  expect((await daemon.stop()).code).toBe(0)
  const listed = lines((await world.finish(['clips', 'list', '--json'], clips)).stdout)
  expect(listed.slice(1).map(({ state }) => state)).toEqual(['saved', 'saved', 'listed', 'listed'])
  expect(uploads(world)).toBe(2)
})

mosquittoTest('a time, a camera and --all say what is taken', async () => {
  await using world = await stick()
  const download = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await world.finish(['clips', 'download', ...args], clips)
    return { code, stdout: stdout.replaceAll(/\d+\.\d (MB|s)/g, '$1'), stderr }
  }

  const none = await download('--camera', 'Gate')
  const door = await download('--camera', 'front door')
  const since = await download('--since', '5d')
  const all = await download('--all')
  const nothing = await download('--all')

  expect(none).toEqual({
    ...{ code: 0, stdout: 'No clip to download.\n' },
    stderr: 'The sticks have clips of these cameras: FrontDoor, Yard.\n',
  })
  expect(door.stdout).toMatch(
    /^saved \S+Z {2}FrontDoor {2}MB {2}Network 1\/.*\n1 of 1 clip saved, MB in s\.\n$/,
  )
  expect(since.stdout).toMatch(/2 of 2 clips saved/)
  expect(all.stdout).toMatch(/1 of 1 clip saved/)
  expect(nothing.stdout).toBe('No clip to download.\n')
  expect(filesIn(world)).toHaveLength(4)
})

mosquittoTest(
  'a clip or a module that fails ends it with 75 and a reason, and the rest is saved',
  async () => {
    await using world = await stick()
    world.cloud.troubleClips({ kind: 'html_file', cameraName: 'Yard' })

    const clip = await world.finish(['clips', 'download'], clips)
    world.cloud.misbehave({ kind: 'status', status: 404, body: { code: 401 }, path: '/manifest/request' })
    const module = await world.finish(['clips', 'download', '--json'], clips)

    expect(clip.code).toBe(75)
    expect(clip.stdout).toMatch(/1 of 2 clips saved, .* 1 failed\./)
    expect(clip.stderr).toMatch(/clip \S+Z Yard: not_mp4, again from /)
    expect(module.code).toBe(75)
    expect(lines(module.stdout)).toMatchObject([{ kind: 'summary', chosen: 0, sync_modules_failed: 1 }])
    expect(filesIn(world)).toHaveLength(1)
  },
)

mosquittoTest('a broker that is away costs no clip, and the daemon publishes them later', async () => {
  await using world = await stick()
  const command = world.start(['clips', 'download'], { ...clips, MQTT_URL: 'mqtt://127.0.0.1:9' })
  await until('both clips', () => filesIn(world).filter((name) => name.endsWith('.mp4')).length === 2)

  command.kill('SIGINT')
  await command.ended
  const observer = await world.observer()
  world.start(['run'], { ...clips, CLIPS_ENABLED: 'true', SCHEDULE_CRON: '0 0 1 1 *' })

  await until('both events', () => new Set(observer.on('/clip/new').map(eventOf)).size === 2)
  expect(filesIn(world)).toHaveLength(2)
})

mosquittoTest('it is refused beside a daemon, without a login, and for what it does not know', async () => {
  await using world = await stick()
  const daemon = world.start(['run'], { ...clips, LOG_LEVEL: 'info', SCHEDULE_CRON: '0 0 1 1 *' })
  await daemon.says('started')
  const other = { ...clips, BLINK_MANIFESTD_DATA_DIR: join(world.directory, 'other') }

  const beside = await world.finish(['clips', 'download'], clips)
  const noLogin = await world.finish(['clips', 'download'], { ...other, ...noTokens })
  const wrong = await world.finish(['clips', 'download', '--since', '2 days'], clips)
  const config = await world.finish(['clips', 'download'], { ...clips, CLIPS_NAME: '{nonsense}.mp4' })

  expect([beside.code, noLogin.code, wrong.code, config.code]).toEqual([75, 77, 64, 78])
  expect(beside.stderr).toMatch(
    /another blink-manifestd is using .*\n.*blink-manifestd\/bridge\/request\/clips\/sync/,
  )
  expect(wrong.stderr).toContain('a number with m, h, d or w')
})

mosquittoTest('a result that cannot be written ends it with 74, and the clips are saved', async () => {
  await using world = await stick()
  const stdout = openSync('/dev/full', 'w')
  const command = startProgram(['clips', 'download', '--json'], {
    ...{ env: { ...world.env, ...clips }, cwd: world.directory, stdout },
  })
  const { code, stderr } = await command.finished()
  closeSync(stdout)

  expect(code).toBe(74)
  expect(stderr).toContain('could not be written (ENOSPC)')
  expect(filesIn(world)).toHaveLength(2)
})

terminalTest(
  'at a terminal a bar shows clips, bytes, rate and time left, and a summary follows',
  async () => {
    await using world = await stick(Array.from({ length: 12 }, (_, id) => clip(id + 1, 'Yard', id / 100)))
    world.cloud.troubleClips({ kind: 'slow_file', seconds: 0.5 })
    await using person = sitDown(world, ['clips', 'download'], clips)

    await person.sees(/downloading .* [1-9]\d*\/12 clips, [\d.]+ MB, [\d.]+ MB\/s, \S+ left/)

    expect(await person.ended).toBe(0)
    expect(person.screen()).toMatch(/12 of 12 clips saved, [\d.]+ MB in [\d.]+ s\.\n$/)
    expect(person.screen()).not.toContain('saved 20')
  },
)

terminalTest('Ctrl-C leaves nothing half-written, and the next time takes the rest', async () => {
  await using world = await stick(Array.from({ length: 6 }, (_, id) => clip(id + 1, 'Yard', id / 100)))
  world.cloud.troubleClips({ kind: 'slow_file', seconds: 60, count: 2 })
  await using person = sitDown(world, ['clips', 'download'], clips)
  const parts = () => filesIn(world).filter((name) => name.endsWith('.part'))
  await person.sees(/downloading .*\/6 clips/)
  await until('two files on their way', () => parts().length === 2, { state: person.screen })

  person.press('c')
  const code = await person.ended
  const left = filesIn(world)
  const rest = await world.finish(['clips', 'download', '--json'], clips)

  expect(code).toBe(75)
  expect(person.screen()).toMatch(
    /0 of 6 clips saved, .* 6 left\.[\s\S]*interrupted\. Run it again for the rest\./,
  )
  expect(left).toEqual([])
  expect(lines(rest.stdout).at(-1)).toMatchObject({ chosen: 6, saved: 6, left: 0 })
  expect(rest.code).toBe(0)
})
