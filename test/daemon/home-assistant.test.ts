/** What Home Assistant is told when an account leaves. */
import { expect, onTestFinished, test } from 'vitest'
import type { Account } from '../../src/daemon/account.ts'
import { type HomeAssistantNeeds, openHomeAssistant } from '../../src/daemon/home-assistant.ts'
import { StoreFailed } from '../../src/errors.ts'
import type { Retained } from '../../src/mqtt/retained.ts'
import { fakeClock, settle } from '../fake-clock.ts'
import { topics } from '../mqtt/ha-documents.ts'
import { aModule, readableLog, temporaryDirectory } from '../samples.ts'

/** A house without accounts, which knows one module, on a disk that a test may break. */
function aHouse() {
  const over = new AbortController()
  onTestFinished(() => over.abort(new Error('over')))
  const disk = { broken: false }
  const published: string[] = []
  const said: string[] = []
  const failures: unknown[] = []
  const log = readableLog()
  const quiet = { all() {}, birth() {}, everything() {}, bridge() {}, account() {}, module() {}, clear() {} }
  const retained: Retained = {
    ...quiet,
    modulesOf: (id) => void said.push(id),
    settled: async () => undefined,
  }
  const stores = {
    install: { installId: '7f3a9c01' },
    ledger: {
      keys() {
        if (disk.broken) throw new StoreFailed('cannot read state.db', { remedy: 'Is the disk there?' })
        return [aModule()]
      },
    },
  }
  const settings = {
    dataDir: temporaryDirectory(),
    mqtt: { topics: 'all' },
    homeAssistant: { enabled: true, prefix: 'homeassistant', statusTopic: 'homeassistant/status' },
  }
  const broker = {
    subscribe: () => () => undefined,
    onConnect: () => undefined,
    connected: () => new Promise(() => undefined),
    publish: async ({ topic }: { topic: string }) => void published.push(topic),
  }
  const needs = {
    ...{ settings, stores, version: '1', accounts: (): Account[] => [], topics, broker, retained },
    ...{ clock: fakeClock(), log, fail: (error: unknown) => failures.push(error) },
  } as unknown as HomeAssistantNeeds
  return { assistant: openHomeAssistant(needs, over.signal), disk, published, said, failures, log }
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
