import { expect } from 'vitest'
import { itemsSeen } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

mosquittoTest('the first start publishes a request ID of every module that can answer', async () => {
  await using world = await startWorld()
  const observer = await world.observer()

  const daemon = world.start(['run'])
  const state = () => daemon.stderr()
  await until(
    'the run',
    () => observer.on('bridge/event').find(({ payload }) => payload.includes('tick_done')),
    { state },
  )
  await itemsSeen(observer, 4, state)
  const items = observer.on('/manifest/requested')
  const answered = world.cloud.calls.filter(
    ({ method, path }) => method === 'POST' && path.endsWith('/manifest/request'),
  )

  expect(items.map(({ topic }) => topic).sort()).toEqual([
    'blink-manifestd/sync/8021/44107/350221/manifest/requested',
    'blink-manifestd/sync/8021/44108/350222/manifest/requested',
    'blink-manifestd/sync/8021/44112/350226/manifest/requested',
    'blink-manifestd/sync/8021/44114/350228/manifest/requested',
  ])
  expect(answered).toHaveLength(5)
  for (const { qos, retained, properties } of items) {
    expect({ qos, retained }).toEqual({ qos: 1, retained: false })
    expect(properties).toMatchObject({ contentType: 'application/json', payloadFormatIndicator: true })
    expect(properties?.messageExpiryInterval).toBeGreaterThan(300)
    expect(properties?.userProperties).toMatchObject({ schema: '1' })
  }
})
