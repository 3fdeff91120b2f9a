import { expect, test } from 'vitest'
import { health as healthSchema } from '../../../src/topics/command-schemas.ts'
import { clipState, manifestPending, moduleInfo, moduleState } from '../../../src/topics/schemas.ts'
import { metricsFixture } from '../../support/metrics-fixture.ts'
import { newModule, requestedOnce, snapshotOf } from '../../support/module-snapshots.ts'
import { anAccount, openPage, type PageOptions } from '../../support/page.ts'
import {
  aModule,
  anItem,
  newRecord,
  recordAfter,
  requested,
  someClips,
  start,
} from '../../support/samples.ts'

const password = { WEB_PASSWORD: 'a long password' }
const never = {
  connected: false,
  protocol: undefined,
  since: start,
  lastError: 'ECONNREFUSED',
  reconnects: 0,
}
const away = { ...never, protocol: 5 } as const

async function readiness(options: PageOptions) {
  const { status, text } = await openPage(options).get('/readyz')
  return [status, JSON.parse(text) as unknown]
}

test('the process is healthy as soon as it answers, whatever its parts do', async () => {
  const page = openPage({
    env: password,
    health: { broker: never, store: { state: 'failing', detail: 'full' } },
  })

  expect(await page.get('/healthz')).toMatchObject({ status: 200, text: 'ok\n' })
})

test('it is ready when the disk takes writes and the broker was reached', async () => {
  expect(await readiness({})).toEqual([200, { status: 'ready', reasons: [] }])
})

test('it is not ready before the first connection, or while the disk fails', async () => {
  const full = { state: 'failing', detail: 'a path of the owner' } as const

  const found = await readiness({ health: { broker: never, store: full } })

  expect(found).toEqual([503, { status: 'not_ready', reasons: ['store', 'broker_never_connected'] }])
})

test('what only a person or time can mend is degraded, and still ready', async () => {
  const needy = { ...anAccount, status: 'login_required' } as const
  const paused = { ...anAccount, accountId: '8022', status: 'throttled' } as const

  expect(await readiness({ accounts: [needy, needy, paused], health: { broker: away } })).toEqual([
    200,
    { status: 'degraded', reasons: ['broker_away', 'login_required', 'throttled'] },
  ])
  expect(await readiness({ accounts: [] })).toEqual([200, { status: 'degraded', reasons: ['no_account'] }])
})

test('metrics are for this machine alone, without its password', async () => {
  const { metrics } = metricsFixture()
  const page = openPage({ env: password, metrics })

  const here = await page.get('/metrics')
  const elsewhere = await page.visitor({ peer: '192.168.1.9' }, '192.168.1.2:8090').get('/metrics')
  const proxied = await page.get('/metrics', { 'x-forwarded-for': '192.168.1.9' })

  expect([here.status, here.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ])
  expect(here.text).toContain('blink_manifestd_build_info{version="1.2.3"} 1')
  expect([elsewhere.status, proxied.status]).toEqual([403, 403])
})

test('metrics may be for all, or for nobody', async () => {
  const { metrics } = metricsFixture()
  const elsewhere = { peer: '192.168.1.9' }
  const all = openPage({ env: { WEB_METRICS: 'all' }, metrics }).visitor(elsewhere, '192.168.1.2:8090')

  expect((await all.get('/metrics')).status).toBe(200)
  expect((await openPage({ env: { WEB_METRICS: 'off' } }).get('/metrics')).status).toBe(404)
})

test('the status has the documents of the topics, module by module', async () => {
  const clips = snapshotOf(newRecord(aModule({ syncModuleId: '2' })), { clips: someClips })
  const { text, headers } = await openPage({ modules: [snapshotOf(requestedOnce), clips] }).get(
    '/api/v1/status',
  )

  const status = JSON.parse(text) as {
    readonly health: unknown
    readonly modules: readonly Readonly<Record<string, unknown>>[]
  }
  const [first = {}, second = {}] = status.modules
  expect(headers.get('content-type')).toBe('application/json')
  expect(healthSchema.parse(status.health)).toMatchObject({ version: '1.2.3' })
  expect(first).toMatchObject({ sync_module_id: 350221, availability: 'online', request_id: '670555852' })
  for (const module of status.modules) {
    moduleInfo.parse(module.info)
    moduleState.parse(module.state)
  }
  manifestPending.parse(first['manifest/pending'])
  clipState.parse(second.clips)
  expect([second.request_id, second['manifest/pending']]).toEqual([null, []])
})

test('the status keeps all digits of an id', async () => {
  const item = anItem({ requestId: '9007199254740995' })
  const module = snapshotOf(recordAfter(newModule, requested(item)))

  const { text } = await openPage({ modules: [module] }).get('/api/v1/status')

  expect(text).toContain('"request_id":9007199254740995,')
})

test('the status needs the password, which a program sends with its request', async () => {
  const page = openPage({ env: password })
  const as = (typed: string) => ({ authorization: `Basic ${Buffer.from(`:${typed}`).toString('base64')}` })

  const without = await page.get('/api/v1/status')
  const wrong = await page.get('/api/v1/status', as('another'))
  const right = await page.get('/api/v1/status', as('a long password'))
  const elsewhere = await page.get('/', as('a long password'))

  expect([without.status, wrong.status, right.status, elsewhere.status]).toEqual([401, 401, 200, 401])
  expect(wrong.text).toBe('This is not the password.\n')
})

test('a program that guesses passwords is slowed down like a person', async () => {
  const page = openPage({ env: password })
  const as = (typed: string) => ({ authorization: `Basic ${Buffer.from(`:${typed}`).toString('base64')}` })

  for (let guess = 0; guess < 5; guess++) await page.get('/api/v1/status', as(`guess ${guess}`))

  const late = await page.get('/api/v1/status', as('a long password'))
  expect([late.status, late.headers.get('retry-after')]).toEqual([429, '30'])
  expect(page.log.lines.map(({ message }) => message)).toEqual(Array(5).fill('wrong password at the page'))
  expect(late.text).toBe('Too many wrong passwords. Try again in 30 seconds.\n')
})
