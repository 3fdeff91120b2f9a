import { expect } from 'vitest'
import { document, home, itemsSeen, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { type Observer, observe, type Seen } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const uuid7 = expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)

async function afterOneTick(): Promise<World> {
  const world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(1)] } })
  const observer = await world.observer()
  const daemon = world.start(['run'])
  await itemsSeen(observer, 1, daemon.stderr)
  await until('the module as asked', () =>
    observer.latest(`${stem(1)}/state`)?.includes('"last_outcome":"requested"'),
  )
  await until('the list of pending items', () =>
    observer.latest(`${stem(1)}/manifest/pending`)?.includes('request_id'),
  )
  await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')
  await until('its event', () => observer.latest(`${stem(1)}/event`))
  await until('the end of the run', () =>
    observer.on('bridge/event').some(({ payload }) => payload.includes('tick_done')),
  )
  return world
}

mosquittoTest('a subscriber that comes late gets every state topic and not one event', async () => {
  await using world = await afterOneTick()

  await using late = await observe(world.broker.url)
  await until('all that is kept', () => late.seen.length >= 9)
  // Whatever came behind the retained messages would have come before this.
  await late.publish('end', 'of retained messages')
  await until('the end', () => late.latest('end'))

  const kept = firstOfEach(late)
  expect(kept.every(({ retained, qos }) => retained && qos === 1)).toBe(true)
  expect(kept.map(({ topic }) => topic).sort()).toEqual([
    'blink-manifestd/account/8021/state',
    'blink-manifestd/bridge/info',
    'blink-manifestd/bridge/state',
    `${stem(1)}/availability`,
    `${stem(1)}/info`,
    `${stem(1)}/manifest/pending`,
    `${stem(1)}/request_id`,
    `${stem(1)}/requested_at`,
    `${stem(1)}/state`,
  ])
})

mosquittoTest('each retained topic holds what the documentation says of it', async () => {
  await using world = await afterOneTick()

  await using late = await observe(world.broker.url)
  await until('all that is kept', () => late.seen.length >= 9)
  const at = (topic: string) => document(late.latest(topic))

  expect(late.latest('blink-manifestd/bridge/state')).toBe('online')
  expect(at('blink-manifestd/bridge/info')).toEqual({
    version: expect.any(String),
    schema: 1,
    install_id: expect.stringMatching(/^[\da-f]{8}$/),
    started_at: iso,
    next_tick_at: iso,
    log_level: 'debug',
    settings: expect.any(Object),
  })
  expect(at('blink-manifestd/account/8021/state')).toEqual({
    state: 'ok',
    since: iso,
    detail: null,
    retry_at: null,
  })
  expect(late.latest(`${stem(1)}/availability`)).toBe('online')
  expect(at(`${stem(1)}/info`)).toEqual({
    name: 'Module 1',
    network_name: 'Network 1',
    serial: expect.any(String),
    model: 'sm2',
    firmware: expect.any(String),
    storage_status: 'active',
    storage_used_percent: null,
    storage_warning: null,
  })
  expect(at(`${stem(1)}/state`)).toEqual({
    status: 'idle',
    request_id: 670000001,
    requested_at: iso,
    last_attempt_at: iso,
    last_outcome: 'requested',
    last_error: null,
    latency_ms: expect.any(Number),
    requests_total: 1,
    failures_in_a_row: 0,
    paused: false,
    interval_s: 300,
    next_attempt_at: iso,
  })
  expect(late.latest(`${stem(1)}/request_id`)).toBe('670000001')
  expect(late.latest(`${stem(1)}/requested_at`)).toEqual(iso)
  expect(at(`${stem(1)}/manifest/pending`)).toMatchObject([{ request_id: 670000001 }])

  const expiry = (topic: string) =>
    late.seen.find((one) => one.topic === topic)?.properties?.messageExpiryInterval
  const kept = firstOfEach(late)
  const json = kept.filter(({ payload }) => /^[[{]/.test(payload))
  expect(json.map(({ properties }) => properties?.contentType)).toEqual(json.map(() => 'application/json'))
  expect(json.every(({ properties }) => properties?.userProperties?.schema === '1')).toBe(true)
  expect(expiry(`${stem(1)}/request_id`)).toBeGreaterThan(300)
  expect(expiry(`${stem(1)}/manifest/pending`)).toBeGreaterThan(300)
  expect(
    kept
      .filter(({ properties }) => properties?.messageExpiryInterval)
      .map(({ topic }) => topic)
      .sort(),
  ).toEqual([`${stem(1)}/manifest/pending`, `${stem(1)}/request_id`])
})

mosquittoTest('events name their kind, are not retained and expire', async () => {
  await using world = await startWorld()
  const observer = await world.observer()
  const daemon = world.start(['run'])
  const state = daemon.stderr
  const withType = (topic: string, type: string) =>
    observer.on(topic).find(({ payload }) => document(payload).event_type === type)
  const done = await until('the run', () => withType('bridge/event', 'tick_done'), { state })
  const attic = 'sync/8021/44113/350227/event'
  const failed = await until('a failure', () => withType(attic, 'manifest_request_failed'), { state })
  const skipped = await until('a skip', () => withType('44110/350224/event', 'manifest_request_skipped'), {
    state,
  })
  const asked = await until('an event', () => withType('44107/350221/event', 'manifest_requested'), { state })
  const found = withType('bridge/event', 'sync_module_found')

  const common = { schema: 1, event_id: uuid7, ts: iso, account_id: 8021, trigger: 'start', tick_id: iso }
  expect(document(done)).toMatchObject({
    requested: 4,
    failed: 1,
    skipped: 3,
    trigger: 'start',
    tick_id: iso,
  })
  expect(document(found)).toMatchObject({ account_id: 8021, network_id: 44107, name: 'Garage' })
  expect(document(failed)).toEqual({
    ...common,
    event_type: 'manifest_request_failed',
    network_id: 44113,
    sync_module_id: 350227,
    attempt: 1,
    outcome: 'no_storage',
    error: {
      code: 'cloud_refused',
      message: expect.stringContaining('local storage has no status'),
      http_status: 400,
      body_code: 414,
      retryable: false,
      retry_at: null,
    },
  })
  expect(document(skipped)).toEqual({
    ...common,
    event_type: 'manifest_request_skipped',
    network_id: 44110,
    sync_module_id: 350224,
    attempt: 0,
    outcome: 'offline',
    reason: 'offline',
    repeated: false,
  })
  const item = observer.on('44107/350221/manifest/requested').at(0)
  expect(document(asked)).toEqual(document(item))
  const expiries = [done, failed, skipped, asked, found].map(
    (one?: Seen) => one?.properties?.messageExpiryInterval,
  )
  expect(expiries.every((seconds) => seconds !== undefined && seconds > 0)).toBe(true)
  expect(
    observer.seen.filter(({ topic }) => /event$|requested$/.test(topic)).some(({ retained }) => retained),
  ).toBe(false)
})

/** What was kept of each topic of ours; news that came meanwhile is left out. */
function firstOfEach({ seen }: Observer): readonly Seen[] {
  const ours = seen.filter(({ topic }) => topic.startsWith('blink-manifestd/'))
  return [...Map.groupBy(ours, ({ topic }) => topic).values()].flatMap(([first]) => first ?? [])
}
