import { expect } from 'vitest'
import { fast, home, itemsSeen, requestCount, stem, workItems } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { wireTo } from '../support/wire.ts'
import { startWorld } from '../support/world.ts'

const two = { manifestSeconds: 0, accounts: [home(2)] }

mosquittoTest('without a broker requests go on, and all is delivered when it comes', async () => {
  await using world = await startWorld({ simulator: two })
  await world.broker.kill()
  const daemon = world.start(['run'], fast)
  await daemon.says('run done', 2)
  const count = requestCount(world.cloud, 'manifest-request')

  await world.broker.restart()
  await using observer = await observe(world.broker.url)

  const items = await itemsSeen(observer, count, daemon.stderr)
  const ids = items
    .filter(({ sync_module_id }) => sync_module_id === 350001)
    .map(({ request_id }) => request_id)
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
})

mosquittoTest('request IDs without a broker survive a kill, in order, with the same event id', async () => {
  const before = 5
  await using world = await startWorld({ simulator: { ...two, accounts: [home(before)] } })
  await world.broker.kill()
  // One run: a kill during another would leave requests that nobody knows the answers of.
  const killed = world.start(['run'])
  await killed.says('run done')
  await killed.stop('SIGKILL')
  await world.broker.restart({ forget: true })
  await using observer = await observe(world.broker.url)

  const again = world.start(['run'], { SCHEDULE_ON_START: 'false' })
  const first = await itemsSeen(observer, before, again.stderr)
  await again.stop('SIGKILL')

  expect(requestCount(world.cloud, 'manifest-request')).toBe(before)
  expect(first).toHaveLength(before)
  expect(first.map(({ request_id }) => request_id)).toEqual(first.map((_, index) => 670_000_001 + index))
})

mosquittoTest('once without a broker ends with 75, and the next run delivers what it got', async () => {
  await using world = await startWorld({ simulator: two })
  await world.broker.kill()
  const once = world.start(['once', '--json'])
  await until('both outcomes', () => once.stdout().match(/"event_id"/g)?.length === 2, { state: once.stderr })
  const promised = once.stdout().match(/"event_id":"[^"]+"/g)
  // A person who does not want to wait for the broker.
  once.kill('SIGINT')
  const { code, stderr } = await once.finished()
  expect(code).toBe(75)
  expect(stderr).toMatch(/interrupted before .*\. 2 request IDs wait in .*data and go out with the next run/)

  await world.broker.restart()
  await using observer = await observe(world.broker.url)
  world.start(['run'], { SCHEDULE_ON_START: 'false' })

  const items = await itemsSeen(observer, 2)
  expect(items.map(({ event_id }) => `"event_id":"${event_id}"`)).toEqual(promised)
})

mosquittoTest('once that is interrupted while ids are on their way blames no broker', async () => {
  await using world = await startWorld({ simulator: two })
  await using wire = await wireTo(world.broker.port)
  // No id before the broker is deaf, however long the way to it takes.
  world.cloud.misbehave({ kind: 'busy', path: '/manifest/request' })
  const once = world.start(['once', '--json'], { MQTT_URL: wire.url })
  await until('a request', () => requestCount(world.cloud, 'manifest-request') > 0, { state: once.stderr })
  await once.says('connected to broker')
  wire.behave({ deaf: true })
  world.cloud.calm()
  await until('both outcomes', () => once.stdout().match(/"event_id"/g)?.length === 2, { state: once.stderr })

  once.kill('SIGINT')
  const { code, stderr } = await once.finished()

  expect(code).toBe(75)
  expect(stderr).toMatch(/interrupted before the broker had acknowledged everything\. 2 request IDs wait in /)
  expect(stderr).not.toContain('did not answer')
})

mosquittoTest('a broker that is killed after a run gets everything again when it is back', async () => {
  await using world = await startWorld({ simulator: two })
  const before = await world.observer()
  const daemon = world.start(['run'], { SCHEDULE_CRON: '0 0 1 1 *' })
  const items = await itemsSeen(before, 2)
  await daemon.says('run done')
  await until('the birth', () => before.latest('blink-manifestd/bridge/state') === 'online')

  await world.broker.kill()
  await world.broker.restart({ forget: true })
  await using after = await observe(world.broker.url)

  await until('the birth', () => after.latest('blink-manifestd/bridge/state') === 'online', {
    state: daemon.stderr,
  })
  for (const number of [1, 2]) {
    await until('its id', () => after.latest(`${stem(number)}/request_id`) === `67000000${number}`)
    await until('its availability', () => after.latest(`${stem(number)}/availability`) === 'online')
  }
  // No request ID but a copy, where the broker was killed before its PUBACK was read.
  expect(items).toEqual(expect.arrayContaining([...workItems(after)]))
})

mosquittoTest('a request ID that expired before the broker came is dropped, counted and logged', async () => {
  await using world = await startWorld({ simulator: two })
  await world.broker.kill()
  const daemon = world.start(['run'], { REQUEST_TTL_SECONDS: '10', SCHEDULE_CRON: '0 0 1 1 *' })
  await daemon.says('run done')
  const latestExpiry = Date.now() + 10_000
  await daemon.stop('SIGKILL')
  await until('the end of their life', () => Date.now() > latestExpiry)

  await world.broker.restart()
  await using observer = await observe(world.broker.url)
  const again = world.start(['run'], { SCHEDULE_ON_START: 'false' })

  expect(await again.says('events expired before the broker took them')).toMatchObject({ count: 2 })
  await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')
  expect(workItems(observer)).toEqual([])
})
