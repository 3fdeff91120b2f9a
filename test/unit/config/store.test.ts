import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { showConfig } from '../../../src/config/load.ts'
import { instanceOf } from '../../../src/config/store-formats.ts'
import { directoryWith, load, originOf, problemsOf } from '../../support/place.ts'

const secret = 'hunter2-correct-horse'
const key = Buffer.alloc(32, 7).toString('base64')
const url = `postgres://blink:${secret}@db.lan:5432/blink?sslmode=verify-full`

test('without a store nothing of it is shown, not even the name of the host', () => {
  const loaded = load()

  expect(loaded.settings.store).toEqual({ url: undefined, key: undefined, schema: 'blink_manifestd' })
  expect(loaded.settings.fleet.instance).toBe(instanceOf(hostname()))
  expect(originOf(loaded, 'fleet.instance')).toEqual({
    name: 'fleet.instance',
    value: null,
    origin: 'default',
  })
})

test('URL and key come from files, and nothing shows them', () => {
  const cwd = directoryWith({ url: `${url}\n`, key: `${key}\n` })

  const loaded = load({ cwd, env: { STORE_URL_FILE: 'url', STORE_KEY_FILE: 'key' } })

  expect(loaded.settings.store.url?.reveal()).toBe(url)
  expect(loaded.settings.store.key?.reveal()).toBe(key)
  const shown = showConfig(loaded, 'yaml') + showConfig(loaded, 'json')
  expect(shown).toContain('[secret]')
  expect(shown).not.toContain(secret)
  expect(shown).not.toContain(key)
  expect(originOf(loaded, 'fleet.instance')?.value).toBe(instanceOf(hostname()))
})

test.for([
  `mysql://blink:${secret}@db/blink`,
  `postgres:/blink:${secret}@db/blink`,
  `postgres://blink:${secret}/1@db/blink`,
  `postgres://${secret}/1@db/blink`,
  `postgres://blink:${secret}@db/blink#x`,
  `postgres://blink:%zz${secret}@db/blink`,
  `postgres://blink:${secret}@db`,
  `postgres://blink:${secret}@db/`,
  `postgres://blink:${secret}@db/one/two`,
  `postgres:///${secret}`,
  `postgres://blink:${secret} @db/blink`,
  `postgres://blink:${secret}@db/blink?sslmode=${secret}`,
  secret,
])('a URL that is none of PostgreSQL is refused without repeating it: %s', (given) => {
  const problems = problemsOf({ env: { STORE_URL: given, STORE_KEY: key } })

  expect(problems).toMatchObject([{ place: 'store.url (environment STORE_URL)' }])
  expect(JSON.stringify(problems)).not.toContain(secret)
})

test.for([
  'postgres://db/blink',
  'postgresql://blink@[::1]:5433/blink',
  'postgres:///blink?host=/var/run/postgresql',
  'postgres://blink:p%40ss@db/blink?sslmode=disable',
])('a URL as libpq takes it is taken: %s', (given) => {
  expect(load({ env: { STORE_URL: given, STORE_KEY: key } }).settings.store.url?.reveal()).toBe(given)
})

test.for([
  Buffer.alloc(31).toString('base64'),
  Buffer.alloc(33).toString('base64'),
  Buffer.alloc(32).toString('hex'),
  `${key.slice(0, -1)}!`,
  ` ${key}`,
])('a key that is not 32 bytes in base64 is refused without repeating it: %s', (given) => {
  const problems = problemsOf({ env: { STORE_URL: url, STORE_KEY: given } })

  expect(problems).toMatchObject([{ place: 'store.key (environment STORE_KEY)' }])
  expect(problems[0]?.message).toContain('must be 32 bytes in base64')
  expect(JSON.stringify(problems)).not.toContain(given)
})

test('a URL without a key is refused, and a key without a URL is of no use', () => {
  expect(problemsOf({ env: { STORE_URL: url } })).toEqual([
    {
      place: 'store.url (environment STORE_URL)',
      message: 'needs store.key or store.keyFile with it; `blink-manifestd store key` prints a new key',
    },
  ])
  expect(load({ env: { STORE_KEY: key, FLEET_INSTANCE: 'one' } }).warnings).toEqual([
    'store.key (environment STORE_KEY) has no effect without store.url',
    'fleet.instance (environment FLEET_INSTANCE) has no effect without store.url',
  ])
})

test('a built-in broker for each of several daemons is refused', () => {
  expect(problemsOf({ env: { STORE_URL: url, STORE_KEY: key, MQTT_URL: 'embedded' } })).toEqual([
    {
      place: 'mqtt.url (environment MQTT_URL)',
      message: expect.stringContaining('a broker that all daemons reach'),
    },
  ])
})

test.for([
  ['blink.lan', 'blink.lan'],
  ['Anna’s Mac/#1+', 'Anna-s-Mac--1-'],
  ['', 'instance'],
  ['x'.repeat(100), 'x'.repeat(63)],
])('the host name %s is %s in topics', ([host = '', instance]) => {
  expect(instanceOf(host)).toBe(instance)
})
