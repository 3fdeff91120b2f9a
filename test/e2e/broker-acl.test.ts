/** Rights on the broker: what a missing one costs, and that the sample access list gives each user just enough. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync, ErrorWithReasonCode } from 'mqtt'
import { expect } from 'vitest'
import { copies, fast, home, itemsSeen, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(3)] }
const sample = readFileSync(join(import.meta.dirname, '../../docs/mosquitto.acl'), 'utf8')
const users = { 'blink-manifestd': 'one', poller: 'two', homeassistant: 'three' }
type User = keyof typeof users

mosquittoTest('topics the broker refuses are logged once each, and all others go on', async () => {
  const denied = 'topic deny blink-manifestd/sync/+/+/+/state\ntopic deny blink-manifestd/sync/+/+/+/event\n'
  // Mosquitto looks at a list from its top, and what is denied comes first.
  const acl = `user daemon\n${denied}topic readwrite blink-manifestd/#\nuser watcher\ntopic read #\n`
  const mosquitto = { users: { daemon: 'one', watcher: 'two' }, acl }
  await using world = await startWorld({ simulator, mosquitto })
  await using observer = await observe(world.broker.url, 5, { username: 'watcher', password: 'two' })
  const daemon = world.start(['run'], { ...fast, MQTT_USERNAME: 'daemon', MQTT_PASSWORD: 'one' })
  await itemsSeen(observer, 9, daemon.stderr)
  await daemon.says('run done', 4)
  // It comes last: by then the broker has refused whatever it refuses.
  await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')

  const warned = daemon
    .logged()
    .filter(({ level, msg }) => Number(level) >= 40 && String(msg).includes('refuse'))
  expect(warned.map(({ topic, reason_code, msg }) => [topic, reason_code, msg])).toEqual(
    expect.arrayContaining([
      ['blink-manifestd/sync/+/+/+/state', 0x87, 'broker refused a state topic'],
      ['blink-manifestd/sync/+/+/+/event', 0x87, 'broker refused an event'],
      ['homeassistant/device/+/config', 0x87, 'broker refused a discovery document'],
    ]),
  )
  expect(warned).toHaveLength(3)
  // Each once: an event that may not be written does not have its work item sent again.
  expect(new Set(copies(observer).map(({ event_id }) => event_id)).size).toBe(copies(observer).length)
  const { waiting } = await daemon.stop().then(() => daemon.says('stopped'))
  expect(waiting).toBe(0)
})

mosquittoTest('the sample access list lets each user do just what it should', async () => {
  await using world = await startWorld({ simulator, mosquitto: { users, acl: sample } })
  const { url } = world.broker
  const login = (username: User) => ({ username, password: users[username] })
  const [poller, assistant] = await Promise.all([
    observe(url, 5, login('poller')),
    observe(url, 5, login('homeassistant')),
  ])
  const daemon = world.start(['run'], {
    ...fast,
    CLIPS_ENABLED: 'true',
    MQTT_USERNAME: 'blink-manifestd',
    MQTT_PASSWORD: users['blink-manifestd'],
  })
  await itemsSeen(poller, 3, daemon.stderr)
  await until('the birth', () => assistant.latest('blink-manifestd/bridge/state') === 'online')
  await until('all states', () => assistant.on('/state').length >= 5)
  await until('a manifest', () => assistant.on('/manifest/ready').length > 0)
  await until('the sticks', () => assistant.on('/clips').length > 0)

  expect(daemon.logged().filter(({ msg }) => String(msg).includes('refuse'))).toEqual([])
  const kinds = () => new Set(poller.seen.map(({ topic }) => topic.replace(/\d+/g, '+')))
  await until('all that the poller may read', () => kinds().size >= 3)
  expect([...kinds()].toSorted()).toEqual([
    'blink-manifestd/bridge/state',
    'blink-manifestd/sync/+/+/+/manifest/pending',
    'blink-manifestd/sync/+/+/+/manifest/requested',
  ])

  const may = async (username: User, topic: string) => {
    for (const observer of [poller, assistant]) observer.except(topic, '')
    const client = await connectAsync(url, { protocolVersion: 5, ...login(username) })
    const error: unknown = await client.publishAsync(topic, '', { qos: 1 }).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    await client.endAsync()
    if (error === undefined) return true
    return error instanceof ErrorWithReasonCode && error.code === 0x87 ? false : error
  }
  const topics = {
    forge: `${stem(1)}/manifest/requested`,
    gone: 'blink-manifestd/bridge/state',
    command: 'blink-manifestd/bridge/request/manifest/request',
    button: `${stem(1)}/set/request_now`,
    discovery: 'homeassistant/device/blink/config',
    else: 'zigbee2mqtt/bridge/request/restart',
  }
  const rights = async (user: User) => {
    const allowed = await Promise.all(Object.values(topics).map((topic) => may(user, topic)))
    return Object.keys(topics).filter((_, index) => allowed[index] !== false)
  }
  expect(await rights('poller')).toEqual([])
  expect(await rights('homeassistant')).toEqual(['command', 'button', 'discovery'])
  expect(await rights('blink-manifestd')).toEqual(['forge', 'gone', 'discovery'])
  await expect(connectAsync(url, { protocolVersion: 5, reconnectPeriod: 0 })).rejects.toThrow(
    /[Nn]ot authorized/,
  )
  await poller[Symbol.asyncDispose]()
  await assistant[Symbol.asyncDispose]()
})
