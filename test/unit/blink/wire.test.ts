import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson } from '../../../src/blink/response.ts'
import {
  accountIdOf,
  readHomescreen,
  readManifestRequest,
  readTierInfo,
  readTokens,
} from '../../../src/blink/wire.ts'
import { CloudChanged } from '../../../src/domain/errors.ts'

const modules = (...entries: unknown[]) =>
  readHomescreen({ sync_modules: entries, networks: [] }, '8021').modules
const entry = { id: 350221, network_id: 44107, name: 'Hall', status: 'online' }

test('an id keeps all its digits', () => {
  expect(readManifestRequest(parseJson('{"id":9223372036854775807}'))).toBe('9223372036854775807')
  expect(readManifestRequest({ id: 670555852, network_id: null })).toBe('670555852')
  expect(readManifestRequest({ id: '670555852' })).toBe('670555852')
})

test.each([
  '0',
  '-1',
  '1.5',
  '1e3',
  '4.0',
  'true',
  'null',
  '""',
  '"01"',
  '" 1"',
  '"1e3"',
  '[1]',
  '{}',
  '1e400',
  '123456789012345678901',
  '"１"',
])('an id of %s is none, and something was made all the same', (id) => {
  const error = caught(() => readManifestRequest(parseJson(`{"id":${id}}`)))

  expect(error).toMatchObject({ outcome: 'unknown', retryable: false })
  expect(error.message).toBe('manifest request: in the answer, `id` is missing or not what we know')
})

test('any positive integer of up to 64 bits is an id', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (id) => {
      expect(readManifestRequest(parseJson(`{"id":${id}}`))).toBe(String(id))
    }),
  )
})

test('an answer without what we need names the field and nothing else', () => {
  for (const answer of [undefined, 7, 'sesame', [], { tier: 'evil.example/' }, { tier: 8 }]) {
    expect(caught(() => readTierInfo(answer)).message).not.toMatch(/sesame|evil/)
  }
  expect(caught(() => readTierInfo({})).message).toContain('`tier`')
  expect(caught(() => accountIdOf(readTierInfo({ tier: 'E008', account_id: -1 }))).message).toContain(
    '`account_id`',
  )
})

test('tokens are read under either name, and print as secrets', () => {
  const tokens = readTokens({ token: 'a.b-c', refresh_token: null, expires_in: '14400' })

  expect(tokens.accessToken.reveal()).toBe('a.b-c')
  expect(tokens.refreshToken).toBeUndefined()
  expect(tokens.lifeMs).toBe(14_400_000)
  expect(JSON.stringify(tokens)).not.toContain('a.b-c')
})

test.each([
  [undefined, 3600],
  [null, 3600],
  [0, 3600],
  [-5, 3600],
  ['soon', 3600],
  [5, 60],
  [14400, 14400],
  ['3600.0', 3600],
  [1e12, 86400],
])('a life of %j is taken for %i seconds', (expires, seconds) => {
  expect(readTokens({ access_token: 'x', expires_in: expires }).lifeMs).toBe(seconds * 1000)
})

test.each([
  undefined,
  '',
  7,
  'a b',
  'a\r\nhost: evil',
  'ü',
])('a token that is no token is none: %j', (access_token) => {
  expect(() => readTokens({ access_token })).toThrow(CloudChanged)
})

test('a module needs its two ids and nothing else', () => {
  expect(modules({ id: 1, network_id: 2 })).toEqual([
    {
      accountId: '8021',
      networkId: '2',
      syncModuleId: '1',
      name: 'Sync Module 1',
      networkName: undefined,
      serial: undefined,
      model: undefined,
      firmware: undefined,
      connection: 'unknown',
      onboarded: true,
      storage: undefined,
    },
  ])
})

test('entries may be wrapped, and call their network by the shorter name', () => {
  expect(
    modules({ sync_module: entry }, { id: 9, network: 8 }).map(({ syncModuleId }) => syncModuleId),
  ).toEqual(['350221', '9'])
})

test('an entry without ids is left out and counted, and hides no other', () => {
  const read = readHomescreen({ sync_modules: [null, 7, { name: 'x' }, entry, { ...entry, id: -1 }] }, '8021')

  expect(read.modules.map(({ name }) => name)).toEqual(['Hall'])
  expect(read.unreadable).toBe(4)
})

test('a list of which not one entry can be read is not a home without modules', () => {
  expect(() => modules({ module: 1 }, { module: 2 })).toThrow(CloudChanged)
})

test('the same module twice is one module, and the same name twice is two', () => {
  expect(modules(entry, entry).length).toBe(1)
  expect(modules(entry, { ...entry, id: 350222 }, { ...entry, network_id: 44108 }).length).toBe(3)
})

test.each([
  [{ sync_modules: null }, 0],
  [{ sync_modules: [] }, 0],
  [{ networks: [] }, 0],
  [{ sync_modules: null, networks: null }, 0],
  [{ sync_modules: [entry], networks: 'none' }, 1],
  [{ sync_modules: [entry], networks: [null, { id: 'x' }, { id: 44107 }] }, 1],
])('a home screen may have as little as %j', (json, count) => {
  expect(readHomescreen(json, '8021').modules.length).toBe(count)
})

test.each([
  {},
  { sync_modules: 7 },
  { sync_modules: { a: entry } },
  [],
  null,
  { networks: 'none' },
])('a home screen without lists is none: %j', (json) => {
  expect(() => readHomescreen(json, '8021')).toThrow(CloudChanged)
})

test('networks lend their names by id, and two of one name are no trouble', () => {
  const networks = [
    { id: 44107, name: 'Home' },
    { id: 44108, name: 'Home' },
  ]
  const read = readHomescreen({ sync_modules: [entry, { ...entry, network_id: 1 }], networks }, '8021')

  expect(read.modules.map(({ networkName }) => networkName)).toEqual(['Home', undefined])
})

test.each([
  [7, '7'],
  [true, 'true'],
  ['  ', 'Sync Module 350221'],
  [null, 'Sync Module 350221'],
  [{}, 'Sync Module 350221'],
  ['<b>"ü"\n', '<b>"ü"\n'],
  ['\ud800x', '\ufffdx'],
  ['🏠'.repeat(300), '🏠'.repeat(200)],
])('a name of %j is %j', (name, expected) => {
  expect(modules({ ...entry, name })[0]?.name).toBe(expected)
})

test.each([
  ['online', 'online'],
  ['done', 'online'],
  ['offline', 'offline'],
  ['ONLINE?', 'unknown'],
  [undefined, 'unknown'],
])('a status of %j is "%s"', (status, expected) => {
  expect(modules({ ...entry, status })[0]?.connection).toBe(expected)
})

test.each([
  ['active', undefined, 'active'],
  ['memory_full', true, 'memory_full'],
  ['ready', true, 'unknown'],
  [undefined, true, undefined],
  [null, undefined, undefined],
  ['unavailable', true, 'unavailable'],
  ['unavailable', false, 'incompatible'],
  [undefined, false, 'incompatible'],
  ['active', false, 'active'],
])('storage "%s", compatible %s, is "%s"', (local_storage_status, local_storage_compatible, expected) => {
  expect(modules({ ...entry, local_storage_status, local_storage_compatible })[0]?.storage).toBe(expected)
})

test('only a plain "no" means not onboarded', () => {
  const onboarded = (value: unknown) => modules({ ...entry, onboarded: value })[0]?.onboarded

  expect([true, false, null, undefined].map(onboarded)).toEqual([true, false, true, true])
})

function caught(work: () => unknown): CloudChanged {
  try {
    work()
  } catch (error) {
    if (error instanceof CloudChanged) return error
    throw error
  }
  throw new Error('that was no error')
}
