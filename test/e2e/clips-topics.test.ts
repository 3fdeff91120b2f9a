/** What is retained of clips: over restarts and losses, and when clips are switched off. */
import { expect } from 'vitest'
import { document, home, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const clips = { CLIPS_RESERVE_MEGABYTES: '0', MANIFEST_POLL_SECONDS: '2', SCHEDULE_CRON: '0 0 1 1 *' }
const onStick = [{ id: 71, cameraName: 'Door', size: 40, createdAt: new Date().toISOString() }]

mosquittoTest('clips and last_clip are repaired, and cleared when they are switched off', async () => {
  const spec = home(1)
  const modules = spec.modules.map((module) => ({ ...module, clips: onStick }))
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, clipSeconds: 0, accounts: [{ ...spec, modules }] },
  })
  const observer = await world.observer()
  const on = world.start(['run'], { ...clips, CLIPS_ENABLED: 'true' })
  const lastClip = await until(
    'the last clip',
    () => observer.seen.find(({ topic }) => topic.endsWith('/last_clip'))?.topic,
    { state: on.stderr },
  )
  const latest = (topic: string) => observer.latest(topic) ?? ''
  await until('the counts', () => latest(`${stem(1)}/clips`).includes('"downloaded":1'), { state: on.stderr })
  expect(document(latest(lastClip))).toMatchObject({ event_type: 'clip_new', camera: 'Door' })

  const before = latest(lastClip)
  await observer.publish(lastClip, 'overwritten', true)
  await until('it is overwritten', () => latest(lastClip) === 'overwritten')
  await until('it is repaired', () => latest(lastClip) === before, { state: on.stderr })
  expect((await on.stop()).code).toBe(0)
  const off = world.start(['run'], clips)
  const topics = [lastClip, `${stem(1)}/clips`]
  await until('both are cleared', () => topics.every((topic) => latest(topic) === ''), { state: off.stderr })

  expect((await off.stop()).code).toBe(0)
})
