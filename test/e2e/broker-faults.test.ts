/** What a broker and the way to it can do, and that the daemon neither stops, nor stops asking, nor loses an id. */
import { isDeepStrictEqual } from 'node:util'
import { connectAsync } from 'mqtt'
import { expect, test } from 'vitest'
import { startEmbeddedBroker } from '../../src/mqtt/embedded.ts'
import { copies, fast, home, itemsSeen, requestCount, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { readableLog } from '../support/samples.ts'
import { until } from '../support/until.ts'
import { wireTo } from '../support/wire.ts'
import { startWorld } from '../support/world.ts'

const two = { manifestSeconds: 0, accounts: [home(2)] }
const bridgeState = 'blink-manifestd/bridge/state'

mosquittoTest('a broker that is emptied by kill -9 has every retained topic right again', async () => {
  await using world = await startWorld({ simulator: two })
  const before = await world.observer()
  const daemon = world.start(['run'], { SCHEDULE_CRON: '0 0 1 1 *' })
  await daemon.says('run done')
  const kept = (observer: typeof before) =>
    Object.fromEntries(
      observer.seen
        .filter(({ topic }) => /\/(state|info|availability|request_id|requested_at|pending)$/.test(topic))
        .map(({ topic, payload }) => [topic, payload]),
    )
  await until('the birth', () => before.latest(bridgeState) === 'online')
  await until('the last state', () => before.latest(`${stem(2)}/state`)?.includes('"requests_total":1'))

  await world.broker.kill()
  await world.broker.restart({ forget: true })
  await using after = await observe(world.broker.url)
  await until('the birth', () => after.latest(bridgeState) === 'online', { state: daemon.stderr })

  await until('all of it', () => isDeepStrictEqual(kept(after), kept(before)), {
    state: () => JSON.stringify([kept(before), kept(after)], undefined, 1),
  })
  expect(Object.keys(kept(after))).toHaveLength(2 + 1 + 2 * 6)
})

mosquittoTest(
  'a broker that dies between PUBLISH and PUBACK gets a copy with the same event id',
  async () => {
    await using world = await startWorld({ simulator: two })
    await using wire = await wireTo(world.broker.port)
    const observer = await world.observer()
    const daemon = world.start(['run'], { ...fast, MQTT_URL: wire.url })
    await itemsSeen(observer, 2, daemon.stderr)

    wire.behave({ deaf: true })
    const ticks = daemon.logged().filter(({ msg }) => msg === 'run done').length
    await daemon.says('run done', ticks + 2)
    wire.cut()
    wire.behave({})
    await daemon.says('connected to broker', 2)
    await daemon.says('run done', ticks + 3)
    const count = requestCount(world.cloud, 'manifest-request')

    const all = () => Map.groupBy(copies(observer), ({ event_id }) => event_id)
    await until('a copy', () => [...all().values()].some((of) => of.length > 1), {
      state: daemon.stderr,
    })
    for (const of of all().values()) expect(new Set(of.map((item) => JSON.stringify(item))).size).toBe(1)
    await until('all of them', () => all().size >= count, { state: daemon.stderr })
  },
)

mosquittoTest('a slow way to the broker delays what is published, and no run', async () => {
  await using world = await startWorld({ simulator: two })
  await using wire = await wireTo(world.broker.port)
  wire.behave({ held: true })
  const observer = await world.observer()
  const daemon = world.start(['run'], { ...fast, MQTT_URL: wire.url })

  await daemon.says('run done')
  expect(copies(observer)).toEqual([])
  wire.behave({ delayMs: 500, pieceBytes: 32 })
  await itemsSeen(observer, 4, daemon.stderr)
  const all = copies(observer).map(({ event_id }) => event_id)
  expect(new Set(all).size).toBe(all.length)
  expect(daemon.logged().filter(({ msg }) => msg === 'broker connection lost')).toEqual([])
})

mosquittoTest('another client with our id is named as what it may be, while runs go on', async () => {
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  const daemon = world.start(['run'], { ...fast, MQTT_CLIENT_ID: 'one-of-two' })
  await itemsSeen(observer, 2, daemon.stderr)

  const other = await connectAsync(world.broker.url, {
    clientId: 'one-of-two',
    protocolVersion: 5,
    reconnectPeriod: 50,
  })
  const complaint = await daemon.says('broker closes the connection again and again, waiting a minute')
  await other.endAsync(true)
  const ticks = daemon.logged().filter(({ msg }) => msg === 'run done').length
  await daemon.says('run done', ticks + 1)

  expect(complaint).toMatchObject({ level: 50, remedy: expect.stringContaining('mqtt.clientId') })
})

mosquittoTest('a subscriber whose queue is full misses work items, and nobody else does', async () => {
  const config = ['max_queued_messages 1', 'max_inflight_messages 1']
  await using world = await startWorld({ simulator: { ...two, accounts: [home(5)] }, mosquitto: { config } })
  const sleeper = { clientId: 'sleeper', clean: false, protocolVersion: 5 as const }
  const properties = { sessionExpiryInterval: 600 }
  const asleep = await connectAsync(world.broker.url, { ...sleeper, properties })
  await asleep.subscribeAsync('blink-manifestd/sync/+/+/+/manifest/requested', { qos: 1 })
  await asleep.endAsync()
  const daemon = world.start(['run'])
  await daemon.says('run done')

  // Asks for one topic only: a queue of one would be too short for all.
  const reader = await connectAsync(world.broker.url)
  let pending = ''
  reader.on('message', (_, payload) => {
    pending = payload.toString()
  })
  await reader.subscribeAsync(`${stem(1)}/manifest/pending`)
  // Whoever missed them reads there what is still of use.
  await until('what is pending', () => pending.includes('"request_id":670000001,'), { state: daemon.stderr })
  await reader.endAsync()
  const { waiting } = await daemon.stop().then(() => daemon.says('stopped'))
  expect(waiting).toBe(0)
})

test('a broker with MQTT 3.1.1 only gets all of it, without expiry and properties', async () => {
  await using world = await startWorld({ simulator: two, broker: false })
  const broker = await startEmbeddedBroker({ host: '127.0.0.1', port: 0, log: readableLog() })
  await using observer = await observe(broker.url, 4)
  const daemon = world.start(['run'], { MQTT_URL: broker.url })

  await itemsSeen(observer, 2, daemon.stderr)
  await until('the birth', () => observer.latest(bridgeState) === 'online')
  await daemon.says('broker refuses MQTT 5, using MQTT 3.1.1 without expiry and properties')
  await until('the first id', () => observer.latest(`${stem(1)}/request_id`) === '670000001')
  await daemon.stop()
  await broker.close()
})

mosquittoTest('two installations below one base topic both say so; one that restarts does not', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(1)] } })
  const said = 'another installation publishes below this base topic'
  const first = world.start(['run'], fast)
  await first.says('run done')
  await first.stop()
  const again = world.start(['run'], fast)
  await again.says('run done', 2)
  expect(again.stderr() + first.stderr()).not.toContain(said)

  const second = world.start(['run'], { ...fast, BLINK_MANIFESTD_DATA_DIR: `${world.directory}/second` })
  const [here, there] = await Promise.all([again.says(said), second.says(said)])

  expect(here).toMatchObject({ level: 50, remedy: expect.stringContaining('mqtt.baseTopic') })
  expect(there.other_install_id).toBe(here.install_id)
  await second.says('run done', 2)
  expect(second.logged().filter(({ msg, level }) => msg === said && level === 50)).toHaveLength(1)
})
