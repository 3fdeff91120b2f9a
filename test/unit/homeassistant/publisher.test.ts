/** Which documents Home Assistant gets on connections, when accounts come and leave, and after its own start. */
import { expect, onTestFinished, test } from 'vitest'
import type { ClipCamera } from '../../../src/domain/clip.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { keyOf, type Message, type ModuleKey, type SyncModule } from '../../../src/domain/model.ts'
import { createNotifier } from '../../../src/domain/notifier.ts'
import {
  type HomeAssistantNeeds,
  leaveToDaemon,
  openHomeAssistant,
} from '../../../src/homeassistant/publisher.ts'
import { type MessageListener, Subscriptions } from '../../../src/mqtt/subscriptions.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { bridgeDocument, cameraDocument, moduleDocument, topics } from '../../support/ha-documents.ts'
import { aClip, anAccount, aSnapshot, noChanges } from '../../support/retained-fixture.ts'
import { aModule, readableLog } from '../../support/samples.ts'

const bridgeTopic = 'homeassistant/device/blink_manifestd_7f3a9c01/config'
const moduleTopic = 'homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_350221/config'

const aCamera: ClipCamera = {
  ...{ accountId: '8021', networkId: '44107', syncModuleId: '350221' },
  ...{ camera: '610003', cameraName: 'FrontDoor', moved: false },
}
const cameraTopic = 'homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_camera_610003/config'
interface Differing {
  readonly enabled?: boolean
  /** Whether clips are downloaded; then there is one camera. */
  readonly clips?: boolean
  /** The prefix of an earlier run. */
  readonly earlier?: string
}

/** One module of one account, on a disk that a test may break. */
function homeAssistant({ enabled = true, clips = false, earlier }: Differing = {}) {
  const over = new AbortController()
  onTestFinished(() => over.abort(new Error('over')))
  const [clock, log, subscriptions] = [fakeClock(), readableLog(), new Subscriptions()]
  const disk = { broken: false }
  const published: string[] = []
  const stored = new Map<string, string>()
  const failures: unknown[] = []
  const accounts = [anAccount()]
  const known = [aModule()]
  const connection = Promise.withResolvers<void>()
  const notify = createNotifier(log)
  const republished: string[] = []
  let prefix = earlier

  function read<T>(value: T): T {
    if (disk.broken) throw new StoreFailed('cannot read state.db', { remedy: 'Is the disk there?' })
    return value
  }
  const isActive = (key: ModuleKey) => accounts.some(({ accountId }) => accountId === key.accountId)
  const status = {
    accounts: async () => accounts,
    moduleKeys: async (accountId?: string) =>
      read(known.filter((key) => isActive(key) && (accountId ?? key.accountId) === key.accountId)),
    module: async (key: ModuleKey) =>
      read(known.filter((one) => isActive(key) && keyOf(one) === keyOf(key)).map(aSnapshot)[0]),
    isComplete: async () => true,
  }
  const broker = {
    subscribe(filter: string, listener: MessageListener) {
      subscriptions.add(filter, listener)
      return () => void subscriptions.remove(filter, listener)
    },
    connected: () => connection.promise,
    async publish({ topic, payload }: Message) {
      published.push(payload ? topic : `-${topic}`)
      stored.set(topic, payload)
    },
  }
  const cameras = [aCamera]
  const settings = {
    manifest: { follow: false },
    clips: { enabled: clips },
    mqtt: { topics: 'all' },
    homeAssistant: { enabled, prefix: 'homeassistant', statusTopic: 'homeassistant/status' },
  }
  const storage = {
    installation: { installId: '7f3a9c01' },
    clips: { cameras: async () => read(cameras) },
    discoveryPrefix: {
      prefix: async () => prefix,
      keep: async (kept: string) => {
        prefix = kept
      },
      forget: async () => {
        prefix = undefined
      },
    },
  }
  const needs = {
    ...{ settings, storage, version: '1.2.3', status, notify },
    mqtt: { topics, broker, refused: () => undefined },
    ...{ clock, log, fail: (error: unknown) => failures.push(error) },
  } as unknown as HomeAssistantNeeds
  const { reader, observer } = openHomeAssistant(needs, over.signal)
  notify.add(observer, {
    moduleChanged: (key) => void republished.push(keyOf(key)),
    republishRequested: () => void republished.push('everything'),
  })
  return {
    ...{ cameras, reader, notify, clock, disk, published, stored, republished, failures, log, accounts },
    /** A connection, until Home Assistant has had its time. */
    async connect() {
      connection.resolve()
      const documents = reader.publishDocuments()
      await clock.advance(60_000)
      await documents
    },
    knows: (...modules: SyncModule[]) => known.splice(0, known.length, ...modules),
    receive({ topic, payload, retain = true }: Pick<Message, 'topic' | 'payload'> & { retain?: boolean }) {
      void subscriptions.dispatch({ topic, payload: Buffer.from(payload), retain, properties: {} })
    },
    names: () =>
      [...stored]
        .filter(([topic, payload]) => topic !== bridgeTopic && payload !== '')
        .map(([, payload]) => (JSON.parse(payload) as { device: { name: string } }).device.name),
    prefix: () => prefix,
  }
}

test('a camera has a device once its first clip is published, and where clips are downloaded', async () => {
  const { connect, cameras, notify, clock, stored, published } = homeAssistant({ clips: true })
  cameras.splice(0)
  await connect()
  const before = published.length

  cameras.push(aCamera)
  notify.clipSaved(aClip())
  await clock.advance(60_000)
  notify.clipSaved(aClip())
  await clock.advance(60_000)

  expect(published.slice(before)).toEqual([cameraTopic])
  expect(stored.get(cameraTopic)).toBe(cameraDocument(aCamera).payload)
  expect(stored.get(moduleTopic)).toBe(moduleDocument(aModule(), { follows: true }).payload)
})

test('cameras of an earlier run lose their devices where clips are off', async () => {
  const { connect, receive, notify, reader, clock, stored } = homeAssistant({ earlier: 'homeassistant' })
  receive(cameraDocument(aCamera))

  await connect()
  notify.modulesListed('8021', noChanges)
  const removed = reader.removeOrphans()
  await clock.advance(60_000)
  await removed

  expect(stored.get(cameraTopic)).toBe('')
})

test('the device of a camera that has moved, or whose module is gone, is removed; no other', async () => {
  const { connect, cameras, knows, reader, clock, published } = homeAssistant({ clips: true })
  const other = { ...aCamera, camera: 'unknown/0badcafe', moved: true }
  await connect()
  const from = published.length
  const cleared = async (camera: ClipCamera) => {
    const work = reader.beforeClearing(camera)
    await clock.advance(60_000)
    await work
    return published.slice(from)
  }

  expect(await cleared(aCamera)).toEqual([])
  cameras.splice(0, 1, { ...aCamera, moved: true }, other)
  expect(await cleared(other)).toEqual([])
  expect(await cleared({ ...aCamera, moved: true })).toEqual([`-${cameraTopic}`])
  cameras.splice(0, 2, aCamera)
  await connect()
  knows()
  expect((await cleared(aCamera)).at(-1)).toBe(`-${cameraTopic}`)
})

test('the device and entities that read topics are removed before these are cleared', async () => {
  const { reader, connect, published, clock, accounts, notify, failures } = homeAssistant()
  await connect()
  const from = published.length

  accounts.splice(0)
  notify.accountRemoved('8021')
  const removals = Promise.all([reader.beforeClearing(aModule()), reader.beforeClearing('8021')])
  await clock.advance(60_000)
  await removals

  expect(published.slice(from).sort()).toEqual([
    // The markers, and after their pause the document without them.
    `-${moduleTopic}`,
    ...[bridgeTopic, bridgeTopic],
  ])
  expect(failures).toEqual([])
})

test('before the broker has sent its documents, no topic that one may read is cleared', async () => {
  const { reader, clock, accounts } = homeAssistant()
  accounts.splice(0)
  let isCleared = false
  void reader.beforeClearing(aModule()).then(() => {
    isCleared = true
  })
  void reader.publishDocuments()
  await clock.advance(4_000)
  expect(isCleared).toBe(false)

  await clock.advance(1_000)
  expect(isCleared).toBe(true)
})

test('the modules of an account that signs in again get their documents again', async () => {
  const { reader, connect, stored, clock, accounts, notify } = homeAssistant()
  await connect()
  notify.modulesListed('8021', noChanges)
  const [account] = accounts.splice(0)
  notify.accountRemoved('8021')
  const removal = reader.beforeClearing(aModule())
  await clock.advance(10_000)
  await removal
  expect(stored.get(moduleTopic)).toBe('')

  if (account) accounts.push(account)
  notify.accountChanged(anAccount())
  // The list is as it was.
  notify.modulesListed('8021', noChanges)
  await clock.advance(10_000)

  expect(stored.get(moduleTopic)).toBe(moduleDocument(aModule()).payload)
})

test('networks that storage cannot read are logged, documents published later', async () => {
  const { reader, disk, published, failures, log, clock } = homeAssistant()
  disk.broken = true
  await reader.publishDocuments()
  expect(failures).toEqual([])
  expect(log.lines).toContainEqual({
    level: 'error',
    message: 'cannot read which networks there are',
    fields: { detail: 'cannot read state.db', remedy: 'Is the disk there?' },
  })

  disk.broken = false
  await clock.advance(5 * 60_000)
  expect(published).toContain(moduleTopic)
})

test('a device of a stopped installation is logged ten minutes after the start', async () => {
  const { connect, receive, clock, log } = homeAssistant()
  await connect()
  receive({ ...bridgeDocument(), topic: 'homeassistant/device/blink_manifestd_0badcafe/config' })

  await clock.advance(600_000)

  expect(log.lines).toMatchObject([{ level: 'warn', fields: { device: 'blink_manifestd_0badcafe' } }])
})

test('when a second network appears, and when it is gone, each device is renamed', async () => {
  const { connect, knows, names, clock, notify } = homeAssistant()
  await connect()
  const other = aModule({ networkId: '44108', syncModuleId: '9', networkName: 'Cabin' })
  expect(names()).toEqual(['Hall'])

  knows(aModule(), other)
  notify.modulesListed('8021', { ...noChanges, found: [other], altered: [other] })
  await clock.advance(10_000)
  expect(names()).toEqual(['Hall (Home)', 'Hall (Cabin)'])

  knows(aModule())
  notify.modulesListed('8021', { ...noChanges, gone: [other] })
  await clock.advance(10_000)
  expect(names()[0]).toBe('Hall')
})

test('after Home Assistant has started it gets the documents, and then everything', async () => {
  const { connect, receive, clock, published, republished } = homeAssistant()
  await connect()
  const [from, before] = [published.length, republished.length]

  receive({ topic: 'homeassistant/status', payload: 'online', retain: false })
  await clock.advance(1_000)
  expect(published.slice(from)).toEqual([bridgeTopic, moduleTopic])
  expect(republished.slice(before)).toEqual([])
  await clock.advance(2_000)

  expect(republished.slice(before)).toEqual(['everything'])
})

test('a rescan brings back a deleted device, and then everything is published', async () => {
  const { connect, receive, clock, stored, republished, notify } = homeAssistant()
  await connect()
  receive({ topic: moduleTopic, payload: '', retain: false })
  stored.delete(moduleTopic)

  notify.rescanRequested()
  await clock.advance(2_000)

  expect(stored.has(moduleTopic)).toBe(true)
  expect(republished.at(-1)).toBe('everything')
})

test('switched off, earlier documents are removed before their topics are cleared', async () => {
  const { reader, connect, receive, clock, published, prefix } = homeAssistant({
    enabled: false,
    earlier: 'homeassistant',
  })
  let isCleared = false
  void reader.beforeClearing(aModule()).then(() => {
    isCleared = true
  })
  await settle()
  expect(isCleared).toBe(false)

  void connect()
  await clock.advance(1)
  receive(moduleDocument(aModule()))
  await clock.advance(10_000)

  expect(published).toEqual([`-${moduleTopic}`])
  expect([isCleared, prefix()]).toEqual([true, undefined])
})

test('a single run leaves the topics that a daemon has documents for to that daemon', async () => {
  const log = readableLog()
  const discoveryPrefix = {
    prefix: async () => 'homeassistant',
    keep: async () => undefined,
    forget: async () => undefined,
  }
  const reader = await leaveToDaemon({ discoveryPrefix }, log)
  let isCleared = false
  void reader?.beforeClearing(aModule()).then(() => {
    isCleared = true
  })
  await settle()

  expect([isCleared, reader !== undefined]).toEqual([false, true])
  const none = { ...discoveryPrefix, prefix: async () => undefined }
  expect(await leaveToDaemon({ discoveryPrefix: none }, log)).toBeUndefined()
})
