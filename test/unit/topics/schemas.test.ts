/** The schemas against the code that builds and reads these documents, and the checker that end-to-end tests use. */
import { expect, test } from 'vitest'
import { commands } from '../../../src/topics/command-schemas.ts'
import { isCommand, readCommand } from '../../../src/topics/commands.ts'
import { workItemMessage } from '../../../src/topics/events.ts'
import { workItem } from '../../../src/topics/schemas.ts'
import { topicsBelow } from '../../../src/topics/topics.ts'
import { issuesOf, type Published, parseDocument, violations } from '../../support/contract.ts'
import { anItem, start } from '../../support/samples.ts'

const topics = topicsBelow('b')
const stem = 'b/sync/8021/44107/350221'

test('an id beyond 2^53 keeps its digits from the work item to the schema', () => {
  const item = anItem({ eventId: '019dfa1e-9a56-7d5c-8f0e-5b1f6f0c2a11', requestId: '9223372036854775807' })

  const document = parseDocument(workItemMessage(topics, item, start).payload)

  expect(issuesOf(workItem, document)).toEqual([])
  expect(document).toMatchObject({ request_id: { rawJSON: '9223372036854775807' } })
})

const payloads = [
  '{}',
  '{"transaction": "abc"}',
  '{"transaction": 7}',
  '{"transaction": null}',
  `{"transaction": "${'x'.repeat(257)}"}`,
  '{"account_id": 8021}',
  '{"account_id": "8021", "network_id": 44107}',
  '{"account_id": 8021, "network_id": 44107, "sync_module_id": 9223372036854775807}',
  '{"network_id": 44107}',
  '{"account_id": 8021, "sync_module_id": 350221}',
  '{"account_id": 0}',
  '{"account_id": -1}',
  '{"account_id": 1.5}',
  '{"account_id": "x"}',
  '{"account_id": null}',
  '{"log_level": "debug"}',
  '{"log_level": "loud"}',
  '{"more": 1}',
  '[]',
  'null',
]

for (const verb of Object.keys(commands) as (keyof typeof commands)[]) {
  test(`the schema of ${verb} accepts what the daemon accepts, and nothing else`, () => {
    const isAccepted = (payload: string) => {
      const bytes = new TextEncoder().encode(payload)
      return isCommand(readCommand(topics, `b/bridge/request/${verb}`, bytes).command)
    }
    const fits = (payload: string) => issuesOf(commands[verb], parseDocument(payload)).length === 0

    expect(payloads.filter(fits)).toEqual(payloads.filter(isAccepted))
  })
}

const properties = { payloadFormatIndicator: true }
const documentProperties = { ...properties, contentType: 'application/json', userProperties: { schema: '1' } }
const account = '{"state":"ok","since":"2026-11-23T09:00:00.000Z","detail":null,"retry_at":null}'
const state: Published = {
  topic: 'b/account/8021/state',
  payload: account,
  retain: true,
  qos: 1,
  properties: documentProperties,
}
const requestId = {
  ...state,
  topic: `${stem}/request_id`,
  payload: '670555852',
  properties: { ...properties, messageExpiryInterval: 600 },
}
const published = workItemMessage(topics, anItem({ eventId: '019dfa1e-9a56-7d5c-8f0e-5b1f6f0c2a11' }), start)
const item = {
  topic: published.topic,
  payload: published.payload,
  retain: false,
  qos: 1,
  properties: {
    ...documentProperties,
    messageExpiryInterval: 600,
    userProperties: { ...published.userProperties },
  },
}

const good: readonly Published[] = [
  state,
  requestId,
  item,
  { ...requestId, payload: '', properties },
  { ...state, topic: `${stem}/manifest/pending`, payload: '[]' },
  { ...state, topic: 'elsewhere/account/8021/state', payload: 'anything' },
  { ...state, topic: 'b/bridge/request/dance', payload: 'no JSON' },
]

for (const message of good) {
  test(`the checker takes ${message.payload.slice(0, 20) || 'nothing'} on ${message.topic}`, () => {
    expect(violations(message, { base: 'b', protocolVersion: 5 })).toEqual([])
  })
}

const bad: readonly (readonly [message: Published, issue: string])[] = [
  [{ ...state, payload: account.replace('ok', 'fine') }, 'state Invalid option'],
  [{ ...state, payload: account.replace('{', '{"more":1,') }, 'Unrecognized key'],
  [{ ...state, payload: 'ok' }, 'no JSON'],
  [{ ...state, retain: false }, 'not retained'],
  [{ ...state, qos: 0 }, 'QoS 0'],
  [{ ...state, properties: { ...documentProperties, messageExpiryInterval: 60 } }, 'expires in 60 s'],
  [{ ...state, properties }, 'content type'],
  [{ ...state, topic: 'b/account/8021/mood' }, 'no topic of the contract'],
  [{ ...state, topic: 'b/answers/7' }, 'Invalid discriminator value'],
  [{ ...requestId, payload: '0x1' }, 'Invalid string'],
  [{ ...requestId, properties }, 'not within Infinity'],
  [{ ...item, retain: true }, 'retained'],
  [{ ...item, payload: '' }, 'empty'],
  [{ ...item, properties: { ...item.properties, messageExpiryInterval: 601 } }, 'not within 600'],
  [{ ...item, properties: { ...item.properties, userProperties: { schema: '1' } } }, 'event_id'],
]

for (const [message, issue] of bad) {
  test(`the checker finds "${issue}" on ${message.topic}`, () => {
    const found = violations(message, { base: 'b', protocolVersion: 5 })

    expect(found.join('\n')).toContain(issue)
    expect(found[0]).toContain(message.topic)
  })
}
