import { expect, test } from 'vitest'
import type { AccountSpec } from '../../../src/simulator/account-spec.ts'
import { startSimulator } from '../../../src/simulator/simulator.ts'
import { field, tokenFields, visit } from '../../support/visitor.ts'

test('the token line has all that a client needs, and special characters survive in it', async () => {
  const account = { id: 7, region: 'u011', refreshToken: 'a|b=c d', networks: [], modules: [] }
  await using simulator = await startSimulator({ accounts: [account] })

  expect(simulator.tokens()).toBe('refresh_token=a%7Cb%3Dc%20d|client_id=ios|region_id=u011|account_id=7')
  expect(tokenFields(simulator).get('refresh_token')).toBe('a|b=c d')
})

test('the addresses are those of one server', async () => {
  await using simulator = await startSimulator()

  expect(simulator.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(simulator.oauthUrl).toBe(simulator.url)
  expect(simulator.restUrl).toBe(`${simulator.url}/rest-{region}`)
})

test('a port that is taken is an error, not silence', async () => {
  await using simulator = await startSimulator()
  const port = Number(new URL(simulator.url).port)

  await expect(startSimulator({ port })).rejects.toThrow('EADDRINUSE')
})

test('modules come, move and go while it runs', async () => {
  await using world = await visit()
  const names = async () => {
    const home = (await world.get('/api/v3/accounts/8021/homescreen')).json
    return Object(field(home, 'sync_modules')).map((module: unknown) => field(module, 'name'))
  }

  world.simulator.addNetwork(8021, { id: 5, name: 'Cellar' })
  const cellar = world.simulator.addModule(8021, { id: 6, networkId: 5, name: 'Cellar' })
  expect(await names()).toContain('Cellar')
  cellar.change({ networkId: 44107 })
  expect(world.simulator.module(44107, 6).spec.name).toBe('Cellar')
  world.simulator.removeModule(44107, 6)
  expect(await names()).not.toContain('Cellar')
  expect(() => world.simulator.module(44107, 6)).toThrow('no sync module 44107/6')
})

test('an account that is not there is an error of the caller', async () => {
  await using simulator = await startSimulator()

  expect(() => simulator.tokens(1)).toThrow('no account 1')
})

test('every request is on record, with what it was for and what was answered', async () => {
  await using world = await visit()
  await world.get('/nowhere')

  expect(world.simulator.calls.map(({ kind, status }) => [kind, status])).toEqual([
    ['token', 200],
    ['unknown', 404],
  ])
  expect(world.simulator.calls.at(-1)).toMatchObject({
    at: world.time.now(),
    method: 'GET',
    path: '/nowhere',
  })
})

test('a request that began a command is on record with its id, even where the answer was lost', async () => {
  await using world = await visit()
  const path = '/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage/manifest/request'
  world.simulator.misbehave({ kind: 'reset_after', method: 'POST', count: 1 })
  await world.post(path).catch(() => undefined)
  world.simulator.module(44107, 350221).occupy(0)
  const answered = await world.post(path)

  const [lost, arrived] = world.simulator.calls.filter(({ kind }) => kind === 'manifest-request')
  expect(arrived?.commandId).toBe(field(answered.json, 'id'))
  expect(lost?.commandId).toBe(Number(arrived?.commandId) - 1)
  expect(arrived?.host).toBe(new URL(world.simulator.url).host)
})

test('a hundred thousand modules in two hundred accounts are no burden', async () => {
  const accounts = Array.from({ length: 200 }, (_, index) => fleetAccount(index + 1))
  await using world = await visit({ accounts })
  const last = world.simulator.tokens(200)

  const home = await world.get('/rest-e008/api/v3/accounts/1/homescreen')
  const request = await world.post(
    '/rest-e008/api/v1/accounts/1/networks/1001/sync_modules/1001/local_storage/manifest/request',
  )

  expect(field(home.json, 'sync_modules')).toHaveLength(500)
  expect(request.status).toBe(200)
  expect(last).toContain('account_id=200')
})

function fleetAccount(id: number): AccountSpec {
  const ids = Array.from({ length: 500 }, (_, index) => id * 1000 + index + 1)
  return {
    id,
    region: 'e008',
    networks: ids.map((network) => ({ id: network, name: `Network ${network}` })),
    modules: ids.map((module) => ({ id: module, networkId: module, name: `Module ${module}` })),
  }
}
