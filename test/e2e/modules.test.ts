import { expect } from 'vitest'
import type { AccountSpec } from '../../src/simulator/account-spec.ts'
import { document, fast, home, itemsSeen, moduleOf, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { type Observer, observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(2)] }

function bridgeEvent(observer: Observer, type: string, id: number): Record<string, unknown> | undefined {
  const events = observer.on('bridge/event').map(document)
  return events.find((event) => event.event_type === type && event.sync_module_id === id)
}

mosquittoTest('a new sync module is found and requested, and its new name is published', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  const state = daemon.stderr
  await itemsSeen(observer, 2, state)

  world.cloud.addNetwork(8021, { id: 44_003, name: 'Network 3' })
  const added = world.cloud.addModule(8021, moduleOf(3))
  await until('the new one', () => bridgeEvent(observer, 'sync_module_found', 350_003), { state })
  await until('its id', () => observer.latest(`${stem(3)}/request_id`), { state })

  added.change({ name: 'Boat house' })
  const renamed = await until('its name', () => bridgeEvent(observer, 'sync_module_renamed', 350_003), {
    state,
  })
  expect(renamed).toMatchObject({ name: 'Boat house', network_name: 'Network 3' })
  await until('its information', () => observer.latest(`${stem(3)}/info`)?.includes('"Boat house"'))
})

mosquittoTest('an offline module is shown as such, skipped, and requested when it is back', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  const state = daemon.stderr
  await itemsSeen(observer, 2, state)
  const module = world.cloud.module(44_002, 350_002)

  module.change({ status: 'offline' })
  await until('offline', () => observer.latest(`${stem(2)}/availability`) === 'offline', { state })
  await until('the status', () => document(observer.latest(`${stem(2)}/state`)).status === 'offline', {
    state,
  })
  const before = observer.on(`${stem(2)}/manifest/requested`).length

  module.change({ status: 'online' })
  await until('online', () => observer.latest(`${stem(2)}/availability`) === 'online', { state })
  await until('an id', () => observer.on(`${stem(2)}/manifest/requested`).length > before, { state })
})

mosquittoTest('a vanished module is offline at once, and cleared after three lists', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  const state = daemon.stderr
  await itemsSeen(observer, 2, state)
  await daemon.says('run done')

  world.cloud.removeModule(44_002, 350_002)
  await until('offline', () => observer.latest(`${stem(2)}/availability`) === 'offline', { state })
  await until('its end', () => bridgeEvent(observer, 'sync_module_gone', 350_002), { state })
  const offline = observer.seen.findIndex(
    ({ topic, payload }) => topic === `${stem(2)}/availability` && payload === 'offline',
  )
  const gone = observer.seen.findIndex(
    ({ topic, payload }) => topic.endsWith('bridge/event') && payload.includes('sync_module_gone'),
  )
  expect(offline).toBeLessThan(gone)

  for (const topic of ['availability', 'info', 'state', 'request_id', 'requested_at', 'manifest/pending']) {
    await until(`${topic} to be cleared`, () => observer.latest(`${stem(2)}/${topic}`) === '', { state })
  }
})

mosquittoTest('what vanished while the broker was away is cleared later, over a kill too', async () => {
  await using world = await startWorld({ simulator })
  const first = await world.observer()
  const daemon = world.start(['run'], fast)
  await itemsSeen(first, 2, daemon.stderr)
  await daemon.says('run done')
  await until('its state', () => first.latest(`${stem(2)}/state`), { state: daemon.stderr })
  await world.broker.stop()

  world.cloud.removeModule(44_002, 350_002)
  const ticks = daemon.logged().filter(({ msg }) => msg === 'run done').length
  await daemon.says('run done', ticks + 4)
  await daemon.stop('SIGKILL')
  await world.broker.restart()
  await using observer = await observe(world.broker.url)
  await until('the old state', () => observer.latest(`${stem(2)}/state`))
  const again = world.start(['run'], { ...fast, SCHEDULE_ON_START: 'false' })

  for (const topic of ['availability', 'info', 'state', 'requested_at', 'manifest/pending']) {
    await until(`${topic} to be cleared`, () => observer.latest(`${stem(2)}/${topic}`) === '', {
      state: again.stderr,
    })
  }
})

mosquittoTest('a sync module that moves to another network is a new one there', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  const state = daemon.stderr
  await itemsSeen(observer, 2, state)

  world.cloud.removeModule(44_002, 350_002)
  world.cloud.addModule(8021, { ...moduleOf(2), networkId: 44_001 })

  const moved = 'blink-manifestd/sync/8021/44001/350002'
  await until('it there', () => observer.latest(`${moved}/request_id`), { state })
  await until('its old place empty', () => observer.latest(`${stem(2)}/state`) === '', { state })
  expect(observer.latest(`${moved}/availability`)).toBe('online')
})

mosquittoTest('each skip after the first says that it repeats it, over a restart too', async () => {
  const [first, second] = home(2).modules
  const modules = [first, { ...second, status: 'offline' }].flatMap((module) => (module?.id ? [module] : []))
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, accounts: [{ ...home(2), modules } as AccountSpec] },
  })
  const observer = await world.observer()
  const repeats = () => observer.on(`${stem(2)}/event`).map((event) => document(event).repeated)
  const daemon = world.start(['run'], fast)
  await until('three runs', () => repeats().length >= 3, { state: daemon.stderr })
  await daemon.stop('SIGTERM')
  await until('its end', () => observer.latest('blink-manifestd/bridge/state') === 'offline')
  const before = repeats()
  const again = world.start(['run'], fast)
  await until('another run', () => repeats().length > before.length, { state: again.stderr })

  expect(before).toEqual(before.map((_, run) => run > 0))
  expect(repeats()[before.length]).toBe(true)
  const lists = () => observer.on(`${stem(2)}/manifest/pending`).map(({ payload }) => payload)
  // Once on each connection.
  await until('both lists', () => lists().length >= 2)
  expect(lists()).toEqual(['[]', '[]'])
})
