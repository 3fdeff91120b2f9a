import { expect, test } from 'vitest'
import type { Call } from '../../src/simulator/server.ts'
import { document, fast, home, itemsSeen, manifestPath, requestCount, stem } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

/** A run has until the next one is due: long enough for all modules, on a busy machine too. */
const steady = { ...fast, SCHEDULE_CRON: '*/5 * * * * *' }

test('a run is one home screen and one request for each module, and nothing else', async () => {
  await using world = await startWorld({
    broker: false,
    simulator: { manifestSeconds: 0, accounts: [home(3)] },
  })

  const daemon = world.start(['run'], steady)
  await daemon.says('run done', 2)
  await daemon.stop()

  const [first, ...kinds] = world.cloud.calls.map(({ kind }) => kind)
  const whole = ['homescreen', ...Array.from({ length: 3 }, () => 'manifest-request')]
  expect(first).toBe('token')
  // The stop may have cut the last one short.
  expect(kinds).toEqual(kinds.map((_, index) => whole[index % 4]))
  expect(kinds.length).toBeGreaterThanOrEqual(2 * 4)
})

test('an account has one request at a time, however slow the cloud is', async () => {
  await using world = await startWorld({
    broker: false,
    simulator: { manifestSeconds: 0, accounts: [home(4)] },
  })
  world.cloud.misbehave({ kind: 'slow', delayMs: 400, path: '/manifest/request' })

  const one = world.start(['run'], fast)
  await one.says('run done', 2)
  await one.stop()
  expect(mostAtATime(posts(world.cloud.calls))).toBe(1)

  const from = world.cloud.calls.length
  const four = world.start(['run'], { ...fast, BLINK_PER_ACCOUNT: '4' })
  await four.says('run done', 2)
  await four.stop()
  const later = posts(world.cloud.calls.slice(from))
  expect(mostAtATime(later)).toBeGreaterThan(1)
  for (const ofModule of Map.groupBy(later, ({ path }) => path).values())
    expect(mostAtATime(ofModule)).toBe(1)
})

test('a module that two accounts share never has two commands at a time', async () => {
  const accounts = [home(2), home(2, { id: 8022 })]
  await using world = await startWorld({ broker: false, simulator: { manifestSeconds: 0, accounts } })
  world.cloud.misbehave({ kind: 'slow', delayMs: 400, path: '/manifest/request' })
  const BLINK_TOKENS = [8021, 8022].map((id) => world.cloud.tokens(id)).join('\n')

  const daemon = world.start(['run'], { ...steady, BLINK_TOKENS })
  const ways = () => new Set(posts(world.cloud.calls).map(({ path }) => path)).size
  await until('each module through each account', () => ways() === 4, { state: daemon.stderr })
  await daemon.stop()

  const moduleOf = ({ path }: Call) => /sync_modules\/(\d+)/.exec(path)?.[1]
  for (const calls of Map.groupBy(posts(world.cloud.calls), moduleOf).values()) {
    expect(new Set(calls.map(({ path }) => path)).size).toBe(2)
    expect(mostAtATime(calls)).toBe(1)
  }
})

mosquittoTest('"too many requests" stops all until the named time, over restarts too', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  const observer = await world.observer()
  const headers = { 'Retry-After': '3600' }
  world.cloud.misbehave({ kind: 'status', status: 429, headers, path: manifestPath(1), count: 1 })
  const first = await world.finish(['once', '--json'])
  const calls = world.cloud.calls.length

  const later = await Promise.all([world.finish(['once', '--json'])])
  const looked = await world.finish(['discover'])
  const accounts = await world.finish(['accounts', '--json'])
  const daemon = world.start(['run'], fast)
  await daemon.says('run done', 2)

  expect([first, ...later, looked].map(({ code }) => code)).toEqual([75, 75, 75])
  expect(world.cloud.calls.length).toBe(calls)
  expect(requestCount(world.cloud, 'manifest-request')).toBe(1)
  const topic = 'blink-manifestd/account/8021/state'
  await until('the state', () => observer.latest(topic)?.includes('throttled'), { state: daemon.stderr })
  const state = document(observer.latest(topic))
  expect(state).toMatchObject({ state: 'throttled', detail: expect.any(String) })
  const refusedAt = world.cloud.calls.find(({ status }) => status === 429)?.at ?? 0
  const retryAt = Date.parse(String(state.retry_at))
  expect(retryAt).toBeGreaterThanOrEqual(refusedAt + 3_600_000)
  expect(retryAt).toBeLessThan(Date.now() + 3_700_000)
  expect(JSON.parse(accounts.stdout)).toMatchObject({ state: 'throttled', retry_at: expect.any(String) })
  await until('the module', () => observer.latest(`${stem(1)}/availability`) === 'offline')
})

mosquittoTest('the time of the next try is published once, not at each run', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  const observer = await world.observer()
  world.cloud.misbehave({ kind: 'edge', path: manifestPath(1), count: 1 })
  const daemon = world.start(['run'], fast)
  await daemon.says('account cannot be requested')

  const done = daemon.logged().filter(({ msg }) => msg === 'run done').length
  await daemon.says('run done', done + 3)
  const accounts = await world.finish(['accounts', '--json'])

  const states = observer.on('account/8021/state').map(document)
  const published = new Set(
    states.filter(({ state }) => state === 'throttled').map(({ retry_at }) => retry_at),
  )
  expect([...published]).toEqual([(JSON.parse(accounts.stdout) as { retry_at: string }).retry_at])
})

function posts(calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ kind }) => kind === 'manifest-request')
}

/** How many of these calls were in flight at the busiest moment. */
function mostAtATime(calls: readonly Call[]): number {
  return Math.max(
    0,
    ...calls.map(({ at }) => calls.filter((other) => other.at <= at && at < other.endedAt).length),
  )
}

mosquittoTest('a supervisor that restarts the daemon makes the cloud no more work', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  const observer = await world.observer()
  const calls = () => world.cloud.calls.map(({ kind }) => kind)

  const first = world.start(['run'])
  await first.says('run done')
  const once = calls()
  await first.stop('SIGKILL')
  const second = world.start(['run'])
  expect(await second.says('run done')).toMatchObject({ trigger: 'start', requested: 0, skipped: 2 })
  await itemsSeen(observer, 2, second.stderr)
  await second.stop('SIGTERM')

  expect(calls()).toEqual(once)
})

mosquittoTest('nor does one that restarts it while the cloud has no answer', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  world.cloud.misbehave({ kind: 'hang', path: '/homescreen' })
  const first = world.start(['run'])
  await until('the request', () => requestCount(world.cloud, 'homescreen') === 1, { state: first.stderr })
  await first.stop('SIGKILL')

  const second = world.start(['run'])

  expect(await second.says('run at startup waits: the last one was a moment ago')).toMatchObject({
    level: 30,
  })
  expect(requestCount(world.cloud, 'homescreen')).toBe(1)
})
