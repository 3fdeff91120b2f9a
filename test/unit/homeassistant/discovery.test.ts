/** The life of the discovery documents: said, changed, taken back, and nothing of others touched. */
import { expect, test } from 'vitest'
import { discoveryDocument } from '../../../src/homeassistant/documents.ts'
import { check, checkAll } from '../../support/checker.ts'
import { aHouse, bridgeTopic, moduleTopic } from '../../support/discovery-world.ts'
import { discovering, moduleDocument } from '../../support/ha-documents.ts'
import { aModule } from '../../support/samples.ts'

test('on each connection all documents are said at once, the bridge first', async () => {
  const house = aHouse([aModule()])

  const begun = house.clock.elapsed()
  await house.introduce()
  expect(house.clock.elapsed() - begun).toBe(0)
  await house.connect()

  expect(house.topicsSince(0)).toEqual([bridgeTopic, moduleTopic, bridgeTopic, moduleTopic])
  expect(checkAll(house.published.slice(0, 2))).toEqual([])
  expect(house.published.every(({ retain }) => retain)).toBe(true)
})

test('states follow two seconds after a document that may be new, and no other', async () => {
  const known = aModule()
  const renamed = aModule({ syncModuleId: '9', name: 'Boat house' })
  const found = aModule({ syncModuleId: '10' })
  const house = aHouse([known, renamed, found], {
    [moduleTopic]: moduleDocument(known).payload,
    [`${moduleTopic.slice(0, -'350221/config'.length)}9/config`]: moduleDocument({ ...renamed, name: 'Barn' })
      .payload,
  })

  await house.introduce()
  await house.clock.advance(1_999)
  expect(house.restated).toEqual([])
  await house.clock.advance(1)
  expect(house.restated).toEqual(['8021/44107/9', '8021/44107/10'])

  await house.connect()
  expect(house.restated).toHaveLength(2)
})

test('what is found while the introduction is still to come is part of it', async () => {
  const house = aHouse([aModule()])
  house.discovery.module(aModule())
  void house.discovery.bridge()
  await house.later()
  expect(house.published).toEqual([])

  await house.connect()

  expect(house.topicsSince(0)).toEqual([bridgeTopic, moduleTopic])
})

test('a module that is found is introduced, and two seconds later its states are said', async () => {
  const house = aHouse([])
  await house.connect()
  const from = house.published.length

  house.known.set('8021/44107/350221', aModule())
  house.discovery.module(aModule())
  await house.clock.advance(1_999)
  expect(house.restated).toEqual([])
  await house.clock.advance(1)

  expect(house.topicsSince(from)).toEqual([moduleTopic])
  expect(house.restated).toEqual(['8021/44107/350221'])
})

test('modules that are found together wait once and not one after another', async () => {
  const house = aHouse([])
  await house.connect()
  for (const syncModuleId of ['1', '2', '3', '4']) {
    house.known.set(`8021/44107/${syncModuleId}`, aModule({ syncModuleId }))
    house.discovery.module(aModule({ syncModuleId }))
  }

  await house.clock.advance(2_000)

  expect(house.restated).toHaveLength(4)
})

test('what changed nothing in the document is not said, a new name is', async () => {
  const house = aHouse([aModule()])
  await house.connect()
  const from = house.published.length

  house.known.set('8021/44107/350221', aModule({ storage: 'memory_full', connection: 'offline' }))
  house.discovery.module(aModule())
  await house.later()
  expect(house.topicsSince(from)).toEqual([])
  house.known.set('8021/44107/350221', aModule({ name: 'Boat house' }))
  house.discovery.module(aModule())
  await house.later()

  expect(house.topicsSince(from)).toEqual([moduleTopic])
  expect(house.store.get(moduleTopic)).toContain('"name":"Boat house"')
})

test('a module that is gone is taken back, and one that comes back is introduced again', async () => {
  const house = aHouse([aModule()])
  await house.connect()
  const from = house.published.length

  house.known.clear()
  void house.discovery.clear(aModule())
  await house.later()
  expect(house.store.has(moduleTopic)).toBe(false)
  house.known.set('8021/44107/350221', aModule())
  house.discovery.module(aModule())
  await house.later()

  expect(house.topicsSince(from)).toEqual([`-${moduleTopic}`, moduleTopic])
})

test('a module that came back before it was removed keeps its device', async () => {
  const house = aHouse([aModule()])
  await house.connect()
  const from = house.published.length

  void house.discovery.clear(aModule())
  await house.later()

  expect(house.topicsSince(from)).toEqual([])
  expect(house.discovery.holds('blink_manifestd_7f3a9c01_8021_44107_350221')).toBe(true)
})

test('what the broker holds of a device is not known before it has sent its documents', async () => {
  const house = aHouse([])
  const gone = 'blink_manifestd_7f3a9c01_8021_44107_350221'
  expect(house.discovery.holds(gone)).toBe(true)
  await house.connect()
  await house.later()

  expect(house.discovery.holds(gone)).toBe(false)
  expect(house.discovery.holds('blink_manifestd_7f3a9c01', 'account_8021')).toBe(true)
  expect(house.discovery.holds('blink_manifestd_7f3a9c01', 'account_9')).toBe(false)
})

test('a module that is gone and has no document causes none to be removed', async () => {
  const house = aHouse([])
  await house.connect()
  const from = house.published.length

  void house.discovery.clear(aModule())
  await house.later()

  expect(house.topicsSince(from)).toEqual([])
})

test('a device that a person deleted in Home Assistant stays deleted until a rescan', async () => {
  const house = aHouse([aModule()])
  await house.connect()
  await house.deletedThere(moduleTopic)
  const from = house.published.length

  house.known.set('8021/44107/350221', aModule({ name: 'New' }))
  house.discovery.module(aModule())
  await house.later()
  await house.connect()
  expect(house.topicsSince(from)).toEqual([bridgeTopic])
  await house.done(house.discovery.restore())

  expect(house.store.get(moduleTopic)).toContain('"name":"New"')
})

test('an outdated component at the broker is removed before the new document', async () => {
  const old = { platform: 'number', unique_id: 'x', name: 'Interval' }
  const { components = {} } = JSON.parse(moduleDocument(aModule()).payload) as { components?: object }
  const before = {
    ...JSON.parse(moduleDocument(aModule()).payload),
    components: { ...components, interval: old },
  }
  const house = aHouse([aModule()], { [moduleTopic]: JSON.stringify(before) })

  await house.connect()

  const [marked, , final] = house.published
  expect(marked?.topic).toBe(moduleTopic)
  expect(JSON.parse(marked?.payload ?? '')).toMatchObject({
    components: { interval: { platform: 'number' } },
  })
  expect((final?.at ?? 0) - (marked?.at ?? 0)).toBeGreaterThanOrEqual(2_000)
  expect(house.store.get(moduleTopic)).toBe(moduleDocument(aModule()).payload)
  expect(house.published.flatMap(check)).toEqual([])
})

test('an account that is gone takes its entities with it', async () => {
  const house = aHouse([])
  house.accountsAre(['8021', '9'])
  await house.connect()
  const from = house.published.length

  house.accountsAre(['8021'])
  void house.discovery.bridge()
  await house.later()

  const [marked, final] = house.published.slice(from)
  expect(JSON.parse(marked?.payload ?? '').components.account_9).toEqual({ platform: 'sensor' })
  expect(final?.payload).not.toContain('account_9')
})

const orphan = 'homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_9/config'
const foreign = {
  'homeassistant/device/blink_manifestd_0badcafe_8021_44107_9/config': moduleDocument(aModule()).payload,
  'homeassistant/device/0x00124b00/config': '{"origin":{"name":"zigbee2mqtt"}}',
  // By its topic it could be ours, by its origin it is not.
  'homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_8/config': moduleDocument(
    aModule({ syncModuleId: '8' }),
  ).payload.replace('"origin":{"name":"blink-manifestd"', '"origin":{"name":"someone"'),
  'homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_7/config': 'no JSON',
}

test('an orphan of our own is taken back once, and nothing of others is ever touched', async () => {
  const gone = discoveryDocument(discovering, {
    ...{ objectId: 'blink_manifestd_7f3a9c01_8021_44107_9', about: { name: 'Gone' } },
    ...{ availability: [], components: {} },
  })
  const house = aHouse([aModule()], { ...foreign, [orphan]: gone.payload })
  await house.connect()
  await house.done(house.discovery.sweep())

  expect(house.clock.elapsed()).toBeGreaterThanOrEqual(5_000)
  expect(house.topicsSince(2)).toEqual([`-${orphan}`])
  expect([...house.store.keys()].sort()).toEqual([...Object.keys(foreign), bridgeTopic, moduleTopic].sort())
})

test('while it is unknown what exists, nothing is an orphan', async () => {
  const house = aHouse([], { [moduleTopic]: moduleDocument(aModule()).payload })
  house.isComplete(false)
  await house.connect()
  await house.done(house.discovery.sweep())
  expect(house.store.has(moduleTopic)).toBe(true)

  house.isComplete(true)
  await house.done(house.discovery.sweep())

  expect(house.store.has(moduleTopic)).toBe(false)
})
