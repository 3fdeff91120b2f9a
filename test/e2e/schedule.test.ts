import { expect, test } from 'vitest'
import { fast, home, requestCount } from '../support/homes.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const options = { broker: false, simulator: { manifestSeconds: 0, accounts: [home(2)] } }

test('a schedule of every second, once permitted, works as one of every minute', async () => {
  await using world = await startWorld(options)

  const daemon = world.start(['run'], fast)
  await daemon.says('run done', 3)

  expect(requestCount(world.cloud, 'manifest-request')).toBeGreaterThanOrEqual(4)
})

test('without a run at startup nothing is requested before the first scheduled one', async () => {
  await using world = await startWorld(options)

  const daemon = world.start(['run'], { SCHEDULE_CRON: '0 0 1 1 *', SCHEDULE_ON_START: 'false' })
  const started = await daemon.says('started')
  await daemon.says('cannot connect to broker')

  expect(started).toMatchObject({ next: expect.stringMatching(/-01-01T00:00:00/) })
  expect(world.cloud.calls).toEqual([])
})

test('each scheduled run has its scheduled time as its name', async () => {
  await using world = await startWorld(options)

  const daemon = world.start(['run'], { ...fast, SCHEDULE_CRON: '*/2 * * * * *', SCHEDULE_ON_START: 'false' })
  const run = await daemon.says('run done', 2)

  expect(run).toMatchObject({ trigger: 'schedule', run: expect.stringMatching(/:\d[02468]\.000Z$/) })
  await until('both requests of both runs', () => requestCount(world.cloud, 'manifest-request') >= 4)
})
