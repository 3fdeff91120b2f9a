/** The daily budget, the half-open breaker and the login, as the cloud sees them. */
import { expect } from 'vitest'
import { document, fast, home, itemsSeen, manifestPath, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const topic = 'blink-manifestd/account/8021/state'

mosquittoTest('the daily budget stops a runaway before the cloud does, over restarts too', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })
  const observer = await world.observer()
  const env = { ...fast, BLINK_DAILY_BUDGET: '11' }
  const daemon = world.start(['run'], env)
  await until('throttled', () => observer.latest(topic)?.includes('throttled'), { state: daemon.stderr })
  const ticks = daemon.logged().filter(({ msg }) => msg === 'run done').length
  await daemon.says('run done', ticks + 2)
  await daemon.stop()
  const logged = daemon.logged().filter(({ msg }) => msg === 'account cannot be requested')
  const counted = daemon.logged().findLast(({ msg }) => msg === 'requests so far')

  const once = await world.finish(['once', '--json'], env)
  const accounts = await world.finish(['accounts', '--json'], env)

  expect(world.cloud.calls.length).toBe(11)
  expect(logged).toMatchObject([
    { level: 40, detail: expect.stringContaining('daily budget of 11 requests is used up') },
  ])
  expect(counted).toMatchObject({
    requests: { 'token 200': 1 },
    today: 11,
    budget: 11,
  })
  const { retry_at, detail } = document(observer.latest(topic))
  expect(String(retry_at)).toMatch(/T00:00:00\.000Z$/)
  expect(detail).toMatch(/budget/)
  expect(JSON.parse(accounts.stdout)).toMatchObject({ account_id: 8021, state: 'throttled', retry_at })
  expect(once.code).toBe(75)
  expect(once.stdout.match(/"outcome":"throttled"/g)).toHaveLength(2)
})

mosquittoTest('the day of budget that the schedule plans is never near its end on a normal day', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(2)] } })

  const daemon = world.start(['run'], { SCHEDULE_CRON: '*/5 * * * *' })
  const line = await daemon.says('requests so far')

  expect(line).toMatchObject({ today: 4, budget: 1_476 })
})

mosquittoTest('requests refused together are one refusal, and then there is silence', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(6)] } })
  const observer = await world.observer()
  const env = { ...fast, BLINK_PER_ACCOUNT: '6', BLINK_CONCURRENCY: '6' }
  world.cloud.misbehave({ kind: 'status', status: 429, path: 'manifest/request' })

  const daemon = world.start(['run'], env)
  await until('throttled', () => observer.latest(topic)?.includes('throttled'), { state: daemon.stderr })
  const ticks = daemon.logged().filter(({ msg }) => msg === 'run done').length
  // All six were on their way when the first was refused.
  await daemon.says('run done', ticks + 1)
  const calls = world.cloud.calls.length
  await daemon.says('run done', ticks + 3)

  expect(world.cloud.calls.length).toBe(calls)
  expect(requestCount(world.cloud, 'manifest-request')).toBeLessThanOrEqual(6)
  const { retry_at, since } = document(observer.latest(topic))
  expect(Date.parse(String(retry_at)) - Date.parse(String(since))).toBeLessThan(376_000)
})

mosquittoTest('a token revoked during a run: all further modules fail, and requests end', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(3)] } })
  const observer = await world.observer()
  world.cloud.misbehave({ kind: 'slow', delayMs: 2_000, path: manifestPath(1), count: 1 })
  // A run has until the next one is due: for three modules, on a busy machine.
  const daemon = world.start(['run'], { ...fast, SCHEDULE_CRON: '*/20 * * * * *' })
  await until('the first module', () => requestCount(world.cloud, 'manifest-request') === 1, {
    state: daemon.stderr,
  })
  world.cloud.revoke(8021)
  world.cloud.expireAccessTokens()
  await until('login_required', () => observer.latest(topic)?.includes('login_required'), {
    state: daemon.stderr,
  })
  const calls = world.cloud.calls.map(({ kind, status }) => `${kind} ${status}`)
  const ticks = daemon.logged().filter(({ msg }) => msg === 'run done').length
  await daemon.says('run done', ticks + 1)

  expect(calls).toEqual([
    ...['token 200', 'homescreen 200', 'manifest-request 200', 'manifest-request 401', 'token 400'],
  ])
  expect(world.cloud.calls.length).toBe(calls.length)
  expect((await itemsSeen(observer, 1)).length).toBe(1)
  const outcomes = [2, 3].map((number) =>
    document(observer.latest(`blink-manifestd/sync/8021/${44_000 + number}/${350_000 + number}/state`)),
  )
  expect(outcomes).toMatchObject([{ last_outcome: 'login_required' }, { last_outcome: 'login_required' }])
})

mosquittoTest('a lost refresh answer is requested again with the old token', async () => {
  await using world = await startWorld({ simulator: { manifestSeconds: 0, accounts: [home(1)] } })
  const observer = await world.observer()
  world.cloud.rotateRefreshTokens('never')
  world.cloud.misbehave({ kind: 'lose_answer_of_refresh', count: 1 })

  const daemon = world.start(['run'], fast)
  await itemsSeen(observer, 1, daemon.stderr)

  expect(requestCount(world.cloud, 'token')).toBe(2)
  await until('ok', () => document(observer.latest(topic)).state === 'ok', { state: daemon.stderr })
})
