import { expect } from 'vitest'
import { document, home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const ago = (ms: number) => new Date(Date.now() - ms).toISOString()
const clips = { CLIPS_ENABLED: 'true', CLIPS_RESERVE_MEGABYTES: '0' }

mosquittoTest('clips list shows the stick and the disk, also beside a running daemon', async () => {
  const spec = home(1)
  const onStick = [
    { id: 71, cameraName: 'Door', size: 1, createdAt: ago(60_000) },
    { id: 70, cameraName: 'Yard', size: 1, createdAt: ago(5 * 86_400_000) },
  ]
  const modules = spec.modules.map((module) => ({ ...module, clips: onStick }))
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, accounts: [{ ...spec, modules }] },
  })
  const before = await world.finish(['clips', 'list'])
  const observer = await world.observer()
  const daemon = world.start(['run'], { ...clips, SCHEDULE_CRON: '0 0 1 1 *' })
  const clip = await until('the clip', () => observer.on('/clip/new')[0], { state: daemon.stderr })

  const listed = await world.finish(['clips', 'list', '--json'])
  const table = await world.finish(['clips', 'list'])
  await daemon.stop()
  const after = await world.finish(['clips', 'list', '--json'])

  expect(before).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('clips.enabled') })
  const [module, saved, old] = listed.stdout.trimEnd().split('\n').map(document)
  expect(module).toMatchObject({ kind: 'sync_module', name: 'Module 1', on_stick: 2, on_disk: 1 })
  const { path, size_bytes, sha256 } = document(clip)
  const file = { path, size_bytes, sha256 }
  expect(saved).toMatchObject({ kind: 'clip', camera: 'Door', state: 'saved', on_stick: true, ...file })
  expect(old).toMatchObject({ kind: 'clip', camera: 'Yard', state: 'listed', path: null })
  expect(table.stdout).toMatch(/350001 +\S+Z +Door +saved +yes +Network 1\/Door\//)
  expect(after.stdout).toBe(listed.stdout)
  expect((await world.finish(['clips', 'lst'])).code).toBe(64)
})
