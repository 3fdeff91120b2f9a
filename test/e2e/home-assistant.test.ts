import { expect } from 'vitest'
import { clearedWhileRead } from '../support/acceptance.ts'
import { ailments, deviceOf, documentsIn } from '../support/ha-seen.ts'
import { fast, home, moduleOf, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { type Observer, observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(2)] }

const whole = (observer: Observer, documents: number) => () =>
  observer.latest('blink-manifestd/bridge/state') === 'online' &&
  documentsIn(observer).length === documents &&
  observer.latest(`${stem(2)}/request_id`) &&
  ailments(observer).length === 0

mosquittoTest('a broker that lost everything has every topic and every entity right again', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'])
  await until('all entities', whole(observer, 3), { state: daemon.stderr })

  // Halted, so that the observer is there before it: retained messages come in no order that means anything.
  daemon.kill('SIGSTOP')
  await world.broker.stop()
  await world.broker.restart({ forget: true })
  await using late = await observe(world.broker.url)
  daemon.kill('SIGCONT')
  await until('all entities again', whole(late, 3), { state: daemon.stderr })

  expect(ailments(late)).toEqual([])
  const order = late.seen.map(({ topic }) => topic)
  const promised = order.slice(0, order.indexOf('blink-manifestd/bridge/state'))
  const others = order.filter((topic) => topic !== 'blink-manifestd/bridge/state')
  expect(new Set(promised)).toEqual(new Set(others))
})

mosquittoTest('when Home Assistant restarts, all devices and states are published, no event', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'])
  await until('all entities', whole(observer, 3), { state: daemon.stderr })
  // The events of the first run come behind its states.
  await until('the events', () => [1, 2].every((number) => observer.latest(`${stem(number)}/event`)))
  await until('the end of the run', () =>
    observer.latest('blink-manifestd/bridge/event')?.includes('tick_done'),
  )
  const from = observer.seen.length
  const documents = documentsIn(observer)

  await observer.publish('homeassistant/status', 'offline')
  await observer.publish('homeassistant/status', 'online')
  const since = () => observer.seen.slice(from).map(({ topic }) => topic)
  await until('the answer', () => since().includes('blink-manifestd/bridge/state'), {
    state: daemon.stderr,
  })

  expect(documentsIn(observer)).toEqual(documents)
  expect(since().filter((topic) => topic.endsWith('/config'))).toHaveLength(3)
  expect(since().filter((topic) => /event$|requested$/.test(topic))).toEqual([])
  expect(since().indexOf(`${stem(1)}/state`)).toBeGreaterThanOrEqual(0)
  expect(ailments(observer)).toEqual([])
})

mosquittoTest("a new module gets a device, a gone one loses it, and others' stay", async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  await observer.publish('homeassistant/device/someone/config', '{"origin":{"name":"someone"}}', true)
  const daemon = world.start(['run'], fast)
  const state = daemon.stderr
  await until('two devices', () => deviceOf(observer, '44002_350002'), { state })

  world.cloud.addNetwork(8021, { id: 44_003, name: 'Network 3' })
  world.cloud.addModule(8021, moduleOf(3))
  await until('a third', () => deviceOf(observer, '44003_350003'), { state })
  world.cloud.removeModule(44_002, 350_002)
  await until('the end of the second', () => observer.latest(`${stem(2)}/state`) === '', { state })

  expect(deviceOf(observer, '44002_350002')).toBeUndefined()
  expect(clearedWhileRead(observer.seen)).toEqual([])
  expect(observer.latest('homeassistant/device/someone/config')).toBe('{"origin":{"name":"someone"}}')
  expect(deviceOf(observer, '44001_350001')).toBeDefined()
})

mosquittoTest('at a logout the devices and entities go before their topics', async () => {
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, accounts: [home(2), home(1, { id: 8022, region: 'u011' })] },
  })
  const observer = await world.observer()
  const BLINK_TOKENS = [8021, 8022].map((id) => world.cloud.tokens(id)).join('\n')
  const daemon = world.start(['run'], { BLINK_TOKENS })
  const state = daemon.stderr
  await until('four devices', () => documentsIn(observer).length === 4, { state })
  await until('all states', () => observer.latest(`${stem(1, 8022)}/state`), { state })

  await world.finish(['logout', '8022'], { BLINK_TOKENS })
  await until('an empty account', () => observer.latest('blink-manifestd/account/8022/state') === '', {
    state,
  })
  await until('no module of it', () => observer.latest(`${stem(1, 8022)}/state`) === '', { state })

  expect(clearedWhileRead(observer.seen)).toEqual([])
  expect(documentsIn(observer)).toHaveLength(3)
})

mosquittoTest('a module that is no longer wanted at a start loses its device before its topics', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'])
  await until('all entities', whole(observer, 3), { state: daemon.stderr })
  await daemon.stop('SIGTERM')

  // A single run removes no device, and so no topic that one reads.
  expect((await world.finish(['once'], { MODULES_EXCLUDE: '44002' })).code).toBe(0)
  expect(observer.latest(`${stem(2)}/state`)).not.toBe('')
  const again = world.start(['run'], { MODULES_EXCLUDE: '44002' })
  const state = again.stderr
  await until('no topics of it', () => observer.latest(`${stem(2)}/state`) === '', { state })

  expect(clearedWhileRead(observer.seen)).toEqual([])
  expect(documentsIn(observer)).toHaveLength(2)
})

mosquittoTest('switched off, discovery removes its documents, once, and nothing else', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'])
  await until('three devices', () => documentsIn(observer).length === 3, { state: daemon.stderr })
  await daemon.stop('SIGTERM')

  const quiet = world.start(['run'], { HOME_ASSISTANT_ENABLED: 'false' })
  await until('no devices', () => documentsIn(observer).length === 0, { state: quiet.stderr })
  await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')
  await quiet.stop('SIGTERM')
  await until('the good-bye', () => observer.latest('blink-manifestd/bridge/state') === 'offline')
  const from = observer.seen.length
  const again = world.start(['run'], { HOME_ASSISTANT_ENABLED: 'false' })
  await again.says('run done')
  await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')

  expect(observer.seen.slice(from).filter(({ topic }) => topic.startsWith('homeassistant/'))).toEqual([])
})
