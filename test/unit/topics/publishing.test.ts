/** What is published on a connection, and in which order. */
import { expect, onTestFinished, test } from 'vitest'
import { keyOf, type Message, type ModuleKey } from '../../../src/domain/model.ts'
import { createNotifier } from '../../../src/domain/notifier.ts'
import type { BrokerState, Session } from '../../../src/mqtt/client.ts'
import { openPublishing, type PublishingNeeds } from '../../../src/topics/publishing.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { fakeClock, settle } from '../../support/fake-clock.ts'
import { anAccount, aSnapshot } from '../../support/retained-fixture.ts'
import { aModule, readableLog } from '../../support/samples.ts'

const online = 'b/bridge/state'

/** A broker whose connections and acknowledgements a test makes, and one module. */
function publishing({ unfollowed = false } = {}) {
  const [clock, log] = [fakeClock(), readableLog()]
  const notify = createNotifier(log)
  const published: string[] = []
  const held: (() => void)[] = []
  const failures: unknown[] = []
  const connects: ((session: Session) => void)[] = []
  const states: ((state: BrokerState) => void)[] = []
  const state = { connected: false, protocol: 5 as const, since: 0, lastError: undefined, reconnects: 0 }
  let isSlow = false
  async function publish({ topic }: Pick<Message, 'topic'>): Promise<void> {
    published.push(topic)
    if (isSlow) await new Promise<void>((acknowledge) => held.push(acknowledge))
  }
  const broker = {
    state,
    publish,
    announce: () => publish({ topic: online }),
    subscribe: () => () => undefined,
    onConnect: (listener: (session: Session) => void) => connects.push(listener),
    onState: (listener: (state: BrokerState) => void) => states.push(listener),
  }
  const storage = {
    installation: { installId: '7f3a9c01' },
    ledger: {
      keysAndGone: async () => [aModule()],
      forget: async () => undefined,
      nextExpiry: async () => undefined,
      deleteExpired: async () => [],
    },
    clips: { cameras: async () => [], followed: async () => [aModule()] },
    outbox: {
      waiting: async () => [],
      count: async () => 0,
      remove: async () => undefined,
      sweep: async () => new Map(),
      onArrival: () => () => undefined,
    },
  }
  const status = {
    accounts: async () => [anAccount()],
    account: async () => anAccount(),
    module: async (key: ModuleKey) => (keyOf(key) === keyOf(aModule()) ? aSnapshot() : undefined),
    nextRuns: () => [],
  }
  const reader = {
    publishDocuments: () => publish({ topic: 'documents' }),
    removeOrphans: async () => void published.push('orphans'),
    beforeClearing: async () => undefined,
  }
  const opened = openPublishing({
    settings: {
      ...{ mqtt: { topics: 'all' }, request: { ttlSeconds: 600 }, manifest: { follow: !unfollowed } },
      clips: { enabled: false, mediaPrefix: undefined },
    },
    shown: { version: '1.2.3', settings: {}, logLevel: () => 'info' },
    ...{ storage, status, notify, reader, clock, log },
    mqtt: { topics: topicsBelow('b'), broker, refused: () => undefined },
    ...{ handle: async () => ({}), fail: (error: unknown) => failures.push(error) },
  } as unknown as PublishingNeeds)
  onTestFinished(() => opened.close())
  notify.add(...opened.observers)

  function setConnected(connected: boolean): void {
    state.connected = connected
    for (const listener of states) listener({ ...state, connected })
    if (connected) for (const listener of connects) listener({ protocol: 5 })
  }
  return {
    ...{ notify, published, failures, opened },
    async connect() {
      setConnected(true)
      await settle()
    },
    async lose() {
      setConnected(false)
      await settle()
    },
    slow() {
      isSlow = true
    },
    /** Acknowledges what is held. */
    async acknowledge() {
      for (const each of held.splice(0)) each()
      await settle()
    },
  }
}

test('on a connection state comes first, then documents, then bridge/state', async () => {
  const { connect, published, failures } = publishing()

  await connect()

  expect(published).toHaveLength(11)
  expect(published.slice(0, -3)).toContain('b/sync/8021/44107/350221/state')
  expect(published.slice(-3)).toEqual(['documents', online, 'orphans'])
  expect(failures).toEqual([])
})

test('what is left of manifests that are followed no longer is cleared after the documents', async () => {
  const { connect, published, failures } = publishing({ unfollowed: true })

  await connect()

  const cleared = published.indexOf('b/sync/8021/44107/350221/clips')
  expect(cleared).toBeGreaterThan(published.indexOf('documents'))
  expect(cleared).toBeLessThan(published.indexOf(online))
  expect(failures).toEqual([])
})

test('nothing is promised before the broker has acknowledged what comes before it', async () => {
  const { connect, published, slow, acknowledge } = publishing()
  slow()
  await connect()
  expect(published).not.toContain('documents')

  await acknowledge()
  expect(published.at(-1)).toBe('documents')
  await acknowledge()
  expect(published.at(-1)).toBe(online)
})

test('of short connections only the last publishes documents and bridge/state', async () => {
  const { connect, lose, published, slow, acknowledge } = publishing()
  slow()
  for (let connection = 0; connection < 4; connection++) {
    await connect()
    await lose()
  }
  await connect()

  for (let round = 0; round < 10; round++) await acknowledge()

  expect(published.filter((topic) => topic === 'documents')).toHaveLength(1)
  expect(published.filter((topic) => topic === online)).toHaveLength(1)
})

test('a rescan while a connection is set up does not leave the documents out', async () => {
  const { connect, notify, published, slow, acknowledge } = publishing()
  slow()
  await connect()

  notify.republishRequested()
  for (let round = 0; round < 10; round++) await acknowledge()

  expect(published.filter((topic) => topic === 'documents')).toHaveLength(1)
})

test('a rescan publishes the state and bridge/state again, and no document', async () => {
  const { connect, notify, published } = publishing()
  await connect()
  const from = published.length

  notify.republishRequested()
  await settle()

  expect(published.slice(from)).toContain('b/sync/8021/44107/350221/state')
  expect(published.slice(from)).toContain(online)
  expect(published.slice(from)).not.toContain('documents')
})

test('what waits is settled without the search for orphans', async () => {
  const { connect, opened, published, slow, acknowledge } = publishing()
  slow()
  await connect()
  let isSettled = false
  void opened.settled().then(() => {
    isSettled = true
  })
  await settle()
  expect(isSettled).toBe(false)

  for (let round = 0; round < 5; round++) await acknowledge()
  expect(isSettled).toBe(true)
  expect(published).toContain(online)
})
