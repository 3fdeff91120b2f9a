/** When a topic that another client changed is published again, and when not. */
import { expect, onTestFinished, test } from 'vitest'
import type { Message } from '../../../src/domain/model.ts'
import type { MessageListener, Wish } from '../../../src/mqtt/subscriptions.ts'
import { Subscriptions } from '../../../src/mqtt/subscriptions.ts'
import { openRepair } from '../../../src/topics/repair.ts'
import { plain, topicsBelow } from '../../../src/topics/topics.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, readableLog } from '../../support/samples.ts'

const stem = 'b/sync/8021/44107/350221'

function watched(protocol: 4 | 5 = 5) {
  const [clock, log, subscriptions] = [fakeClock(), readableLog(), new Subscriptions()]
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  const said: string[] = []
  const published: Message[] = []
  const repair = openRepair(
    {
      topics: topicsBelow('b'),
      broker: {
        state: { connected: true, protocol, since: 0, lastError: undefined, reconnects: 0 },
        subscribe(filter: string, listener: MessageListener, wish?: Wish) {
          subscriptions.add(filter, listener, wish)
          return () => void subscriptions.remove(filter, listener)
        },
        onConnect(listener) {
          listener({ protocol })
          return () => undefined
        },
      },
      publisher: { publish: async (message) => void published.push(message) },
      modulesToo: true,
      infoNow: () => plain('b/bridge/info', 'info'),
      accountNow: (id) => (id === '8021' ? plain('b/account/8021/state', 'ok') : undefined),
      moduleNow: ({ syncModuleId }) =>
        syncModuleId === aModule().syncModuleId ? [plain(`${stem}/state`, 'state')] : [],
      sayState: () => said.push('state'),
      sayInfo: () => said.push('info'),
      sayAccount: (id) => said.push(`account ${id}`),
      sayModule: ({ syncModuleId }) => said.push(`module ${syncModuleId}`),
      ...{ clock, log },
    },
    abort.signal,
  )
  const hear = (topic: string, payload: string, retain = false) =>
    subscriptions.dispatch({ topic, payload: Buffer.from(payload), retain, properties: {} })
  return { repair, clock, log, said, published, hear, subscriptions }
}

test('a foreign value is replaced after two seconds, our own and those of others are not', async () => {
  const { clock, said, hear } = watched()
  hear('b/bridge/state', 'online')
  hear('b/account/8021/state', 'ok')
  hear('b/account/9/state', 'foreign')
  hear('b/sync/1/2/3/state', 'foreign')
  hear(`${stem}/state`, 'state')
  hear(`${stem}/state`, 'stored', true)
  await clock.advance(2_000)
  expect(said).toEqual([])

  hear('b/bridge/state', 'offline')
  hear('b/bridge/info', '')
  hear('b/account/8021/state', '')
  hear(`${stem}/state`, 'foreign')
  await clock.advance(1_999)
  expect(said).toEqual([])
  await clock.advance(1)
  expect(said).toEqual(['state', 'info', 'account 8021', 'module 350221'])
})

test('a topic that comes back wrong is published ever more rarely, at last once an hour', async () => {
  const { clock, said, hear, log } = watched()
  const during = async (ms: number) => {
    const before = said.length
    for (let passed = 0; passed < ms; passed += 5_000) {
      hear(`${stem}/state`, 'foreign')
      await clock.advance(5_000)
    }
    return said.length - before
  }

  expect(await during(60_000)).toBeLessThanOrEqual(4)
  await during(3 * 3_600_000)
  expect(await during(3 * 3_600_000)).toBeLessThanOrEqual(4)
  expect(log.lines.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(8)
})

test('against another installation that lives, only bridge/state and what it cleared is published', async () => {
  const { repair, clock, said, hear } = watched()
  repair.other('ffffffff')
  hear('b/bridge/info', 'theirs')
  hear(`${stem}/state`, 'theirs')
  hear('b/account/8021/state', '')
  hear('b/bridge/state', 'offline')
  await clock.advance(10_000)
  expect(said.toSorted()).toEqual(['account 8021', 'state'])

  await clock.advance(60_000)
  expect(said.filter((what) => what === 'info')).toHaveLength(1)
  // It answers, so it lives: we do not go on.
  repair.other('ffffffff')
  hear('b/bridge/info', 'theirs')
  await clock.advance(10 * 60_000)
  expect(said.filter((what) => what === 'info')).toHaveLength(1)
})

test('a retained work item is cleared once an hour, whoever leaves it again', async () => {
  const { clock, published, hear, log } = watched()
  const topic = `${stem}/manifest/requested`
  hear(topic, '{"request_id":1}')
  for (let times = 0; times < 5; times++) hear(topic, '{"request_id":1}', true)
  expect(published).toEqual([plain(topic, '')])
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { topic } }])

  await clock.advance(3_600_000)
  hear(topic, '{"request_id":1}', true)
  expect(published).toHaveLength(2)
})

test('under MQTT 3.1.1 modules are not watched, and retained work items at connecting only', async () => {
  const { clock, said, published, hear, subscriptions } = watched(4)
  hear('b/bridge/state', 'offline')
  hear(`${stem}/state`, 'foreign')
  hear(`${stem}/event`, '{}', true)
  await clock.advance(10_000)

  expect(said).toEqual(['state'])
  expect(published).toEqual([plain(`${stem}/event`, '')])
  expect([...subscriptions.filters].map(([filter]) => filter)).toEqual([
    'b/bridge/state',
    'b/bridge/info',
    'b/account/+/state',
  ])
})

test('a flood on our topics is kept in bounds and the topics come back', async () => {
  const { clock, said, hear } = watched()
  for (let number = 0; number < 20_000; number++) hear(`b/sync/1/2/${number}/state`, 'x'.repeat(1_000))
  hear('b/bridge/state', 'offline')
  await clock.advance(2_000)
  hear('b/bridge/state', 'offline')
  await clock.advance(2_000)
  expect(said).toEqual(['state'])
})
