import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { expect, test } from 'vitest'
import type { Fault, Misbehaviour } from '../../src/simulator/fault.ts'
import { fast, home, itemsSeen, manifestPath, requestCount, stem, workItems } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const withId = (id: string): Misbehaviour => ({ kind: 'wrong_type', text: `{"id":${id},"network_id":44001}` })

/** What can happen to a manifest request, and what must be published of it. */
const stories: readonly (readonly [Misbehaviour, string, RegExp?])[] = [
  [{ kind: 'html' }, 'unknown', /not JSON/],
  [{ kind: 'truncated' }, 'unknown', /closed the connection/],
  [withId('"670000777"'), 'requested'],
  [{ kind: 'wrong_type', body: { id: { is: 1 } } }, 'unknown', /`id` is missing or not what we know/],
  [{ kind: 'reset_before' }, 'unknown', /connection/],
  [withId('-5'), 'unknown', /`id` is missing or not what we know/],
  [{ kind: 'reset_after' }, 'unknown', /connection/],
  [withId('1.5'), 'unknown', /`id` is missing or not what we know/],
  [{ kind: 'huge', megabytes: 200 }, 'unknown', /longer answer than we read/],
  [withId('0'), 'unknown', /`id` is missing or not what we know/],
  [{ kind: 'drip', everyMs: 5_000 }, 'unknown', /did not answer in time/],
  [withId('9223372036854775807'), 'requested'],
  [{ kind: 'hang' }, 'unknown', /did not answer in time/],
  [{ kind: 'wrong_type' }, 'unknown', /not what we know/],
  [{ kind: 'garbage_http' }, 'unknown', /does not speak HTTP/],
  [{ kind: 'status', status: 200, text: '' }, 'unknown', /empty/],
  [{ kind: 'gzip_bomb', megabytes: 64 }, 'unknown', /compressed/],
  [{ kind: 'redirect_loop' }, 'error', /do not follow/],
  [
    { kind: 'status', status: 302, text: '{}', headers: { Location: '/elsewhere' } },
    'error',
    /do not follow/,
  ],
]

interface Line {
  readonly outcome: string
  readonly attempts: number
  readonly request_id_str: string | null
  readonly error: { readonly message: string } | null
}

mosquittoTest('whatever the cloud answers, it is reported and the next run is fine', async () => {
  const accounts = [home(stories.length)]
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts } })
  const observer = await world.observer()
  for (const [index, [misbehaviour]] of stories.entries()) {
    world.cloud.misbehave({ ...misbehaviour, path: manifestPath(index + 1), count: 1 } satisfies Fault)
  }

  const spoiled = await world.finish(['once', '--json'], { BLINK_TIMEOUT_SECONDS: '10' })
  const posts = requestCount(world.cloud, 'manifest-request')
  const lines = spoiled.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

  expect(spoiled.code).toBe(75)
  expect(lines.map(({ outcome }) => outcome)).toEqual(stories.map(([, outcome]) => outcome))
  for (const [index, [, , sentence]] of stories.entries()) {
    const { error } = lines[index] ?? {}
    if (sentence) expect(error?.message).toMatch(sentence)
    else expect(error).toBeNull()
  }
  // Where nobody can say whether the cloud has acted, nothing is sent twice.
  expect(posts).toBe(stories.length)
  expect(lines.every(({ attempts }) => attempts === 1)).toBe(true)
  await itemsSeen(observer, 2)
  expect(workItems(observer).map(({ request_id_str }) => request_id_str)).toEqual([
    '670000777',
    '9223372036854775807',
  ])
  const longest = observer.latest(`${stem(12)}/manifest/requested`)
  expect(longest).toContain('"request_id":9223372036854775807,')
  expect(longest).toContain('/manifest/request/9223372036854775807"')

  const next = await world.finish(['once', '--json'])
  expect(next.code).toBe(0)
  expect(next.stdout.match(/"outcome":"requested"/g)).toHaveLength(stories.length)
})

test('a redirect to another host is not followed, and no token gets there', async () => {
  const visits: IncomingHttpHeaders[] = []
  const elsewhere = createServer((request, response) => {
    visits.push(request.headers)
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  const address = elsewhere.address()
  const location = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
  await using world = await startWorld({ broker: false, simulator: { accounts: [home(1)] } })
  world.cloud.misbehave({ kind: 'redirect', location, path: '/homescreen', count: 1 })
  world.cloud.misbehave({ kind: 'redirect', status: 307, location, path: '/manifest/request', count: 1 })

  const daemon = world.start(['run'], fast)
  await until('both redirects', () => world.cloud.faults.length === 0, { state: daemon.stderr })
  await daemon.says('manifest requested')
  elsewhere.close()

  expect(visits).toEqual([])
})

mosquittoTest('a spoiled home screen costs one run and no module', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  await itemsSeen(observer, 2, daemon.stderr)
  await daemon.says('run done')
  const spoilings: readonly Misbehaviour[] = [{ kind: 'html' }, { kind: 'truncated' }]

  for (const spoiling of spoilings) {
    const before = workItems(observer).length
    world.cloud.misbehave({ ...spoiling, path: '/homescreen', count: 1 })
    await until('the spoiling', () => world.cloud.faults.length === 0, { state: daemon.stderr })
    await itemsSeen(observer, before + 2, daemon.stderr)
  }

  expect(observer.on('bridge/event').some(({ payload }) => payload.includes('sync_module_gone'))).toBe(false)
  expect(observer.seen.some(({ topic, payload }) => topic.endsWith('/info') && payload === '')).toBe(false)
})
