/** What `probe` measures, against a simulated cloud whose hour passes as fast as the probe sleeps. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { exit } from '../../../src/cli/exit.ts'
import { runProbe } from '../../../src/cli/probe.ts'
import { type Clock, systemClock } from '../../../src/domain/clock.ts'
import type { Log } from '../../../src/domain/ports.ts'
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.ts'
import { realTime } from '../../../src/simulator/time.ts'
import { type ProbeReport, probeReport } from '../../../src/topics/cli-schemas.ts'
import { home } from '../../support/homes.ts'
import { directoryWith, load } from '../../support/place.ts'

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Its own time: a sleep is over at once, and that much later. */
function sleeper(): { readonly clock: Clock; readonly now: () => number } {
  let passed = 0
  const start = Date.parse('2026-11-28T09:00:00.000Z')
  const clock: Clock = {
    ...systemClock,
    now: () => start + passed,
    elapsed: () => passed,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      passed += ms
      await pause(0)
    },
  }
  return { clock, now: () => start + passed }
}

interface Played {
  readonly code: number
  readonly report: ProbeReport | undefined
  readonly text: string
  readonly said: string
  readonly cloud: Simulator
  /** Kind of each call, in order. */
  readonly calls: readonly string[]
  again(): Promise<number>
}

interface Play {
  readonly manifestSeconds?: number
  readonly accessTokenSeconds?: number
  readonly before?: (cloud: Simulator) => void
  readonly consent?: boolean
  /** Where the tokens do not say whose they are. */
  readonly tokens?: (cloud: Simulator) => string
  /** Called at each sentence. */
  readonly say?: (sentence: string, cloud: Simulator, stop: AbortController) => void
}

async function play({
  before,
  consent = true,
  tokens = (cloud) => cloud.tokens(),
  say,
  ...rest
}: Play = {}): Promise<Played> {
  const { clock, now } = sleeper()
  const cloud = await startSimulator({ accounts: [home(1)], time: { ...realTime, now }, ...rest })
  onTestFinished(() => cloud.close())
  before?.(cloud)
  const env = {
    BLINK_MANIFESTD_DATA_DIR: `${directoryWith()}/data`,
    BLINK_OAUTH_URL: cloud.oauthUrl,
    BLINK_REST_URL: cloud.restUrl,
    BLINK_TOKENS: tokens(cloud),
  }
  const stop = new AbortController()
  const texts = { out: '', said: '' }
  const run = () =>
    runProbe({
      settings: load({ env }).settings,
      clock,
      log: silent,
      signal: stop.signal,
      out: (text) => {
        texts.out += text
      },
      say: (sentence) => {
        texts.said += `${sentence}\n`
        say?.(sentence, cloud, stop)
      },
      consent: async () => consent,
    })
  const code = await run()
  const report = texts.out === '' ? undefined : probeReport.parse(JSON.parse(texts.out))
  const calls = cloud.calls.map(({ method, path }) => `${method} ${path.replace(/^.*\/(?=[a-z])/, '')}`)
  return { code, report, text: texts.out, said: texts.said, cloud, calls, again: run }
}

const isManifestGet = ({ method, path }: { readonly method: string; readonly path: string }) =>
  method === 'GET' && path.includes('/manifest/request/')

test('manifest, life of the ID and rotation are measured, with one manifest request', async () => {
  const { code, report, cloud } = await play({ manifestSeconds: 5 })

  expect(code).toBe(exit.done)
  expect(report).toMatchObject({
    schema: 1,
    month: '2026-11',
    refresh: { count: 1, changed: 1 },
    manifest: { not_ready_at_s: 4, ready_at_s: 6 },
    // The simulated cloud forgets an ID after twenty minutes.
    request_id: { good_at_s: 1_080, gone_at_s: 1_200 },
    end: { reason: 'complete', during: 'manifest', body_code: 2104 },
  })
  const posts = cloud.calls.filter(({ method }) => method === 'POST').map(({ path }) => path)
  expect(posts).toEqual([
    expect.stringMatching(/\/oauth\/token$/),
    expect.stringMatching(/\/local_storage\/manifest\/request$/),
  ])
})

test('an ID that lives on costs at most thirty GETs in its hour', async () => {
  const alive = { manifest_id: '1', version: '1.0', clips: [] }
  const { code, report, cloud } = await play({
    before: ({ misbehave }) =>
      misbehave({ kind: 'status', status: 200, body: alive, method: 'GET', path: '/manifest/request/' }),
  })

  expect(code).toBe(exit.done)
  expect(report).toMatchObject({
    request_id: { good_at_s: 3_600, gone_at_s: null },
    end: { reason: 'complete' },
  })
  const gets = cloud.calls.filter(({ method }) => method === 'GET').length
  expect(gets).toBeLessThanOrEqual(30)
  expect(report?.gets).toBe(gets)
})

test('a manifest of a hundred pages ends the measurement at the thirtieth GET', async () => {
  const { code, report, cloud } = await play({
    before({ misbehave }) {
      const clip = { id: 1, device_name: 'Hall', created_at: '2026-11-28T08:00:00+00:00' }
      const page = { manifest_id: 1, media: [clip], pagination_key: 'next' }
      misbehave({ kind: 'status', status: 404, text: '', method: 'GET', path: '/manifest/request/' })
      misbehave({ kind: 'status', status: 200, body: page, method: 'GET', path: '/media/' })
    },
  })

  expect(code).toBe(exit.done)
  expect(cloud.calls.filter(({ method }) => method === 'GET')).toHaveLength(30)
  expect(report?.gets).toBe(30)
})

test.for(['never', 'omit'] as const)('a refresh token that stays (%s) is seen to stay', async (rotation) => {
  const { report } = await play({ before: (cloud) => cloud.rotateRefreshTokens(rotation) })

  expect(report?.refresh).toEqual({ count: 1, changed: 0 })
})

test('an access token that runs out within the hour is renewed with the newest refresh token', async () => {
  const { report, cloud } = await play({ accessTokenSeconds: 900 })

  expect(report?.refresh.count).toBeGreaterThan(1)
  expect(report?.refresh.changed).toBe(report?.refresh.count)
  expect(cloud.calls.filter(({ path, status }) => path.endsWith('/oauth/token') && status !== 200)).toEqual(
    [],
  )
})

test.for([
  [403, 'edge'],
  [406, 'edge'],
  [429, 'status'],
] as const)('the first answer %i is the last', async ([status, kind]) => {
  const { code, report, cloud } = await play({
    manifestSeconds: 60,
    before({ misbehave }) {
      const where = { method: 'GET', path: '/manifest/request/' }
      misbehave(
        kind === 'edge' ? { kind, status: status === 403 ? 403 : 406, ...where } : { kind, status, ...where },
      )
    },
  })

  expect(code).toBe(exit.temporary)
  expect(report?.end).toMatchObject({ reason: 'throttled', during: 'manifest', status })
  expect(cloud.calls.at(-1)).toMatchObject({ method: 'GET', status })
  expect(cloud.calls.filter(isManifestGet)).toHaveLength(1)
})

test('a 403 is the last answer whatever its body says', async () => {
  const { code, report, cloud } = await play({
    before: ({ misbehave }) =>
      misbehave({
        kind: 'status',
        status: 403,
        body: { code: 2113 },
        method: 'GET',
        path: '/manifest/request/',
      }),
  })

  expect(code).toBe(exit.temporary)
  expect(report?.end).toEqual({ reason: 'throttled', during: 'manifest', status: 403, body_code: 2113 })
  expect(cloud.calls.filter(isManifestGet)).toHaveLength(1)
})

test.for([
  ['at the home screen', 'homescreen', 'discovery'],
  ['at the manifest request', '/manifest/request', 'manifest_request'],
] as const)('a refusal %s ends it there', async ([, path, during]) => {
  const { code, report, cloud } = await play({ before: ({ misbehave }) => misbehave({ kind: 'edge', path }) })

  expect(code).toBe(exit.temporary)
  expect(report?.end).toEqual({ reason: 'throttled', during, status: 406, body_code: null })
  expect(cloud.calls.at(-1)?.status).toBe(406)
})

test('a sync module that is busy with something else is left alone', async () => {
  const { code, report, cloud } = await play({
    before: (cloud) => cloud.misbehave({ kind: 'busy', method: 'POST', path: '/manifest/request' }),
  })

  expect(code).toBe(exit.temporary)
  expect(report?.end).toMatchObject({ reason: 'busy', during: 'manifest_request', body_code: 307 })
  expect(
    cloud.calls.filter(({ method, path }) => method === 'POST' && path.endsWith('/request')),
  ).toHaveLength(1)
})

test('a manifest that never comes is looked for less and less often', async () => {
  const { report } = await play({ manifestSeconds: 100_000 })

  expect(report?.manifest).toMatchObject({ ready_at_s: null, not_ready_at_s: expect.any(Number) })
  expect(report?.gets).toBeLessThanOrEqual(30)
})

test.for([
  ['answers without sense', { kind: 'wrong_type' }],
  ['answers from a proxy', { kind: 'html', status: 502 }],
  ['connections that end', { kind: 'reset_before' }],
] as const)('after three %s in a row it is given up', async ([, fault]) => {
  const { code, report, cloud } = await play({
    before: ({ misbehave }) => misbehave({ ...fault, method: 'GET', path: '/manifest/request/' }),
  })

  expect(code).toBe(exit.temporary)
  expect(report?.end).toMatchObject({ reason: 'failed', during: 'manifest' })
  expect(report?.answers).toHaveLength(3)
  expect(cloud.calls.filter(isManifestGet).length).toBeLessThanOrEqual(3)
})

test('credentials that are withdrawn end with what to do, and without a second try', async () => {
  const { code, said, report, cloud } = await play({ before: (cloud) => cloud.revoke(8021) })

  expect(code).toBe(exit.login)
  expect(said + JSON.stringify(report)).toMatch(/login/)
  expect(cloud.calls).toHaveLength(1)
})

test('without a yes nothing is sent', async () => {
  const { code, said, text, cloud } = await play({ consent: false })

  expect({ code, said, text }).toEqual({ code: exit.done, said: 'Nothing was sent.\n', text: '' })
  expect(cloud.calls).toEqual([])
})

test('a second measurement within an hour sends nothing', async () => {
  const played = await play({ before: ({ misbehave }) => misbehave({ kind: 'edge', path: 'homescreen' }) })
  const before = played.cloud.calls.length

  expect(await played.again()).toBe(exit.temporary)
  expect(played.cloud.calls).toHaveLength(before)
})

test('nor does one of an account that the first measurement has got to know', async () => {
  const played = await play({ tokens: (cloud) => cloud.tokens().replace(/\|?account_id=\d+/g, '') })
  expect(played.code).toBe(exit.done)
  const before = played.cloud.calls.length

  expect(await played.again()).toBe(exit.temporary)
  expect(played.cloud.calls).toHaveLength(before)
})

test('a stop prints what was learned so far', async () => {
  const { code, report } = await play({
    say: (sentence, _cloud, stop) => {
      if (sentence.startsWith('The manifest is there')) stop.abort(new Error('SIGINT'))
    },
  })

  expect(code).toBe(exit.done)
  expect(report).toMatchObject({
    manifest: { ready_at_s: expect.any(Number) },
    end: { reason: 'interrupted' },
  })
})

test('what comes out names nobody', async () => {
  const { text, cloud } = await play()
  const own = cloud.calls.flatMap(({ path }) => path.match(/\d{4,}/g) ?? [])

  expect(own.length).toBeGreaterThan(3)
  for (const id of own) expect(text).not.toContain(id)
  for (const secret of cloud.tokens().split(/[|=]/)) if (secret.length > 8) expect(text).not.toContain(secret)
  expect(text).not.toMatch(/\d\d:\d\d|http|127\.0\.0\.1|home|Hall/i)
})
