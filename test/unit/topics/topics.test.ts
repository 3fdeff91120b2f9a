import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  durable,
  event,
  plain,
  retainedModuleTopics,
  secondsLeft,
  state,
  topicsBelow,
} from '../../../src/topics/topics.ts'
import { anyCharacter } from '../../support/characters.ts'
import { aModule } from '../../support/samples.ts'

test('the topics are the ones that readers were promised', () => {
  const topics = topicsBelow('home/blink')

  expect([topics.bridgeState, topics.bridgeInfo, topics.bridgeEvent]).toEqual([
    'home/blink/bridge/state',
    'home/blink/bridge/info',
    'home/blink/bridge/event',
  ])
  expect(topics.accountState('8021')).toBe('home/blink/account/8021/state')
  expect(topics.module(aModule())).toBe('home/blink/sync/8021/44107/350221')
})

test('a topic holds ids and never a name', () => {
  const id = fc.bigInt({ min: 1n, max: 2n ** 63n }).map(String)
  fc.assert(
    fc.property(id, id, id, fc.string({ unit: anyCharacter }), (accountId, networkId, syncModuleId, name) => {
      const topic = topicsBelow('b').module(
        aModule({ accountId, networkId, syncModuleId, name, networkName: name }),
      )

      expect(topic).toBe(`b/sync/${accountId}/${networkId}/${syncModuleId}`)
    }),
  )
})

test('the retained topics of a module are all known, so that all can be cleared', () => {
  expect([...retainedModuleTopics].sort()).toEqual([
    'availability',
    'clips',
    'info',
    'manifest/pending',
    'request_id',
    'requested_at',
    'state',
  ])
})

test('state is retained, events and work items are not', () => {
  const expiring = { eventId: 'e-1', expirySeconds: 600 }

  expect(plain('t', 'on')).toEqual({ topic: 't', payload: 'on', retain: true })
  expect(state('t', '{}')).toEqual({
    topic: 't',
    payload: '{}',
    retain: true,
    json: true,
    userProperties: { schema: '1' },
  })
  const document = {
    topic: 't',
    payload: '{}',
    retain: false,
    json: true,
    expirySeconds: 600,
    userProperties: { schema: '1', event_id: 'e-1' },
  }
  expect(event('t', '{}', expiring)).toEqual({ ...document, event: true })
  expect(durable('t', '{}', expiring)).toEqual({ ...document, durable: true })
})

test('a second that has begun counts as left', () => {
  expect([1, 999, 1_000, 1_001].map((expiresAt) => secondsLeft({ expiresAt }, 0))).toEqual([1, 1, 1, 2])
})
