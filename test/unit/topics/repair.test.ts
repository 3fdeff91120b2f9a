/** When a topic that another client changed is published again, and when not. */
import { expect, onTestFinished, test } from 'vitest'
import { type ClipCamera, type ClipNew, cameraKeyOf } from '../../../src/domain/clip.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { keyOf } from '../../../src/domain/model.ts'
import type { OutgoingMessage } from '../../../src/mqtt/client.ts'
import type { MessageListener, SubscribeOptions } from '../../../src/mqtt/subscriptions.ts'
import { Subscriptions } from '../../../src/mqtt/subscriptions.ts'
import { lastClip } from '../../../src/topics/clip-topics.ts'
import { openRepair } from '../../../src/topics/repair.ts'
import { accountState, moduleProgress } from '../../../src/topics/state-topics.ts'
import { plain, topicsBelow } from '../../../src/topics/topics.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aClip, anAccount, aSnapshot } from '../../support/retained-fixture.ts'
import { aModule, readableLog, start } from '../../support/samples.ts'

const stem = 'b/sync/8021/44107/350221'
const account = accountState(topicsBelow('b'), anAccount()).payload
const [state] = moduleProgress(topicsBelow('b'), aSnapshot(), { now: start, everything: true, expired: true })
const porch = { ...aClip(), moved: false, last: aClip() } satisfies ClipCamera & { last: ClipNew }

function watched(protocol: 4 | 5 = 5, isShared = false) {
  const [clock, log, subscriptions] = [fakeClock(), readableLog(), new Subscriptions()]
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  const repairs: string[] = []
  const failures: unknown[] = []
  const disk = { broken: false }
  const published: OutgoingMessage[] = []
  const repair = openRepair(
    {
      topics: topicsBelow('b'),
      broker: {
        publish: async (message) => void published.push(message),
        state: { connected: true, protocol, since: 0, lastError: undefined, reconnects: 0 },
        subscribe(filter: string, listener: MessageListener, wish?: SubscribeOptions) {
          subscriptions.add(filter, listener, wish)
          return () => void subscriptions.remove(filter, listener)
        },
        onConnect(listener) {
          listener({ protocol })
          return () => undefined
        },
      },
      modulesToo: true,
      isShared,
      bridgeInfo: () => plain('b/bridge/info', 'info'),
      status: {
        async account(id) {
          if (disk.broken) throw new StoreFailed('cannot read state.db')
          return id === '8021' ? anAccount() : undefined
        },
        module: async (key) => (keyOf(key) === keyOf(aModule()) ? aSnapshot() : undefined),
        camera: async (key) => (cameraKeyOf(key) === cameraKeyOf(porch) ? porch : undefined),
      },
      mediaPrefix: undefined,
      announce: () => void repairs.push('state'),
      retained: {
        publish(what) {
          if (typeof what === 'string') repairs.push(what)
          else repairs.push('camera' in what ? cameraKeyOf(what) : keyOf(what))
        },
      },
      fail: (error) => failures.push(error),
      ...{ clock, log },
    },
    abort.signal,
  )
  const hear = (topic: string, payload: string, retain = false) => {
    void subscriptions.dispatch({ topic, payload: Buffer.from(payload), retain, properties: {} })
  }
  return { repair, clock, log, repairs, published, hear, subscriptions, disk, failures }
}

test('an overwritten or cleared last clip is published again, that of other cameras is not', async () => {
  const { clock, repairs, hear } = watched()
  const ours = `b/camera/8021/44107/${porch.camera}/last_clip`

  hear(ours, lastClip(topicsBelow('b'), porch.last, undefined).payload)
  hear('b/camera/8021/44107/7/last_clip', 'foreign')
  hear('b/camera/8021/44107/unknown/last_clip', 'foreign')
  await clock.advance(2_000)
  expect(repairs).toEqual([])
  hear(ours, '')
  await clock.advance(2_000)

  expect(repairs).toEqual([cameraKeyOf(porch)])
})

test('a changed topic is published after two seconds, our own value and others are not', async () => {
  const { clock, repairs, hear } = watched()
  hear('b/bridge/state', 'online')
  hear('b/account/8021/state', account)
  hear('b/account/9/state', 'foreign')
  hear('b/sync/1/2/3/state', 'foreign')
  hear(`${stem}/state`, state?.payload ?? '')
  hear(`${stem}/state`, 'stored', true)
  await clock.advance(2_000)
  expect(repairs).toEqual([])

  hear('b/bridge/state', 'offline')
  hear('b/bridge/info', '')
  hear('b/account/8021/state', '')
  hear(`${stem}/state`, 'foreign')
  await clock.advance(1_999)
  expect(repairs).toEqual([])
  await clock.advance(1)
  expect(repairs).toEqual(['state', 'bridge', '8021', '8021/44107/350221'])
})

test('a topic that is changed again and again is published at last once an hour', async () => {
  const { clock, repairs, hear, log } = watched()
  const during = async (ms: number) => {
    const before = repairs.length
    for (let passed = 0; passed < ms; passed += 20_000) {
      hear(`${stem}/state`, 'foreign')
      await clock.advance(20_000)
    }
    return repairs.length - before
  }

  expect(await during(60_000)).toBeLessThanOrEqual(4)
  await during(3 * 3_600_000)
  expect(await during(3 * 3_600_000)).toBeLessThanOrEqual(4)
  expect(log.lines.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(8)
})

test('what an instance clears and then publishes anew was no stranger', async () => {
  const { clock, repairs, hear, log } = watched(5, true)

  hear(`${stem}/state`, '')
  hear(`${stem}/state`, 'of a moment later')
  await clock.advance(2_000)
  expect(repairs).toEqual([])
  hear(`${stem}/state`, '')
  await clock.advance(2_000)

  expect(repairs).toEqual(['8021/44107/350221'])
  expect(log.lines).toMatchObject([{ fields: { was: 'cleared' } }])
})

test('against another installation only bridge/state and cleared topics are repaired', async () => {
  const { repair, clock, repairs, hear } = watched()
  repair.other('ffffffff')
  hear('b/bridge/info', 'theirs')
  hear(`${stem}/state`, 'theirs')
  hear('b/account/8021/state', '')
  hear('b/bridge/state', 'offline')
  await clock.advance(10_000)
  expect(repairs.toSorted()).toEqual(['8021', 'state'])

  await clock.advance(60_000)
  expect(repairs.filter((what) => what === 'bridge')).toHaveLength(1)
  // It answers, so it runs: we do not go on.
  repair.other('ffffffff')
  hear('b/bridge/info', 'theirs')
  await clock.advance(10 * 60_000)
  expect(repairs.filter((what) => what === 'bridge')).toHaveLength(1)
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

test('under MQTT 3.1.1 modules are not watched, retained work items only at connecting', async () => {
  const { clock, repairs, published, hear, subscriptions } = watched(4)
  hear('b/bridge/state', 'offline')
  hear(`${stem}/state`, 'foreign')
  hear(`${stem}/event`, '{}', true)
  await clock.advance(10_000)

  expect(repairs).toEqual(['state'])
  expect(published).toEqual([plain(`${stem}/event`, '')])
  expect([...subscriptions.filters].map(([filter]) => filter)).toEqual([
    'b/bridge/state',
    'b/bridge/info',
    'b/account/+/state',
  ])
})

test('a flood on our topics is limited, and the topics are repaired after it', async () => {
  const { clock, repairs, hear } = watched()
  for (let number = 0; number < 20_000; number++) hear(`b/sync/1/2/${number}/state`, 'x'.repeat(1_000))
  hear('b/bridge/state', 'offline')
  await clock.advance(2_000)
  hear('b/bridge/state', 'offline')
  await clock.advance(2_000)
  expect(repairs).toEqual(['state'])
})

test('topics that cannot be ours take no place', async () => {
  const { clock, repairs, hear } = watched()
  for (let number = 0; number < 2_000; number++) hear(`b/sync/a/b/${'x'.repeat(number)}/state`, 'foreign')
  hear('b/account/8021/state', 'foreign')
  await clock.advance(2_000)

  expect(repairs).toEqual(['8021'])
})

test('a change that storage cannot judge is repaired when it can', async () => {
  const { clock, repairs, hear, disk, failures } = watched()
  disk.broken = true
  hear('b/account/8021/state', 'foreign')
  await clock.advance(10_000)
  expect([repairs, failures]).toEqual([[], []])

  disk.broken = false
  await clock.advance(30_000)
  expect(repairs).toEqual(['8021'])
})

test('after a flood of retained work items, later ones are cleared an hour later', async () => {
  const { clock, published, hear } = watched()
  for (let number = 0; number < 2_000; number++) hear(`b/sync/1/2/${number}/event`, '{}', true)
  expect(published).toHaveLength(1_000)

  await clock.advance(3_600_000)
  hear(`${stem}/event`, '{}', true)

  expect(published).toHaveLength(1_001)
})

test('of what other instances publish only what was cleared is published again', async () => {
  const { clock, repairs, hear } = watched(5, true)
  hear(`${stem}/state`, 'of another instance')
  hear('b/account/8021/state', 'of another instance')
  hear(`${stem}/info`, '')
  hear('b/bridge/state', 'offline')

  await clock.advance(2_000)

  expect(repairs.toSorted()).toEqual(['8021/44107/350221', 'state'])
})
