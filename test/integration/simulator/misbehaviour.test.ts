import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { field, MODULE, type Visit, visit } from '../../support/visitor.ts'

const REQUEST = `${MODULE}/manifest/request`

/** Whether the module was set to work, whatever was answered. */
const wasDone = (world: Visit) => world.simulator.module(44107, 350221).busy

test('a status, a body and headers of choice', async () => {
  await using world = await visit()
  world.simulator.misbehave({
    kind: 'status',
    status: 429,
    body: { code: 111 },
    headers: { 'Retry-After': '30' },
  })

  const answer = await world.post(REQUEST)

  expect(answer).toMatchObject({ status: 429, json: { code: 111 } })
  expect(answer.headers.get('retry-after')).toBe('30')
  expect(wasDone(world)).toBe(false)
})

test.each([
  '{"id": 9007199254740993}',
  '{"id":"670555852"}',
  '{"id":-1}',
  '{"id":1.5}',
  '',
])('the text %s goes out as it is', async (text) => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'status', status: 200, text })

  expect(await world.post(REQUEST)).toMatchObject({ status: 200, text, type: 'application/json' })
})

test('a request can be done although the answer says otherwise', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'status', status: 502, done: true })

  expect((await world.post(REQUEST)).status).toBe(502)
  expect(wasDone(world)).toBe(true)
})

test('a status without a body has none', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'status', status: 204, count: 1 })

  const answer = await world.post(REQUEST)

  expect(answer).toMatchObject({ status: 204, text: '' })
  expect(answer.headers.has('content-length')).toBe(false)
  expect((await world.get('/networks')).status).toBe(200)
})

test('the edge refuses in plain text', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'edge', count: 1 })
  world.simulator.misbehave({ kind: 'edge', status: 403 })

  expect(await world.post(REQUEST)).toMatchObject({ status: 406, type: 'text/plain; charset=utf-8' })
  expect(await world.post(REQUEST)).toMatchObject({ status: 403, json: undefined })
})

test('busy without being so, a page for people, JSON of another shape', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'busy', count: 1 })
  world.simulator.misbehave({ kind: 'html', status: 503, count: 1 })
  world.simulator.misbehave({ kind: 'wrong_type', count: 1 })

  expect((await world.post(REQUEST)).json).toMatchObject({ code: 307 })
  expect(await world.post(REQUEST)).toMatchObject({ status: 503, type: 'text/html; charset=utf-8' })
  expect(await world.post(REQUEST)).toMatchObject({ status: 200, json: [] })
  expect(wasDone(world)).toBe(false)
})

test('half an answer, after all was done', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'truncated' })

  await expect(world.post(REQUEST)).rejects.toThrow('terminated')
  expect(wasDone(world)).toBe(true)
})

test.each([
  ['reset_before', false],
  ['reset_after', true],
] as const)('with %s the request was done: %s', async (kind, done) => {
  await using world = await visit()
  world.simulator.misbehave({ kind })

  await expect(world.post(REQUEST)).rejects.toThrow('fetch failed')
  expect(wasDone(world)).toBe(done)
})

test('a lost refresh has used the refresh token up', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'lose_answer_of_refresh', count: 1 })
  const line = world.simulator.tokens()

  await expect(world.token()).rejects.toThrow('fetch failed')

  expect(world.simulator.tokens()).not.toBe(line)
})

test('a fault can be meant for the refresh of one account', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'edge', accountId: 9, path: '/oauth/token' })
  world.simulator.addAccount({ id: 9, region: 'u011', refreshToken: 'nine', networks: [], modules: [] })

  expect((await world.token({ refresh_token: 'nine' })).status).toBe(406)
  expect((await world.token()).status).toBe(200)
})

test('a slow answer comes when its time has come', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'slow', delayMs: 5_000 })

  const answer = world.get('/networks')
  await until(() => world.time.waiting === 1)
  world.time.advance(5_000)

  expect((await answer).status).toBe(200)
})

test('an answer can come a byte at a time', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'drip', everyMs: 1_000 })

  const answer = world.get('/api/v2/videos/count')
  for (let byte = 0; byte < '{"count":0}'.length; byte += 1) {
    await until(() => world.time.waiting === 1)
    world.time.advance(1_000)
  }

  expect((await answer).json).toEqual({ count: 0 })
})

test('hanging requests do not keep the simulator from closing', async () => {
  const world = await visit()
  world.simulator.misbehave({ kind: 'hang' })
  const answer = world.post(REQUEST).catch((error: unknown) => error)
  await until(() => world.simulator.calls.at(-1)?.fault === 'hang')

  await world.simulator.close()

  expect(await answer).toBeInstanceOf(TypeError)
})

test('a huge body and a small one that unpacks to a huge one', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'huge', megabytes: 2, count: 1 })
  world.simulator.misbehave({ kind: 'gzip_bomb', megabytes: 3, count: 1 })

  const huge = await world.post(REQUEST)
  const bomb = await world.post(REQUEST)

  expect(field(huge.json, 'padding')).toHaveLength(2 * 1024 * 1024)
  expect(field(bomb.json, 'padding')).toHaveLength(3 * 1024 * 1024)
  expect(bomb.headers.get('content-encoding')).toBe('gzip')
})

test('redirects lead to the given place, or round in circles', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'redirect', location: '/api/v1/version', count: 1 })
  const led = await world.get('/networks')
  world.simulator.misbehave({ kind: 'redirect_loop' })

  expect(led.json).toMatchObject({ message: 'OK' })
  await expect(world.get('/networks')).rejects.toThrow('fetch failed')
})

test('something that is no HTTP', async () => {
  await using world = await visit()
  world.simulator.misbehave({ kind: 'garbage_http' })

  const { port } = new URL(world.simulator.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.end('GET /networks HTTP/1.1\r\nHost: x\r\n\r\n')
  const received = await socket.setEncoding('latin1').toArray()

  expect(received.join('')).toMatch(/^SSH-2\.0-/)
})

/** Lets the sockets do their work until something has happened; the test's own time limit ends it. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}
