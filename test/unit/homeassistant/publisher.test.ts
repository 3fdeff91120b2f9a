/** What Home Assistant is told when an account leaves, and on connections that do not last. */
import { expect, onTestFinished, test } from 'vitest'
import type { Account } from '../../../src/accounts/account.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { keyOf, type Message, type ModuleKey, type SyncModule } from '../../../src/domain/model.ts'
import { type HomeAssistantNeeds, openHomeAssistant } from '../../../src/homeassistant/publisher.ts'
import { type MessageListener, Subscriptions } from '../../../src/mqtt/subscriptions.ts'
import type { Retained } from '../../../src/topics/retained.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { bridgeDocument, topics } from '../../support/ha-documents.ts'
import { aModule, newRecord, readableLog, temporaryDirectory } from '../../support/samples.ts'

/** One module of an account that a test may log out, on a disk that it may break. */
function aHouse() {
  const over = new AbortController()
  onTestFinished(() => over.abort(new Error('over')))
  const clock = fakeClock()
  const disk = { broken: false }
  const published: string[] = []
  const connects: (() => void)[] = []
  const settling: (() => void)[] = []
  const births: string[] = []
  const said: string[] = []
  const known = [aModule()]
  const stored = new Map<string, string>()
  const subscriptions = new Subscriptions()
  const connection = Promise.withResolvers<void>()
  const accounts = [{ accountId: '8021', state: { status: 'ok' } }] as unknown as Account[]
  const failures: unknown[] = []
  const log = readableLog()
  const quiet = { all() {}, birth() {}, everything() {}, bridge() {}, account() {}, module() {}, clear() {} }
  const retained: Retained = {
    ...quiet,
    birth: () => void births.push('online'),
    module: (key) => void published.push(`states of ${keyOf(key)}`),
    account: (id) => void published.push(`state of ${id}`),
    modulesOf: (id) => void said.push(id),
    settled: () => new Promise((resolve) => settling.push(resolve)),
  }
  const stores = {
    install: { installId: '7f3a9c01' },
    ledger: {
      keys() {
        if (disk.broken) throw new StoreFailed('cannot read state.db', { remedy: 'Is the disk there?' })
        return known
      },
      read: (key: ModuleKey) => known.filter((one) => keyOf(one) === keyOf(key)).map(newRecord)[0],
    },
  }
  const settings = {
    dataDir: temporaryDirectory(),
    modules: { include: [], exclude: [], askAll: false },
    mqtt: { topics: 'all' },
    homeAssistant: { enabled: true, prefix: 'homeassistant', statusTopic: 'homeassistant/status' },
  }
  const broker = {
    subscribe(filter: string, listener: MessageListener) {
      subscriptions.add(filter, listener)
      return () => void subscriptions.remove(filter, listener)
    },
    onConnect: (listener: () => void) => void connects.push(listener),
    connected: () => connection.promise,
    async publish({ topic, payload }: Message) {
      published.push(payload ? topic : `-${topic}`)
      if (topic !== bridgeTopic) stored.set(topic, payload)
    },
  }
  const needs = {
    ...{ settings, stores, version: '1', accounts: () => accounts, topics, broker, retained },
    ...{ clock, log, fail: (error: unknown) => failures.push(error) },
  } as unknown as HomeAssistantNeeds
  const assistant = openHomeAssistant(needs, over.signal)
  /** A connection, until Home Assistant has had its time. */
  async function connect() {
    connection.resolve()
    for (const connected of connects) connected()
    await settle()
    for (const settled of settling.splice(0)) settled()
    await clock.advance(60_000)
  }
  return {
    ...{ assistant, clock, disk, published, said, connects, connect, settling, births, failures, log },
    logOut: () => accounts.splice(0),
    knows: (...modules: SyncModule[]) => known.splice(0, known.length, ...modules),
    documents: () => [...stored.values()].map((text) => JSON.parse(text) as { device: { name: string } }),
    hears({ topic, payload }: Message) {
      subscriptions.dispatch({ topic, payload: Buffer.from(payload), retain: true, properties: {} })
    },
  }
}

const bridgeTopic = 'homeassistant/device/blink_manifestd_7f3a9c01/config'
const moduleTopic = 'homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_350221/config'

test("an account's topics are cleared after its device and entities are removed", async () => {
  const { assistant, connect, published, clock, logOut, failures } = aHouse()
  await connect()
  const from = published.length

  logOut()
  expect(assistant.moduleUnread(aModule())).toBe(false)
  expect(assistant.accountUnread('8021')).toBe(false)
  await clock.advance(60_000)

  const since = published.slice(from)
  expect(since.filter((topic) => !topic.startsWith('state'))).toEqual([
    `-${moduleTopic}`,
    // The markers, and after their pause the document without them.
    ...[bridgeTopic, bridgeTopic],
  ])
  expect(since.indexOf('states of 8021/44107/350221')).toBeGreaterThan(since.indexOf(`-${moduleTopic}`))
  expect(since.at(-1)).toBe('state of 8021')
  expect([assistant.moduleUnread(aModule()), assistant.accountUnread('8021')]).toEqual([true, true])
  expect(failures).toEqual([])
})

test('before the broker has sent its documents, no topic that one may read is cleared', async () => {
  const { assistant, connects, settling, published, clock, logOut } = aHouse()
  logOut()
  for (const connected of connects) connected()
  await settle()
  expect(assistant.moduleUnread(aModule())).toBe(false)

  for (const settled of settling) settled()
  await clock.advance(4_000)
  expect(published).toEqual([bridgeTopic])
  await clock.advance(60_000)

  expect(published).toEqual([bridgeTopic, 'states of 8021/44107/350221'])
})

test('a disk that cannot list the networks is logged, and nothing ends by it', async () => {
  const { assistant, logOut, disk, published, said, failures, log } = aHouse()
  logOut()
  disk.broken = true

  assistant.retained.modulesOf('8021')
  await settle()

  expect([said, published, failures]).toEqual([['8021'], [], []])
  expect(log.lines).toMatchObject([{ level: 'error', fields: { remedy: 'Is the disk there?' } }])
})

test('of connections that are lost before all is said, only the last one is greeted', async () => {
  const { connects, settling, clock, published, births } = aHouse()
  for (let connections = 0; connections < 4; connections++) {
    for (const connected of connects) connected()
    await settle()
  }

  for (const settled of settling) settled()
  await clock.advance(60_000)

  expect(published).toEqual([bridgeTopic, moduleTopic, 'states of 8021/44107/350221'])
  expect(births).toEqual(['online'])
})

test('a device of an installation that is gone is logged ten minutes after the start', async () => {
  const { connect, hears, clock, log } = aHouse()
  await connect()
  hears({ ...bridgeDocument(), topic: 'homeassistant/device/blink_manifestd_0badcafe/config' })

  await clock.advance(600_000)

  expect(log.lines).toMatchObject([{ level: 'warn', fields: { device: 'blink_manifestd_0badcafe' } }])
})

test('when a second network appears, and when it is gone, each device gets its name anew', async () => {
  const { assistant, connect, knows, documents, clock } = aHouse()
  await connect()
  const other = aModule({ networkId: '44108', syncModuleId: '9', networkName: 'Cabin' })
  const changes = { found: [], renamed: [], altered: [], gone: [] }
  const names = () => documents().map(({ device }) => device.name)
  expect(names()).toEqual(['Hall'])

  knows(aModule(), other)
  assistant.retained.module(other, 'identity')
  assistant.listed('8021', { ...changes, found: [other] })
  await clock.advance(10_000)
  expect(names()).toEqual(['Hall (Home)', 'Hall (Cabin)'])

  knows(aModule())
  assistant.listed('8021', { ...changes, gone: [other] })
  await clock.advance(10_000)
  expect(names()[0]).toBe('Hall')
})
