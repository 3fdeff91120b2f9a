/** What Home Assistant is told when an account leaves, and on connections that do not last. */
import { expect, onTestFinished, test } from 'vitest'
import type { Account } from '../../src/accounts/account.ts'
import { StoreFailed } from '../../src/domain/errors.ts'
import { type HomeAssistantNeeds, openHomeAssistant } from '../../src/homeassistant/publisher.ts'
import type { Retained } from '../../src/topics/retained.ts'
import { fakeClock, settle } from '../fake-clock.ts'
import { topics } from '../mqtt/ha-documents.ts'
import { aModule, readableLog, temporaryDirectory } from '../samples.ts'

/** A house without accounts, which knows one module, on a disk that a test may break. */
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
  const failures: unknown[] = []
  const log = readableLog()
  const quiet = { all() {}, birth() {}, everything() {}, bridge() {}, account() {}, module() {}, clear() {} }
  const retained: Retained = {
    ...quiet,
    birth: () => void births.push('online'),
    modulesOf: (id) => void said.push(id),
    settled: () => new Promise((resolve) => settling.push(resolve)),
  }
  const stores = {
    install: { installId: '7f3a9c01' },
    ledger: {
      keys() {
        if (disk.broken) throw new StoreFailed('cannot read state.db', { remedy: 'Is the disk there?' })
        return [aModule()]
      },
      read: () => undefined,
    },
  }
  const settings = {
    dataDir: temporaryDirectory(),
    mqtt: { topics: 'all' },
    homeAssistant: { enabled: true, prefix: 'homeassistant', statusTopic: 'homeassistant/status' },
  }
  const broker = {
    subscribe: () => () => undefined,
    onConnect: (listener: () => void) => void connects.push(listener),
    connected: () => new Promise(() => undefined),
    publish: async ({ topic }: { topic: string }) => void published.push(topic),
  }
  const needs = {
    ...{ settings, stores, version: '1', accounts: (): Account[] => [], topics, broker, retained },
    ...{ clock, log, fail: (error: unknown) => failures.push(error) },
  } as unknown as HomeAssistantNeeds
  const assistant = openHomeAssistant(needs, over.signal)
  return { assistant, clock, disk, published, said, connects, settling, births, failures, log }
}

test('the devices of an account that has left are taken back', async () => {
  const { assistant, published, said } = aHouse()

  assistant.retained.modulesOf('8021')
  await settle()

  expect(said).toEqual(['8021'])
  expect(published).toEqual(['homeassistant/device/blink_manifestd_7f3a9c01_8021_44107_350221/config'])
})

test('a disk that cannot tell which devices those are is told of, and nothing ends by it', async () => {
  const { assistant, disk, published, said, failures, log } = aHouse()
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

  expect(published).toEqual(['homeassistant/device/blink_manifestd_7f3a9c01/config'])
  expect(births).toEqual(['online'])
})
