/** Cameras in Home Assistant: devices as valid as the others, and gone when they are no more. */
import { expect } from 'vitest'
import { clearedWhileRead } from '../support/acceptance.ts'
import { ailments, deviceOf, documentsIn } from '../support/ha-seen.ts'
import { document, home } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import type { Observer } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const camera = (id: number, name: string) => ({ id, networkId: 44_001, name })
const homeWith = (...cameras: readonly ReturnType<typeof camera>[]) => ({
  ...{ manifestSeconds: 0, clipSeconds: 0, motionSeconds: 0 },
  accounts: [{ ...home(1), cameras }],
})
const frequent = {
  ...{ SCHEDULE_CRON: '*/5 * * * * *', SCHEDULE_ALLOW_FAST: 'true', SCHEDULE_SPREAD_SECONDS: '0' },
  MANIFEST_POLL_SECONDS: '2',
}
const saving = {
  ...frequent,
  CLIPS_ENABLED: 'true',
  CLIPS_MEDIA_PREFIX: 'media-source://media_source/local/blink',
}
const stemOf = (path: string) => `blink-manifestd/camera/8021/44001/${path}`
const porch = stemOf('610001')

/** Module, bridge and so many cameras, with all their entities in order. */
const whole = (observer: Observer, cameras: number) => () =>
  documentsIn(observer).length === 2 + cameras && ailments(observer).length === 0

mosquittoTest('a camera is a device with valid entities, and goes when clips are switched off', async () => {
  await using world = await startWorld({ simulator: homeWith(camera(610_001, 'Front Porch')) })
  const observer = await world.observer()
  const daemon = world.start(['run'], saving)
  const { createdAt } = world.cloud.motion({ camera: 610_001 })
  await until('the device and its entities', whole(observer, 1), { state: daemon.stderr })

  expect(document(deviceOf(observer, 'camera_610001')?.payload)).toMatchObject({
    device: { name: 'FrontPorch', via_device: expect.stringMatching(/8021_44001_350001$/) },
  })
  expect(document(observer.latest(`${porch}/last_clip`))).toMatchObject({
    created_at: new Date(createdAt).toISOString(),
    media_content_id: expect.stringMatching(/^media-source:.*Front%20Porch\.mp4$/),
  })
  await daemon.stop()

  const without = world.start(['run'], frequent)
  await until('no device of the camera', () => !deviceOf(observer, 'camera_610001'), {
    state: without.stderr,
  })
  await until('all entities that are left', whole(observer, 0), { state: without.stderr })
  expect(clearedWhileRead(observer.seen)).toEqual([])
})

mosquittoTest('a camera whose name another one has gets another device, and the old one goes', async () => {
  await using world = await startWorld({ simulator: homeWith(camera(610_001, 'Porch')) })
  const observer = await world.observer()
  const daemon = world.start(['run'], saving)
  world.cloud.motion({ camera: 610_001 })
  await until('the device', whole(observer, 1), { state: daemon.stderr })

  world.cloud.addCamera(8021, camera(610_002, 'Porch'))
  await daemon.says('run done', daemon.logged().filter(({ msg }) => msg === 'run done').length + 2)
  world.cloud.motion({ camera: 610_001 })
  const isUnknown = (topic: string) => topic.startsWith(stemOf('unknown/')) && topic.endsWith('/last_clip')
  await until('another path', () => observer.seen.some(({ topic }) => isUnknown(topic)), {
    state: daemon.stderr,
  })
  await until('the end of the old topics', () => observer.latest(`${porch}/last_clip`) === '', {
    state: daemon.stderr,
  })
  await until('one device', whole(observer, 1), { state: daemon.stderr })

  expect(deviceOf(observer, 'camera_610001')).toBeUndefined()
  expect(clearedWhileRead(observer.seen)).toEqual([])
})
