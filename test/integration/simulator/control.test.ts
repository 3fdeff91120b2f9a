import { expect, test } from 'vitest'
import { field, visit } from '../../support/visitor.ts'

test('the help page shows how to sign in, what there is and what goes wrong', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'busy', path: /request$/ })

  const { text, type } = await world.get('/simulator')

  expect(type).toBe('text/plain; charset=utf-8')
  expect(text).toContain(`BLINK_TOKENS='${world.simulator.tokens()}'`)
  expect(text).toContain('44107/350221 Garage (sm2): online, storage active')
  expect(text).toContain('{"kind":"busy","path":"/request$/"}')
  expect(text).toContain(`${world.simulator.url}/rest-{region}`)
})

test('faults are switched on and off by HTTP', async () => {
  await using world = await visit()

  const on = await world.send('POST', '/simulator/misbehave', '{"kind":"html","path":"/networks"}')
  const spoiled = await world.get('/networks')
  const off = await world.post('/simulator/calm')
  const well = await world.get('/networks')

  expect(on.json).toEqual({ faults: [{ kind: 'html', path: '/networks' }] })
  expect(spoiled.type).toBe('text/html; charset=utf-8')
  expect(off.json).toEqual({ faults: [] })
  expect(well.status).toBe(200)
})

test('a module is changed by HTTP', async () => {
  await using world = await visit()

  const changed = await world.send('PATCH', '/simulator/modules/44107/350221', '{"status":"offline"}')

  expect(changed.json).toMatchObject({ name: 'Garage', status: 'offline' })
  expect(world.simulator.module(44107, 350221).spec.status).toBe('offline')
})

test('calls are shown, and the pages of the simulator are not among them', async () => {
  await using world = await visit()
  await world.get('/networks?x=1')

  const calls = field((await world.get('/simulator/calls')).json, 'calls')

  expect(calls).toMatchObject([
    { kind: 'token', status: 200, accountId: 8021 },
    { kind: 'networks', method: 'GET', path: '/networks?x=1', status: 200, accountId: 8021 },
  ])
})

test.each([
  ['POST', '/simulator/misbehave', '{"kind":"nap"}', 400],
  ['POST', '/simulator/misbehave', 'kind=nap', 400],
  ['PATCH', '/simulator/modules/44107/350221', '{"id":1}', 400],
  ['PATCH', '/simulator/modules/44107/1', '{}', 404],
  ['POST', '/simulator/modules/44107/350221', '{}', 405],
  ['POST', '/simulator/calls', '', 405],
  ['POST', '/simulator/nothing', '', 404],
])('%s %s with %s is refused with %d and a reason', async (method, path, body, status) => {
  await using world = await visit()

  const answer = await world.send(method, path, body)

  expect(answer.status).toBe(status)
  expect(answer.text.length).toBeGreaterThan(10)
})
