/** Every document that the daemon can produce, held against the tables of Home Assistant. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ClipCamera } from '../../../src/domain/clip.ts'
import type {
  AccountStatus,
  Message,
  ModuleRecord,
  ModuleReport,
  ModuleSnapshot,
  Outcome,
  StorageStatus,
  SyncModule,
} from '../../../src/domain/model.ts'
import { isOurs, objectIdOf, readableName, withMarkers } from '../../../src/homeassistant/documents.ts'
import { accountState, bridgeInfo, moduleIdentity, moduleProgress } from '../../../src/topics/state-topics.ts'
import { plain } from '../../../src/topics/topics.ts'
import { attributesOf, componentsOf, refusals } from '../../support/acceptance.ts'
import { anyCharacter } from '../../support/characters.ts'
import { check, checkAll, documentOf } from '../../support/checker.ts'
import { bridgeDocument, cameraDocument, moduleDocument, topics } from '../../support/ha-documents.ts'
import { newModule, requestedOnce, snapshotOf } from '../../support/module-snapshots.ts'
import { aModule, anItem, failed, recordAfter, requested, skipped, start } from '../../support/samples.ts'
import { render } from '../../support/template.ts'

const id = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String)
const hostile = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 300 }),
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

const anyOptions = fc.record({ severalNetworks: fc.boolean(), follows: fc.boolean() })
/** A camera of this module's network that has the module's name. */
const cameraOf = (module: SyncModule, camera = module.syncModuleId): ClipCamera => {
  const { accountId, networkId, syncModuleId, name } = module
  return { accountId, networkId, syncModuleId, camera, cameraName: name, moved: false }
}

test('Home Assistant takes the document of a sync module, whatever its name is', () => {
  fc.assert(
    fc.property(anyModule, (module) => {
      expect(check(moduleDocument(module))).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('with several networks a device name has its network, but not twice', () => {
  const nameOf = (name: string, networkName: string | undefined, severalNetworks: boolean) =>
    (
      documentOf(moduleDocument(aModule({ name, networkName }), { severalNetworks }))?.device as {
        name: string
      }
    ).name

  expect(nameOf('Hall', 'Home', false)).toBe('Hall')
  expect(nameOf('Hall', 'Home', true)).toBe('Hall (Home)')
  expect(nameOf('Home', 'Home', true)).toBe('Home')
  expect(nameOf('Hall', undefined, true)).toBe('Hall')
  expect(nameOf('Last', 'Home', false)).toBe('Last')
})

test('all documents fit together, however many accounts and modules there are', () => {
  const modules = fc.uniqueArray(anyModule, { selector: ({ syncModuleId }) => syncModuleId, maxLength: 8 })
  fc.assert(
    fc.property(modules, fc.uniqueArray(id, { maxLength: 5 }), anyOptions, (all, accounts, options) => {
      const documents = all.map((module) => moduleDocument(module, options))
      const cameras = all.map((module) => cameraDocument(cameraOf(module)))
      expect(checkAll([bridgeDocument(accounts), ...documents, ...cameras])).toEqual([])
    }),
    { numRuns: 40 },
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
  lastSkip: fc.constant(undefined),
  lastLatencyMs: maybe(fc.nat(60_000)),
  lastAccepted: fc.constantFrom(newModule.lastAccepted, requestedOnce.lastAccepted),
  recent: fc.constant([]),
})

test('every value published on a topic of a document is one that its entity accepts', () => {
  const states = fc.record({
    record: anyRecord,
    available: fc.boolean(),
    paused: fc.boolean(),
    accountStatus: fc.constantFrom(...statuses),
    everything: fc.boolean(),
    expired: fc.boolean(),
    later: fc.constantFrom(0, 700_000),
    logLevel: fc.constantFrom('trace', 'debug', 'info', 'warn', 'error', 'silent'),
  })
  fc.assert(
    fc.property(states, ({ record, everything, expired, later, logLevel, ...rest }) => {
      const snapshot = snapshotOf(record, rest)
      const { accountId } = record.module
      const account = {
        accountId,
        status: rest.accountStatus,
        since: start,
        detail: undefined,
        retryAt: undefined,
      }
      const published = [
        plain(topics.bridgeState, 'online'),
        bridgeInfo(topics, { ...info, logLevel }),
        accountState(topics, account),
        ...moduleIdentity(topics, snapshot),
        ...moduleProgress(topics, snapshot, { now: start, everything: true, expired: false }),
        ...moduleProgress(topics, snapshot, { now: start + later, everything, expired }),
      ]
      const newest = (topic: string) => published.findLast((message) => message.topic === topic)?.payload
      const placed = componentsOf([bridgeDocument([accountId]), moduleDocument(record.module)])

      expect(placed.flatMap((one) => refusals(one, newest))).toEqual([])
    }),
    { numRuns: 60 },
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

test('the event has no availability, diagnostic entities only that of the bridge', () => {
  const { event, request_now: button, ...others } = componentsIn(moduleDocument(aModule()))
  const { trg_requested, trg_failed, ...shown } = others
  const bridgeOnly = [{ topic: 'blink-manifestd/bridge/state' }]

  expect(event?.availability).toEqual([])
  for (const one of Object.values(shown)) expect(one.availability).toEqual(bridgeOnly)
  for (const one of [trg_requested, trg_failed]) expect(one).not.toHaveProperty('availability')
  expect(button).not.toHaveProperty('availability')
  expect(documentOf(moduleDocument(aModule()))).toMatchObject({
    availability: [...bridgeOnly, { topic: 'blink-manifestd/sync/8021/44107/350221/availability' }],
    availability_mode: 'all',
  })
})

const placedIn = (message: Message, id: string) => {
  const found = componentsOf([message]).find(({ place }) => place.endsWith(` ${id}`))
  if (!found) throw new Error(`no component ${id}`)
  return found
}
const shownOf = (id: string, payload: string, message = moduleDocument(aModule())) =>
  render(String(placedIn(message, id).component.value_template), payload)
const stateAfter = (report: ModuleReport, differing: Partial<ModuleSnapshot> = {}) => {
  const snapshot = snapshotOf(recordAfter(requestedOnce, report), differing)
  return moduleProgress(topics, snapshot, { now: start, everything: false, expired: false })[0]?.payload ?? ''
}

test('a run that changes only times and counters changes no attribute of the status', () => {
  const attributes = (seconds: number, lastLatencyMs: number) => {
    const at = start + seconds * 1000
    const snapshot = snapshotOf(
      { ...requestedOnce, lastAttemptAt: at, lastLatencyMs, requestsTotal: seconds },
      { nextAttemptAt: at },
    )
    const [state] = moduleProgress(topics, snapshot, { now: start, everything: false, expired: false })
    return attributesOf(placedIn(moduleDocument(aModule()), 'status'), state?.payload ?? '')
  }

  expect(attributes(0, 120)).toEqual({ last_outcome: 'requested', error_code: null })
  expect(attributes(300, 95)).toEqual(attributes(0, 120))
})

test('the next request, the last error and a removed drive are shown', () => {
  const failing = stateAfter(
    failed({ failure: { code: 'cloud_refused', message: 'x'.repeat(300), retryable: false } }),
  )

  expect(shownOf('next_request', stateAfter(requested()))).toBe('2026-11-23T09:05:00.000Z')
  expect(shownOf('next_request', stateAfter(requested(), { nextAttemptAt: undefined }))).toBe('None')
  expect(shownOf('last_error', failing)).toBe('x'.repeat(250))
  expect(shownOf('last_error', stateAfter(requested()))).toBe('None')
  expect(shownOf('problem', stateAfter(skipped('no_storage', { outcome: 'no_storage' })))).toBe('ON')
  expect(shownOf('problem', stateAfter(skipped('incompatible', { outcome: 'incompatible' })))).toBe('OFF')
})

test('the request ID has the expiry and the poll path of the newest item as attributes', () => {
  const later = anItem({ requestId: '670555853', requestedAt: start + 60_000 })
  const record = recordAfter(requestedOnce, requested(later))
  const published = moduleProgress(topics, snapshotOf(record), {
    now: start,
    everything: false,
    expired: false,
  })
  const payload = published.find(({ topic }) => topic.endsWith('manifest/pending'))?.payload ?? ''
  const id = placedIn(moduleDocument(aModule()), 'request_id')

  expect(attributesOf(id, payload)).toEqual({
    expires_at: '2026-11-23T09:11:00.000Z',
    poll_path: later.pollPath,
  })
  expect(attributesOf(id, '[]')).toEqual({})
})

test('an event that repeats the last one changes no entity, any other does', () => {
  const first = '{"event_type":"manifest_request_skipped","request_id":9223372036854775807}'
  const again = '{"event_type":"manifest_request_skipped","reason":"offline","repeated":true}'
  const other = again.replace('true', 'false')

  expect([first, other].map((payload) => shownOf('event', payload))).toEqual([first, other])
  expect(shownOf('event', again)).toBe('None')
})

test('the state of an account is no attribute of its entity, the rest is', () => {
  const state = {
    accountId: '8021',
    status: 'throttled',
    since: start,
    detail: 'too many requests',
    retryAt: start,
  } as const
  const { payload } = accountState(topics, state)

  expect(attributesOf(placedIn(bridgeDocument(), 'account_8021'), payload)).toEqual({
    since: '2026-11-23T09:00:00.000Z',
    detail: 'too many requests',
    retry_at: '2026-11-23T09:00:00.000Z',
  })
})

test('a unique id contains no name, no serial number and no base topic', () => {
  const idsOf = (message: Message) => Object.values(componentsIn(message)).map((one) => one.unique_id)
  const other = aModule({ name: 'Attic', networkName: 'Elsewhere', serial: 'other', model: 'sm3' })

  expect(idsOf(moduleDocument(other))).toEqual(idsOf(moduleDocument(aModule())))
  expect(JSON.stringify(idsOf(moduleDocument(aModule())))).not.toMatch(/hall|home|G8V1|manifestd\//i)
})

test('a module without a readable name is named by its id, and a long name is cut', () => {
  const nameOf = (name: string) => documentOf(moduleDocument(aModule({ name })))?.device

  expect(nameOf('\u0000 \u200B')).toMatchObject({ name: 'Sync Module 350221' })
  expect(nameOf(' Garage\n(left)\t')).toMatchObject({ name: 'Garage (left)' })
  expect(readableName('😀'.repeat(5_000))).toBe('😀'.repeat(100))
})

test('a component that is gone or of another platform is removed by a marker', () => {
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

test('our documents are known by their topic', () => {
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
