/** The discovery documents: published, changed, removed, and none of others touched. */
import { expect, test } from 'vitest'
import { discoveryDocument } from '../../../src/homeassistant/documents.ts'
import { check, checkAll } from '../../support/checker.ts'
import { bridgeTopic, discoveryFixture, moduleTopic } from '../../support/discovery-fixture.ts'
import { discovering, moduleDocument } from '../../support/ha-documents.ts'
import { aModule } from '../../support/samples.ts'

test('on each connection all documents are published at once, the bridge first', async () => {
  const fixture = discoveryFixture([aModule()])

  const begun = fixture.clock.elapsed()
  await fixture.publishAll()
  expect(fixture.clock.elapsed() - begun).toBe(0)
  await fixture.connect()

  expect(fixture.topicsSince(0)).toEqual([bridgeTopic, moduleTopic, bridgeTopic, moduleTopic])
  expect(checkAll(fixture.published.slice(0, 2))).toEqual([])
  expect(fixture.published.every(({ retain }) => retain)).toBe(true)
})

test('states follow two seconds after a document that Home Assistant may not know', async () => {
  const known = aModule()
  const renamed = aModule({ syncModuleId: '9', name: 'Boat house' })
  const found = aModule({ syncModuleId: '10' })
  const fixture = discoveryFixture([known, renamed, found], {
    [moduleTopic]: moduleDocument(known).payload,
    [`${moduleTopic.slice(0, -'350221/config'.length)}9/config`]: moduleDocument({ ...renamed, name: 'Barn' })
      .payload,
  })

  await fixture.publishAll()
  await fixture.clock.advance(1_999)
  expect(fixture.discovered).toEqual([])
  await fixture.clock.advance(1)
  expect(fixture.discovered).toEqual(['8021/44107/9', '8021/44107/10'])

  await fixture.connect()
  expect(fixture.discovered).toHaveLength(2)
})

test('a module found before the first connection is published with all others', async () => {
  const fixture = discoveryFixture([aModule()])
  fixture.discovery.moduleChanged(aModule())
  fixture.discovery.bridgeChanged()
  await fixture.later()
  expect(fixture.published).toEqual([])

  await fixture.connect()

  expect(fixture.topicsSince(0)).toEqual([bridgeTopic, moduleTopic])
})

test('a found module gets its document, and its states two seconds later', async () => {
  const fixture = discoveryFixture([])
  await fixture.connect()
  const from = fixture.published.length

  fixture.known.set('8021/44107/350221', aModule())
  fixture.discovery.moduleChanged(aModule())
  await fixture.clock.advance(1_999)
  expect(fixture.discovered).toEqual([])
  await fixture.clock.advance(1)

  expect(fixture.topicsSince(from)).toEqual([moduleTopic])
  expect(fixture.discovered).toEqual(['8021/44107/350221'])
})

test('modules that are found together wait once, not one after another', async () => {
  const fixture = discoveryFixture([])
  await fixture.connect()
  for (const syncModuleId of ['1', '2', '3', '4']) {
    fixture.known.set(`8021/44107/${syncModuleId}`, aModule({ syncModuleId }))
    fixture.discovery.moduleChanged(aModule({ syncModuleId }))
  }

  await fixture.clock.advance(2_000)

  expect(fixture.discovered).toHaveLength(4)
})

test('an unchanged document is not published, a new name is', async () => {
  const fixture = discoveryFixture([aModule()])
  await fixture.connect()
  const from = fixture.published.length

  fixture.known.set('8021/44107/350221', aModule({ storage: 'memory_full', connection: 'offline' }))
  fixture.discovery.moduleChanged(aModule())
  await fixture.later()
  expect(fixture.topicsSince(from)).toEqual([])
  fixture.known.set('8021/44107/350221', aModule({ name: 'Boat house' }))
  fixture.discovery.moduleChanged(aModule())
  await fixture.later()

  expect(fixture.topicsSince(from)).toEqual([moduleTopic])
  expect(fixture.store.get(moduleTopic)).toContain('"name":"Boat house"')
})

test('a gone module loses its document, and gets one again when it comes back', async () => {
  const fixture = discoveryFixture([aModule()])
  await fixture.connect()
  const from = fixture.published.length

  fixture.known.clear()
  void fixture.discovery.clearModule(aModule())
  await fixture.later()
  expect(fixture.store.has(moduleTopic)).toBe(false)
  fixture.known.set('8021/44107/350221', aModule())
  fixture.discovery.moduleChanged(aModule())
  await fixture.later()

  expect(fixture.topicsSince(from)).toEqual([`-${moduleTopic}`, moduleTopic])
})

test('a module that came back before it was removed keeps its device', async () => {
  const fixture = discoveryFixture([aModule()])
  await fixture.connect()
  const from = fixture.published.length

  void fixture.discovery.clearModule(aModule())
  await fixture.later()

  expect(fixture.topicsSince(from)).toEqual([])
  expect(fixture.store.has(moduleTopic)).toBe(true)
})

test('before the broker has sent its documents, none counts as removed', async () => {
  const fixture = discoveryFixture([])
  let isRemoved = false
  const removal = fixture.discovery.clearModule(aModule()).then(() => {
    isRemoved = true
  })
  await fixture.later()
  expect(isRemoved).toBe(false)

  await fixture.publishAll()
  await fixture.clock.advance(4_999)
  expect(isRemoved).toBe(false)
  await fixture.clock.advance(1)
  await removal
})

test('a module that storage cannot judge keeps its document', async () => {
  const fixture = discoveryFixture([aModule()])
  await fixture.connect()
  await fixture.later()
  fixture.known.clear()
  fixture.disk.broken = true

  const removal = fixture.discovery.clearModule(aModule())
  await expect(removal).rejects.toThrow('cannot read state.db')
  expect(fixture.store.has(moduleTopic)).toBe(true)

  fixture.disk.broken = false
  await fixture.discovery.clearModule(aModule())
  expect(fixture.store.has(moduleTopic)).toBe(false)
})

test('documents that storage could not read are published five minutes later', async () => {
  const fixture = discoveryFixture([aModule()])
  fixture.disk.broken = true
  await fixture.connect()
  expect(fixture.store.has(moduleTopic)).toBe(false)
  expect(fixture.log.lines).toMatchObject([{ level: 'error' }])

  fixture.disk.broken = false
  await fixture.clock.advance(5 * 60_000)

  expect(fixture.store.has(moduleTopic)).toBe(true)
  expect(fixture.failures).toEqual([])
})

test('orphans do not keep a changed document waiting', async () => {
  const fixture = discoveryFixture([aModule()])
  await fixture.publishAll()
  await fixture.clock.advance(2_000)
  fixture.discovery.removeOrphans().catch(() => undefined)
  const from = fixture.published.length

  fixture.known.set('8021/44107/350221', aModule({ name: 'Boat house' }))
  fixture.discovery.moduleChanged(aModule())
  await fixture.clock.advance(0)

  expect(fixture.topicsSince(from)).toEqual([moduleTopic])
})

test('of a flood of documents in our name only some are removed', async () => {
  const flood = Array.from({ length: 21_000 }, (_, number) => {
    const objectId = `blink_manifestd_7f3a9c01_1_2_${number}`
    const device = { objectId, about: { name: 'Flood' }, availability: [], components: {} }
    const { topic, payload } = discoveryDocument(discovering, device)
    return [topic, payload] as const
  })
  const fixture = discoveryFixture([], Object.fromEntries(flood))
  await fixture.connect()
  await fixture.done(fixture.discovery.removeOrphans())

  expect(fixture.published.filter(({ payload }) => payload === '')).toHaveLength(20_000)
})

test('a module that is gone and has no document causes none to be removed', async () => {
  const fixture = discoveryFixture([])
  await fixture.connect()
  const from = fixture.published.length

  void fixture.discovery.clearModule(aModule())
  await fixture.later()

  expect(fixture.topicsSince(from)).toEqual([])
})

test('a device that a person deleted in Home Assistant stays deleted until a rescan', async () => {
  const fixture = discoveryFixture([aModule()])
  await fixture.connect()
  await fixture.deletedThere(moduleTopic)
  const from = fixture.published.length

  fixture.known.set('8021/44107/350221', aModule({ name: 'New' }))
  fixture.discovery.moduleChanged(aModule())
  await fixture.later()
  await fixture.connect()
  expect(fixture.topicsSince(from)).toEqual([bridgeTopic])
  await fixture.done(fixture.discovery.restore())

  expect(fixture.store.get(moduleTopic)).toContain('"name":"New"')
})

test('a component of an older version is removed by a marker before the new document', async () => {
  const old = { platform: 'number', unique_id: 'x', name: 'Interval' }
  const { components = {} } = JSON.parse(moduleDocument(aModule()).payload) as { components?: object }
  const before = {
    ...JSON.parse(moduleDocument(aModule()).payload),
    components: { ...components, interval: old },
  }
  const fixture = discoveryFixture([aModule()], { [moduleTopic]: JSON.stringify(before) })

  await fixture.connect()

  const [marked, , final] = fixture.published
  expect(marked?.topic).toBe(moduleTopic)
  expect(JSON.parse(marked?.payload ?? '')).toMatchObject({
    components: { interval: { platform: 'number' } },
  })
  expect((final?.at ?? 0) - (marked?.at ?? 0)).toBeGreaterThanOrEqual(2_000)
  expect(fixture.store.get(moduleTopic)).toBe(moduleDocument(aModule()).payload)
  expect(fixture.published.flatMap(check)).toEqual([])
})

test('the entities of a removed account are removed', async () => {
  const fixture = discoveryFixture([])
  fixture.accountsAre(['8021', '9'])
  await fixture.connect()
  const from = fixture.published.length

  fixture.accountsAre(['8021'])
  fixture.discovery.bridgeChanged()
  await fixture.later()

  const [marked, final] = fixture.published.slice(from)
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

test('an orphan of ours is removed once, and no document of others is touched', async () => {
  const gone = discoveryDocument(discovering, {
    ...{ objectId: 'blink_manifestd_7f3a9c01_8021_44107_9', about: { name: 'Gone' } },
    ...{ availability: [], components: {} },
  })
  const fixture = discoveryFixture([aModule()], { ...foreign, [orphan]: gone.payload })
  await fixture.connect()
  await fixture.done(fixture.discovery.removeOrphans())

  expect(fixture.clock.elapsed()).toBeGreaterThanOrEqual(5_000)
  expect(fixture.topicsSince(2)).toEqual([`-${orphan}`])
  expect([...fixture.store.keys()].sort()).toEqual([...Object.keys(foreign), bridgeTopic, moduleTopic].sort())
})

test('while an account is not known, nothing is an orphan', async () => {
  const fixture = discoveryFixture([], { [moduleTopic]: moduleDocument(aModule()).payload })
  fixture.isComplete(false)
  await fixture.connect()
  await fixture.done(fixture.discovery.removeOrphans())
  expect(fixture.store.has(moduleTopic)).toBe(true)

  fixture.isComplete(true)
  await fixture.done(fixture.discovery.removeOrphans())

  expect(fixture.store.has(moduleTopic)).toBe(false)
})

test('a stop right after a connection ends no removal with an error, and none as if done', async () => {
  const fixture = discoveryFixture([aModule()], { [orphan]: '{}' })
  await fixture.publishAll()
  const ends: unknown[] = []
  const { discovery } = fixture
  for (const work of [
    discovery.removeOrphans(),
    discovery.clearModule(aModule({ syncModuleId: '9' })),
    discovery.clearCamera('blink_manifestd_7f3a9c01_8021_44107_camera_1'),
    discovery.clearComponent('account_9'),
  ]) {
    work.then(
      () => ends.push('done'),
      (error: unknown) => ends.push(error),
    )
  }

  fixture.stop()
  await fixture.later()

  expect(ends).toEqual([])
  expect(fixture.failures).toEqual([])
})
