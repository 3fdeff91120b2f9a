/** Every document that the daemon can produce, held against the tables of Home Assistant. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type {
  AccountStatus,
  Message,
  ModuleRecord,
  Outcome,
  StorageStatus,
  SyncModule,
} from '../../src/model.ts'
import { accountState, bridgeInfo } from '../../src/mqtt/bridge-state.ts'
import { isOurs, objectIdOf, readableName, withMarkers } from '../../src/mqtt/home-assistant.ts'
import { moduleIdentity, moduleProgress } from '../../src/mqtt/module-state.ts'
import { plain } from '../../src/mqtt/topics.ts'
import { componentsOf, refusals } from '../home-assistant/acceptance.ts'
import { check, checkAll, documentOf } from '../home-assistant/checker.ts'
import { aModule, start } from '../samples.ts'
import { bridgeDocument, moduleDocument, topics } from './ha-documents.ts'
import { asked, fresh, viewOf } from './module-view.ts'

const id = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String)
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 50 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\u200B',
    '🏡🧑‍🚀'.repeat(900),
    'x'.repeat(10_240),
    'a\r\nb\u0007',
    '{{ 1 / 0 }}',
    '\uD800',
  ),
)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const storages: readonly (StorageStatus | undefined)[] = [
  'active',
  'memory_full',
  'format_required',
  'unmounted',
  'unavailable',
  'incompatible',
  'unknown',
  undefined,
]
const statuses: readonly AccountStatus[] = [
  'ok',
  'login_required',
  'two_factor_required',
  'throttled',
  'unreachable',
]
const outcomes: readonly (Outcome | undefined)[] = [
  'requested',
  'busy',
  'offline',
  'no_storage',
  'incompatible',
  'skipped',
  'throttled',
  'login_required',
  'unreachable',
  'error',
  'unknown',
  undefined,
]

const anyModule: fc.Arbitrary<SyncModule> = fc.record({
  accountId: id,
  networkId: id,
  syncModuleId: id,
  name: hostile,
  networkName: maybe(hostile),
  serial: maybe(hostile),
  model: maybe(hostile),
  firmware: maybe(hostile),
  connection: fc.constantFrom('online', 'offline', 'unknown'),
  onboarded: fc.boolean(),
  storage: fc.constantFrom(...storages),
})

test('whatever an owner calls a sync module, Home Assistant takes its document without a word', () => {
  fc.assert(
    fc.property(anyModule, (module) => {
      expect(check(moduleDocument(module))).toEqual([])
    }),
    { numRuns: 500 },
  )
})

test('a sync module whose name begins those of its entities gets a longer one', () => {
  const short = moduleDocument(aModule({ name: 'Last' }))

  expect(check(short)).toEqual([])
  expect(JSON.parse(short.payload)).toMatchObject({ device: { name: 'Sync Module Last' } })
})

test('the documents of a whole house fit together, however many accounts and modules there are', () => {
  const modules = fc.uniqueArray(anyModule, { selector: ({ syncModuleId }) => syncModuleId, maxLength: 8 })
  fc.assert(
    fc.property(modules, fc.uniqueArray(id, { maxLength: 5 }), (all, accounts) => {
      expect(checkAll([bridgeDocument(accounts), ...all.map(moduleDocument)])).toEqual([])
    }),
    { numRuns: 100 },
  )
})

const anyRecord: fc.Arbitrary<ModuleRecord> = fc.record({
  module: anyModule,
  missing: fc.nat(2),
  requestsTotal: fc.nat(),
  failuresInARow: fc.nat(),
  lastAttemptAt: maybe(fc.constant(start)),
  lastOutcome: fc.constantFrom(...outcomes),
  lastFailure: fc.constant(undefined),
  lastLatencyMs: maybe(fc.nat(60_000)),
  lastAccepted: fc.constantFrom(fresh.lastAccepted, asked.lastAccepted),
  recent: fc.constant([]),
})

test('every value that is published on a topic of a document is one that its entity accepts', () => {
  const worlds = fc.record({
    record: anyRecord,
    available: fc.boolean(),
    paused: fc.boolean(),
    accountStatus: fc.constantFrom(...statuses),
    everything: fc.boolean(),
    later: fc.constantFrom(0, 700_000),
    logLevel: fc.constantFrom('trace', 'debug', 'info', 'warn', 'error', 'silent'),
  })
  fc.assert(
    fc.property(worlds, ({ record, everything, later, logLevel, ...rest }) => {
      const view = viewOf(record, rest)
      const { accountId } = record.module
      const account = { status: rest.accountStatus, since: start, detail: undefined, retryAt: undefined }
      const said = [
        plain(topics.bridgeState, 'online'),
        bridgeInfo(topics, { ...info, logLevel }),
        accountState(topics, accountId, account),
        ...moduleIdentity(topics, view),
        ...moduleProgress(topics, view, { now: start, everything: true }),
        ...moduleProgress(topics, view, { now: start + later, everything }),
      ]
      const newest = (topic: string) => said.findLast((message) => message.topic === topic)?.payload
      const placed = componentsOf([bridgeDocument([accountId]), moduleDocument(record.module)])

      expect(placed.flatMap((one) => refusals(one, newest))).toEqual([])
    }),
    { numRuns: 500 },
  )
})

const info = {
  version: '1.2.3',
  installId: '7f3a9c01',
  startedAt: start,
  nextTickAt: undefined,
  settings: {},
}

const componentsIn = (message: Message) =>
  documentOf(message)?.components as Record<string, Record<string, unknown>>

test('the event opts out of availability, and what tells why a module is away looks at the bridge alone', () => {
  const {
    event,
    status,
    problem,
    storage,
    polling,
    request_now: button,
  } = componentsIn(moduleDocument(aModule()))
  const bridgeOnly = [{ topic: 'blink-manifestd/bridge/state' }]

  expect(event?.availability).toEqual([])
  for (const one of [status, problem, storage, polling]) expect(one?.availability).toEqual(bridgeOnly)
  expect(button).not.toHaveProperty('availability')
  expect(documentOf(moduleDocument(aModule()))).toMatchObject({
    availability: [...bridgeOnly, { topic: 'blink-manifestd/sync/8021/44107/350221/availability' }],
    availability_mode: 'all',
  })
})

test('neither name nor serial number nor base topic has a part in what an entity is known by', () => {
  const idsOf = (message: Message) => Object.values(componentsIn(message)).map((one) => one.unique_id)
  const other = aModule({ name: 'Attic', networkName: 'Elsewhere', serial: 'other', model: 'sm3' })

  expect(idsOf(moduleDocument(other))).toEqual(idsOf(moduleDocument(aModule())))
  expect(JSON.stringify(idsOf(moduleDocument(aModule())))).not.toMatch(/hall|home|G8V1|manifestd\//i)
})

test('a module without a readable name is called by its id, and a long one is cut', () => {
  const nameOf = (name: string) => documentOf(moduleDocument(aModule({ name })))?.device

  expect(nameOf('\u0000 \u200B')).toMatchObject({ name: 'Sync Module 350221' })
  expect(nameOf(' Garage\n(left)\t')).toMatchObject({ name: 'Garage (left)' })
  expect(readableName('😀'.repeat(5_000))).toBe('😀'.repeat(100))
})

test('a component that is no longer there, or is of another platform, is removed by a marker', () => {
  const before = {
    a: { platform: 'sensor', name: 'A' },
    b: { platform: 'sensor' },
    c: { platform: 'sensor' },
  }
  const now = { b: { platform: 'switch' }, c: { platform: 'sensor', name: 'C' } }

  expect(withMarkers(before, now)).toEqual({
    a: { platform: 'sensor' },
    b: { platform: 'sensor' },
    c: { platform: 'sensor', name: 'C' },
  })
  expect(withMarkers(now, now)).toBeUndefined()
})

test('our own documents are told from those of others by their topic', () => {
  expect(objectIdOf('homeassistant', 'homeassistant/device/blink_manifestd_1_2/config')).toBe(
    'blink_manifestd_1_2',
  )
  for (const topic of [
    'homeassistant/device//config',
    'homeassistant/device/a/b/config',
    'x/device/a/config',
  ]) {
    expect(objectIdOf('homeassistant', topic)).toBeUndefined()
  }
  expect(isOurs('7f3a9c01', 'blink_manifestd_7f3a9c01')).toBe(true)
  expect(isOurs('7f3a9c01', 'blink_manifestd_7f3a9c01_8021_1_2')).toBe(true)
  expect(isOurs('7f3a9c01', 'blink_manifestd_7f3a9c012')).toBe(false)
  expect(isOurs('7f3a9c01', 'blink_manifestd_7f3a9c02_8021_1_2')).toBe(false)
})
