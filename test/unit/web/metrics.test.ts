import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { manifestRequested } from '../../../src/domain/work-item.ts'
import { healthOf, metricsFixture } from '../../support/metrics-fixture.ts'
import { newModule, requestedOnce, snapshotOf } from '../../support/module-snapshots.ts'
import { aModule, anItem, newRecord, start } from '../../support/samples.ts'

const run = { tickId: '2026-11-23T09:00:00.000Z', trigger: 'schedule', budgetMs: 1_000 } as const
const clip = {
  kind: 'clip_new',
  orderKey: 'clip',
  expiresAt: start + 1_000_000,
  body: {
    ...aModule(),
    eventId: 'e',
    cameraName: 'Porch',
    camera: '9',
    createdAt: start - 40_000,
    bytes: 5_000,
    path: 'a.mp4',
    sha256: 'ff',
    requestId: '1',
    downloadedAt: start,
  },
} as const

test('requests to the cloud are counted by call and outcome, and timed', async () => {
  const { metrics, samples } = metricsFixture()
  const call = { account: '8021', kind: 'homescreen', sent: true, ms: 300 }

  for (const status of [200, 200, 404, 429, 503]) metrics.observer.requestFinished?.({ ...call, status })
  metrics.observer.requestFinished?.({ ...call, errorCode: 'ECONNRESET' })

  const seen = await samples()
  const of = (outcome: string) => seen[`requests_total{call="homescreen",outcome="${outcome}"}`]
  expect(['ok', 'refused', 'throttled', 'failed', 'unreachable'].map(of)).toEqual([2, 1, 1, 1, 1])
  expect(seen['request_duration_seconds_bucket{le="0.25",call="homescreen"}']).toBe(0)
  expect(seen['request_duration_seconds_bucket{le="0.5",call="homescreen"}']).toBe(6)
})

test('an ID counts as published once the broker has acknowledged it', async () => {
  const { metrics, samples } = metricsFixture()
  const event = manifestRequested(anItem())

  const before = await samples()
  metrics.observer.eventDelivered?.(event)

  expect([before.ids_published_total, (await samples()).ids_published_total]).toEqual([0, 1])
})

test('the age of the outbox is that of its oldest event, and 0 when it is empty', async () => {
  const { state, clock, samples } = metricsFixture()
  const empty = await samples()
  state.waiting = [manifestRequested(anItem()), clip]
  state.health = { ...healthOf(), waiting: 2 }
  await clock.advance(90_000)

  const full = await samples()

  expect([empty.outbox_items, empty.outbox_oldest_seconds]).toEqual([0, 0])
  expect([full.outbox_items, full.outbox_oldest_seconds]).toEqual([2, 90])
})

test('modules and accounts are counted by status, those of no module as 0', async () => {
  const { state, samples } = metricsFixture()
  const since = { since: start, detail: undefined, retryAt: undefined }
  state.health = healthOf([
    { accountId: '1', status: 'ok', ...since },
    { accountId: '2', status: 'throttled', ...since },
  ])
  const other = newRecord(aModule({ syncModuleId: '2' }))
  state.modules = [snapshotOf(requestedOnce), snapshotOf(other, { paused: true })]

  const seen = await samples()

  expect(seen).toMatchObject({
    'modules{status="idle"}': 1,
    'modules{status="paused"}': 1,
    'modules{status="error"}': 0,
    'accounts{state="ok"}': 1,
    'accounts{state="throttled"}': 1,
    'accounts{state="login_required"}': 0,
    last_success_timestamp_seconds: start / 1000,
  })
})

test('no module and no request ID is a label unless the owner wants modules', async () => {
  const play = async (perModule: boolean) => {
    const { metrics, state } = metricsFixture({ perModule })
    state.modules = [snapshotOf(requestedOnce)]
    metrics.observer.eventDelivered?.(manifestRequested(anItem()))
    return metrics.text()
  }

  const [without, withModules] = [await play(false), await play(true)]

  expect(without).not.toContain('350221')
  const labels = 'account_id="8021",network_id="44107",sync_module_id="350221"'
  expect(withModules).toContain(`blink_manifestd_ids_published_total{${labels}} 1`)
  expect(withModules).toContain(`blink_manifestd_modules{status="idle",${labels}} 1`)
  expect(withModules).toContain(`blink_manifestd_last_success_timestamp_seconds{${labels}} ${start / 1000}`)
  for (const text of [without, withModules]) expect(text).not.toContain('670555852')
})

test('the limits shown are those of the account nearest to its budget', async () => {
  const { state, samples } = metricsFixture()
  state.limits = [
    { isOpen: false, spent: 10, limit: 100 },
    { isOpen: true, spent: 80, limit: 100 },
  ]

  expect(await samples()).toMatchObject({ circuit_breaker_open_accounts: 1, budget_used_ratio: 0.8 })
})

test('scheduled runs are timed and their lateness kept, that of others not', async () => {
  const { metrics, samples } = metricsFixture()

  metrics.observer.runStarted?.(run, 700)
  metrics.observer.runStarted?.({ ...run, trigger: 'start' }, 0)
  metrics.observer.runFinished?.(run, { requested: 1, failed: 0, skipped: 0, elapsedMs: 2_000 })
  metrics.observer.storeWritten?.(3)

  expect(await samples()).toMatchObject({
    run_lateness_seconds_count: 1,
    run_lateness_seconds_sum: 0.7,
    tick_duration_seconds_sum: 2,
    store_write_seconds_sum: 0.003,
  })
})

test('a clip counts when it is stored, a failed one when it fails', async () => {
  const { metrics, arrive, samples } = metricsFixture()
  const trouble = { kind: 'clip_failed', requestId: '1', reason: 'cut', retryAt: start } as const
  const name = { createdAt: start, listedSize: 1, cameraName: 'Porch' }

  arrive(clip)
  metrics.observer.clipTrouble?.(aModule(), { ...trouble, clip: name })
  metrics.observer.clipTrouble?.(aModule(), { kind: 'manifest_failed', requestId: '1', reason: 'late' })

  expect(await samples()).toMatchObject({
    'clips_total{outcome="saved"}': 1,
    'clips_total{outcome="failed"}': 1,
    clip_bytes_total: 5_000,
    clip_latency_seconds_sum: 40,
  })
})

test('a disk that cannot be read leaves the other metrics, and says so in its own', async () => {
  const { state, samples } = metricsFixture()
  state.modules = [snapshotOf(newModule)]
  await samples()
  state.trouble = new StoreFailed('cannot read')
  state.health = { ...healthOf(), waiting: undefined, modules: undefined }

  const seen = await samples()

  expect(seen).toMatchObject({
    mqtt_connected: 1,
    outbox_items: Number.NaN,
    outbox_oldest_seconds: Number.NaN,
  })
})

test('modules that take long to read are not read again at each scrape', async () => {
  const { state, clock, samples } = metricsFixture({ readMs: 100 })
  state.modules = [snapshotOf(newModule), snapshotOf(newRecord(aModule({ syncModuleId: '2' })))]

  await samples()
  await clock.advance(5_000)
  await samples()
  const early = state.reads
  await clock.advance(5_000)
  await samples()

  expect([early, state.reads]).toEqual([2, 4])
})

test('scrapes that come together share one reading', async () => {
  const { metrics, state } = metricsFixture()
  state.modules = [snapshotOf(newModule)]

  const texts = await Promise.all([metrics.text(), metrics.text(), metrics.text()])

  expect(new Set(texts).size).toBe(1)
  expect(state.reads).toBe(1)
})

test('free space is shown for each directory that can be read', async () => {
  const { state, samples } = metricsFixture()
  state.free = { data: 5_000, clips: 7_000 }
  await samples()
  state.free = { data: 4_000 }

  const seen = await samples()

  expect(seen['disk_free_bytes{directory="data"}']).toBe(4_000)
  expect(seen).not.toHaveProperty('disk_free_bytes{directory="clips"}')
})

test('where several daemons share the work each shows what it does of it', async () => {
  const seen = await metricsFixture().samples()

  expect([seen.instance_accounts_in_work, seen.instance_holds_bridge]).toEqual([3, 1])
})
