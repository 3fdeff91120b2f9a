/** What a daemon publishes, on a broker whose connections and acknowledgements a test makes. */
import { onTestFinished } from 'vitest'
import { keyOf, type Message, type ModuleKey } from '../../src/domain/model.ts'
import { createNotifier } from '../../src/domain/notifier.ts'
import type { BrokerState, Session } from '../../src/mqtt/client.ts'
import { openPublishing, type Publishing, type PublishingNeeds } from '../../src/topics/publishing.ts'
import { topicsBelow } from '../../src/topics/topics.ts'
import { fakeClock, settle } from './fake-clock.ts'
import { anAccount, aSnapshot } from './retained-fixture.ts'
import { aModule, readableLog } from './samples.ts'

export const online = 'b/bridge/state'

/** A broker whose connections and acknowledgements a test makes, and one module. */
export function publishing({
  unfollowed = false,
  open = openPublishing as (needs: PublishingNeeds) => Publishing,
} = {}) {
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
    onConnect(listener: (session: Session) => void) {
      connects.push(listener)
      return () => undefined
    },
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
  const opened = open({
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
    ...{ notify, published, failures, opened, clock },
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
