/** The pages about sync modules: what they show, and what their buttons do. */
import { expect, test } from 'vitest'
import type { Attempt } from '../../../src/domain/attempt.ts'
import type { CommandResult } from '../../../src/domain/commands.ts'
import { hostileNames } from '../../support/hostile.ts'
import { snapshotOf } from '../../support/module-snapshots.ts'
import { openPage } from '../../support/page.ts'
import { aModule, anItem, failed, newRecord, recordAfter, requested, start } from '../../support/samples.ts'

const hall = snapshotOf(
  recordAfter(newRecord(aModule()), requested(anItem({ requestId: '9223372036854775807' }))),
)
const barn = aModule({ syncModuleId: '9', name: 'Barn' })
const path = '/modules/8021/44107/350221'
const target = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }

const accepted = {
  module: target,
  outcome: 'requested',
  reused: false,
  accepted: anItem({ requestId: '502' }),
} as const
const done: CommandResult = {
  data: {
    ...{ verb: 'manifest/request', requested: 1, reused: 0, failed: 0, skipped: 0, retryAt: undefined },
    modules: [accepted],
  },
}

test('the table shows state, last request ID with all digits, next run and failures', async () => {
  const offline = snapshotOf(
    recordAfter(newRecord({ ...barn, connection: 'offline' }), failed({ module: barn })),
    {
      available: false,
      nextAttemptAt: undefined,
    },
  )
  const { text, status } = await openPage({ modules: [hall, offline] }).get('/modules')

  expect(status).toBe(200)
  expect(text).toContain('2 sync modules; the last request ID came at ')
  const [first = '', second = ''] = text.split('<tr role="row" id="').slice(1)
  expect(first).toMatch(/>Hall<[\s\S]*>ok<[\s\S]*9223372036854775807[\s\S]*data-copy="9223372036854775807"/)
  expect(first).toContain('datetime="2026-11-23T09:05:00.000Z"')
  expect(second).toMatch(/>Barn<[\s\S]*offline[\s\S]*none yet[\s\S]*not planned[\s\S]*<div>1<\/div>/)
})

test('paused modules, accounts that need a person and failing modules say so', async () => {
  const modules = [
    snapshotOf(newRecord(aModule({ syncModuleId: '1' })), { paused: true }),
    snapshotOf(newRecord(aModule({ syncModuleId: '2' })), {
      accountStatus: 'login_required',
      available: false,
    }),
    snapshotOf(recordAfter(newRecord(aModule({ syncModuleId: '3' })), failed({ outcome: 'unreachable' }))),
    snapshotOf({ ...newRecord(aModule({ syncModuleId: '4' })), missing: 1 }, { available: false }),
  ]
  const { text } = await openPage({ modules }).get('/modules')

  const states = [...text.matchAll(/class="state \w+">([^<]*)</g)].map(([, word]) => word)
  expect(states).toEqual(['paused', 'account login required', 'unreachable', 'not in the last list'])
  expect(text).toContain('>Resume<')
})

test('a button requests one module, and the answer names its request ID', async () => {
  const page = openPage({ modules: [hall], handle: async () => done })
  await page.get('/modules')

  const { text, status } = await page.post(`${path}/request`)

  expect(page.commands).toEqual([{ verb: 'manifest/request', target }])
  expect(status).toBe(200)
  expect(text).toMatch(/role="status"[^>]*>.*1 requested\..*Request ID: 502\./s)
  expect(text).toContain('<h1>Sync modules</h1>')
})

test('from its own page a module is paused and requested, and the page comes again', async () => {
  const paused: CommandResult = { data: { verb: 'pause', modules: 1, paused: true } }
  const page = openPage({ modules: [hall], handle: async () => paused })
  await page.get(path)

  const { text } = await page.post(`${path}/pause`, { from: 'module' })

  expect(page.commands).toEqual([{ verb: 'pause', target }])
  expect(text).toContain('<h1>Hall</h1>')
  expect(text).toContain('Paused: 1 sync module.')
})

test('all modules are requested by one button', async () => {
  const page = openPage({ modules: [hall], handle: async () => done })
  await page.get('/modules')

  await page.post('/modules/request')

  expect(page.commands).toEqual([{ verb: 'manifest/request', target: {} }])
})

test('a request that was not made says why, and when it may be made', async () => {
  const error = { code: 'throttled', message: 'requested too often', retryAt: start + 60_000 }
  const page = openPage({ modules: [hall], handle: async () => ({ error }) })
  await page.get('/modules')

  const { text } = await page.post(`${path}/request`)

  expect(text).toMatch(/role="alert".*This was not done: requested too often; again from .*09:01:00 UTC/s)
})

test('nothing is done by GET, without the form token, or for ids that are none', async () => {
  const page = openPage({ modules: [hall], handle: async () => done })
  await page.get('/modules')

  const statuses = await Promise.all([
    page.get(`${path}/request`).then(({ status }) => status),
    page.post(`${path}/request`, { form_token: 'x' }).then(({ status }) => status),
    page.post('/modules/8021/44107/..%2f9/request').then(({ status }) => status),
    page.post('/modules/8021/44107/9a/request').then(({ status }) => status),
  ])

  expect(statuses).toEqual([404, 403, 404, 404])
  expect(page.commands).toEqual([])
})

test('many modules come a hundred at a time', async () => {
  const modules = Array.from({ length: 205 }, (_, index) =>
    snapshotOf(newRecord(aModule({ syncModuleId: `${1000 + index}`, name: `M${index}.` }))),
  )
  const page = openPage({ modules })

  const [first, last, odd] = await Promise.all(
    ['', '?page=3', '?page=-1e9'].map((query) => page.get(`/modules${query}`)),
  )

  expect(first?.text).toContain('>M99.<')
  expect(first?.text).not.toContain('>M100.<')
  expect(last?.text).toContain('>M204.<')
  expect(last?.text).toContain('3 of 3')
  expect(odd?.text).toContain('>M0.<')
})

test.each(hostileNames)('a hostile name is text and nothing else: %j', async (name) => {
  const modules = [snapshotOf(newRecord(aModule({ name, networkName: name, firmware: name })))]
  const page = openPage({ modules })

  for (const place of ['/modules', path]) {
    const { text } = await page.get(place)
    expect(text).not.toMatch(/<img|<script>|onerror="/)
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u)
  }
})

const attempts: readonly Attempt[] = [
  { at: start - 7_200_000, outcome: 'offline', latencyMs: undefined, accepted: undefined },
  ...[300, 100, 200].map((latencyMs, index): Attempt => {
    const at = start - 3_000_000 + index * 300_000
    const deliveredAt = index === 0 ? at + 42 : undefined
    return {
      at,
      outcome: 'requested',
      latencyMs,
      accepted: { requestId: `60${index}`, expiresAt: start - 1 + index, deliveredAt },
    }
  }),
  { at: start - 60_000, outcome: 'busy', latencyMs: undefined, accepted: undefined },
]

test('a module has its day by hours, and its request IDs with their fate', async () => {
  const { text } = await openPage({ modules: [hall], attempts }).get(path)

  expect(text).toMatch(
    /datetime="2026-11-23T08:00:00.000Z".*<div>4<\/div>.*<div>3<\/div>.*1 busy.*200 ms.*300 ms/s,
  )
  expect(text).toMatch(/datetime="2026-11-23T07:00:00.000Z".*1 offline/s)
  const ids = text.slice(text.indexOf('id="ids"'))
  expect(ids).toMatch(/602[\s\S]*waits for the broker[\s\S]*601[\s\S]*waits for the broker|602[\s\S]*expired/)
  expect(ids).toMatch(/600<\/code>[\s\S]*delivered<\/span> after 42 ms/)
})

test('the chart gets each attempt in one of three series', async () => {
  const page = openPage({ modules: [hall], attempts })

  const { text, headers } = await page.get(`${path}/attempts`)

  expect(headers.get('content-type')).toContain('application/json')
  expect(JSON.parse(text)).toEqual({
    from: start - 86_400_000,
    to: start,
    at: attempts.map(({ at }) => at),
    accepted: [null, 300, 100, 200, null],
    failed: [null, null, null, null, 0],
    skipped: [0, null, null, null, null],
  })
})

test('a module that is not there is 404', async () => {
  const page = openPage({ modules: [hall] })

  expect((await page.get('/modules/8021/44107/1')).status).toBe(404)
})
