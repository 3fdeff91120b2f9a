import { expect, test } from 'vitest'
import { differences, field, sample, visit } from '../../support/visitor.ts'

const HOME = '/rest-e008/api/v3/accounts/8021/homescreen'

test.each([
  'homescreen-three-networks-two-modules',
  'homescreen-sm2-active-but-enabled-false',
  'homescreen-sm1-2020-not-compatible',
  'homescreen-old-module-without-local-storage-fields',
  'homescreen-tail-2024-app-update-required',
])('the home screen has every field of %s', async (name) => {
  await using world = await visit()

  const answer = await world.get(HOME)

  expect(answer.status).toBe(200)
  expect(differences(answer.json, sample(name).body)).toEqual([])
})

test('both versions of the home screen are served', async () => {
  await using world = await visit()

  const newer = await world.get(HOME.replace('v3', 'v4'))

  expect(newer.json).toEqual((await world.get(HOME)).json)
})

test('the headers have the ids of client and user', async () => {
  await using world = await visit()

  const { headers } = await world.get(HOME)

  expect(headers.get('client-id')).toMatch(/^\d+$/)
  expect(headers.get('user-id')).toMatch(/^\d+$/)
})

test('the demonstration account has one module of each kind', async () => {
  await using world = await visit()

  const home = (await world.get(HOME)).json

  expect(field(home, 'sync_modules')).toMatchObject([
    { name: 'Garage', type: 'sm2', local_storage_enabled: false, local_storage_status: 'active' },
    { name: 'Hall', local_storage_enabled: true, local_storage_status: 'memory_full' },
    { name: 'Barn', type: 'sm3', local_storage_status: 'unavailable' },
    { name: 'Shed', status: 'offline' },
    { name: 'Studio', type: 'kalahari', local_storage_compatible: false },
    { name: 'Guest House', network_id: 44112 },
    { name: 'Attic' },
    { name: 'Cabin', local_storage_enabled: true, local_storage_status: 'active' },
  ])
  expect(field(home, 'networks')).toMatchObject([{ name: 'Home' }, { name: 'Home' }, {}, {}, {}, {}, {}])
  expect(field(home, 'networks')).not.toContainEqual(expect.objectContaining({ id: 44112 }))
})

test('a module of the old kind has no storage fields at all', async () => {
  await using world = await visit()

  const home = (await world.get(HOME)).json

  const attic = Object.keys(Object(field(home, 'sync_modules.6')))
  expect(attic.filter((key) => key.startsWith('local_storage'))).toEqual([])
  const published = field(sample('homescreen-old-module-without-local-storage-fields').body, 'sync_modules.0')
  expect(attic.toSorted()).toEqual(Object.keys(Object(published)).toSorted())
})

test('what a test changes shows in the next home screen', async () => {
  await using world = await visit()
  const garage = world.simulator.module(44107, 350221)

  garage.change({ name: 'Carport', status: 'offline', storage: 'unmounted', extra: { vo9_compatible: true } })

  expect(field((await world.get(HOME)).json, 'sync_modules.0')).toMatchObject({
    name: 'Carport',
    status: 'offline',
    local_storage_status: 'unmounted',
    vo9_compatible: true,
  })
})

test('region and version are as those of the real cloud', async () => {
  await using world = await visit()

  const tier = await world.get('/rest-prod/api/v1/users/tier_info')
  const version = await world.get('/rest-prod/api/v1/version')

  expect(tier.json).toEqual({ tier: 'e008', account_id: 8021 })
  expect(differences(tier.json, sample('tier-info').body)).toEqual([])
  expect(version.json).toEqual(sample('version-ok').body)
})
