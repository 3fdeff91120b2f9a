/** The documents with a broker that keeps them and sends each publish back to us, and modules that a test may change. */
import { onTestFinished } from 'vitest'
import type { ClipCamera } from '../../src/domain/clip.ts'
import { StoreFailed } from '../../src/domain/errors.ts'
import { keyOf, type Message, type SyncModule } from '../../src/domain/model.ts'
import { bridgeDevice } from '../../src/homeassistant/bridge-entities.ts'
import { cameraDevice } from '../../src/homeassistant/camera-entities.ts'
import { keepDiscovered } from '../../src/homeassistant/discovery.ts'
import { moduleDevice } from '../../src/homeassistant/module-entities.ts'
import { refusalLogger } from '../../src/mqtt/refusals.ts'
import { fakeClock, settle } from './fake-clock.ts'
import { discovering, topics } from './ha-documents.ts'
import { readableLog } from './samples.ts'

export const bridgeTopic = 'homeassistant/device/blink_manifestd_7f3a9c01/config'
export const moduleTopic = 'homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_350221/config'

export function discoveryFixture(
  modules: readonly SyncModule[],
  kept: Readonly<Record<string, string>> = {},
) {
  const clock = fakeClock()
  const log = readableLog()
  const abort = new AbortController()
  onTestFinished(() => abort.abort(new Error('over')))
  const known = new Map(modules.map((module) => [keyOf(module), module]))
  const store = new Map(Object.entries(kept))
  const published: (Message & { readonly at: number })[] = []
  const discovered: string[] = []
  const failures: unknown[] = []
  let accounts = ['8021']
  let complete = true
  const cameras: ClipCamera[] = []
  const disk = { broken: false }
  const bytes = (text: string) => new TextEncoder().encode(text)
  const begin = clock.elapsed()

  const discovery = keepDiscovered(
    {
      discovering,
      publisher: {
        async publish(message) {
          published.push({ ...message, at: clock.elapsed() - begin })
          if (message.payload === '') store.delete(message.topic)
          else store.set(message.topic, message.payload)
          await Promise.resolve()
          const { topic, payload } = message
          discovery.heard({ topic, payload: bytes(payload), retain: false, properties: {} })
        },
      },
      wanted: {
        bridge: async () => bridgeDevice(topics, discovering, accounts),
        modules: async () => [...known.values()],
        async module(key) {
          if (disk.broken) throw new StoreFailed('cannot read state.db')
          const module = known.get(keyOf(key))
          const options = { severalNetworks: false, follows: false }
          return module && moduleDevice(topics, discovering, module, options)
        },
        cameras: async () => cameras.map((camera) => cameraDevice(topics, discovering, camera)),
        complete: async () => complete,
      },
      discovered: (key) => discovered.push(keyOf(key)),
      refused: refusalLogger(clock, log),
      clock,
      log,
      fail: (error) => failures.push(error),
    },
    abort.signal,
  )
  /** Lets the clock run until the work is done. */
  const done = async (work: Promise<void>) => {
    let over = false
    const end = work.then(() => {
      over = true
    })
    await settle()
    while (!over) await clock.advance(500)
    await end
  }
  /** A connection: the broker sends what it keeps, and all documents are published. */
  async function publishAll() {
    for (const [topic, payload] of store) {
      discovery.heard({ topic, payload: bytes(payload), retain: true, properties: {} })
    }
    const published = discovery.publishAll()
    await settle()
    await done(published)
  }
  return {
    ...{ cameras, discovery, clock, log, known, store, published, discovered, failures, done, disk },
    publishAll,
    /** A connection, until Home Assistant has had its time. */
    async connect() {
      await publishAll()
      await done(discovery.made())
    },
    /** What Home Assistant does when a person deletes a device there. */
    async deletedThere(topic: string) {
      store.delete(topic)
      discovery.heard({ topic, payload: bytes(''), retain: false, properties: {} })
      await settle()
    },
    accountsAre(ids: string[]) {
      accounts = ids
    },
    isComplete(value: boolean) {
      complete = value
    },
    stop: () => abort.abort(new Error('stopped')),
    /** Lets everything that was begun come to its end. */
    async later() {
      await clock.advance(20_000)
    },
    topicsSince: (from: number) =>
      published.slice(from).map(({ topic, payload }) => (payload ? topic : `-${topic}`)),
  }
}
