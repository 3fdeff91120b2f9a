import { statSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { expect } from 'vitest'
import { command, document, fast, home, itemsSeen, requestCount, stem, workItems } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(2)] }
const quiet = { SCHEDULE_ON_START: 'false', SCHEDULE_CRON: '0 0 1 1 *', HOME_ASSISTANT_ENABLED: 'false' }
const base = 'blink-manifestd/bridge'

async function running(world: World, env: Readonly<Record<string, string>> = quiet) {
  const observer = await world.observer()
  const daemon = world.start(['run'], env)
  await until('the birth', () => observer.latest(`${base}/state`) === 'online', { state: daemon.stderr })
  return { observer, daemon }
}

mosquittoTest('a command requests once, and within half a minute repeats the same id', async () => {
  await using world = await startWorld({ simulator })
  const { observer } = await running(world)

  const first = await command(observer, 'manifest/request')
  const [one, two] = await itemsSeen(observer, 2)
  const again = await command(observer, 'manifest/request', { account_id: 8021, network_id: 44_001 })
  await observer.publish(`${stem(2)}/set/request_now`, 'PRESS')
  const pressed = await until('the button', () =>
    observer
      .on('/response/manifest/request')
      .map(document)
      .find(({ transaction }) => transaction === null),
  )

  expect(first).toMatchObject({ status: 'ok', data: { requested: 2, reused: 0, failed: 0 } })
  expect([one?.trigger, two?.trigger]).toEqual(['command', 'command'])
  expect(again).toMatchObject({
    status: 'ok',
    data: { requested: 0, reused: 1, modules: [{ request_id: 670_000_001, reused: true }] },
  })
  expect(pressed).toMatchObject({ status: 'ok', data: { reused: 1 } })
  expect(requestCount(world.cloud, 'manifest-request')).toBe(2)
  expect(workItems(observer)).toHaveLength(2)
})

mosquittoTest('a rule that loops gets the time of the next try, and the cloud does not notice', async () => {
  await using world = await startWorld({ simulator })
  const { observer } = await running(world)
  // A module that fails has no id to answer with, so only the bucket stands between the loop and the cloud.
  world.cloud.misbehave({ kind: 'status', status: 500, path: '/manifest/request' })
  await command(observer, 'rescan')

  const answers = []
  for (let press = 0; press < 10; press++) answers.push(await command(observer, 'manifest/request'))

  const last = answers.at(-1)
  expect(last).toMatchObject({ status: 'error', error: { code: 'throttled', retryable: true } })
  const retryAt = Date.parse(String((last?.error as { retry_at?: string }).retry_at))
  expect(retryAt).toBeGreaterThan(Date.now())
  expect(retryAt).toBeLessThan(Date.now() + 61_000)
  expect(requestCount(world.cloud, 'manifest-request')).toBeLessThanOrEqual(4)
  expect(requestCount(world.cloud, 'homescreen')).toBeLessThanOrEqual(2)
})

mosquittoTest('what is paused is requested on command only, also after a restart', async () => {
  await using world = await startWorld({ simulator })
  const { observer, daemon } = await running(world, { ...fast, HOME_ASSISTANT_ENABLED: 'false' })
  await itemsSeen(observer, 2, daemon.stderr)

  const paused = await command(observer, 'pause', { account_id: 8021, network_id: 44_001 })
  expect(paused).toMatchObject({ status: 'ok', data: { modules: 1, paused: true } })
  const state = () => document(observer.latest(`${stem(1)}/state`))
  await until('the state', () => state().status === 'paused' && state().paused === true)
  await daemon.stop('SIGTERM')
  expect((await world.finish(['discover'])).stdout).toMatch(/350001 .* no: paused *\n.*350002 .* yes *\n/)
  const from = observer.seen.length
  const again = world.start(['run'], { ...fast, HOME_ASSISTANT_ENABLED: 'false' })
  const since = (topic: string) => observer.seen.slice(from).filter((one) => one.topic === topic)
  await until('three more ids of the other', () => since(`${stem(2)}/manifest/requested`).length >= 3, {
    state: again.stderr,
  })

  expect(since(`${stem(1)}/manifest/requested`)).toEqual([])
  expect(state()).toMatchObject({ paused: true, next_attempt_at: null })
  await observer.publish(`${stem(1)}/set/polling`, 'ON')
  await until('its id', () => since(`${stem(1)}/manifest/requested`).length > 0, { state: again.stderr })
  await until('the state', () => state().paused === false)
})

mosquittoTest('health, options and a rescan answer with what they are for', async () => {
  await using world = await startWorld({ simulator })
  const { observer, daemon } = await running(world)
  const logged = () => daemon.logged().filter(({ msg }) => msg === 'manifest requested').length

  expect(await command(observer, 'rescan')).toMatchObject({ status: 'ok', data: { modules: 2, found: 2 } })
  expect(await command(observer, 'health')).toMatchObject({
    status: 'ok',
    data: {
      mqtt: { connected: true, protocol: 5 },
      accounts: [{ account_id: 8021, state: 'ok' }],
      modules: 2,
    },
  })
  expect(await command(observer, 'options', { log_level: 'error' })).toMatchObject({
    data: { log_level: 'error' },
  })
  await until('the level', () => document(observer.latest(`${base}/info`)).log_level === 'error')
  await command(observer, 'manifest/request')
  expect(requestCount(world.cloud, 'manifest-request')).toBe(2)
  expect(logged()).toBe(0)
  expect(await command(observer, 'dance')).toMatchObject({ status: 'error', error: { code: 'unknown_verb' } })
  expect(await command(observer, 'pause', { account_id: 1 })).toMatchObject({
    error: { code: 'unknown_target', message: expect.stringContaining('8021') },
  })
})

mosquittoTest('an answer goes to the response topic, but never outside of our topics', async () => {
  await using world = await startWorld({ simulator })
  const { observer } = await running(world)
  const client = await connectAsync(world.broker.url, { protocolVersion: 5 })
  const send = (responseTopic: string, text: string) =>
    client.publishAsync(`${base}/request/health`, '', {
      qos: 1,
      properties: { responseTopic, correlationData: Buffer.from(text) },
    })

  await send('elsewhere/answer', 'one')
  await send('blink-manifestd/answers/rule-7', 'two')
  const answer = await until('the answer', () => observer.on('answers/rule-7')[0])
  await until('both answers to all', () => observer.on('/response/health').length >= 2)
  await client.endAsync()

  expect(answer.properties?.correlationData?.toString()).toBe('two')
  expect(document(answer)).toMatchObject({ status: 'ok' })
  expect(observer.on('elsewhere/answer')).toEqual([])
  expect(observer.on('/response/health')).toHaveLength(2)
})

mosquittoTest('a retained command is ignored, and logged once', async () => {
  await using world = await startWorld({ simulator })
  const before = await world.observer()
  await before.publish(`${base}/request/manifest/request`, '{}', true)
  const { observer, daemon } = await running(world)
  await daemon.says('retained command ignored')
  await command(observer, 'health')

  expect(requestCount(world.cloud, 'manifest-request')).toBe(0)
  expect(daemon.logged().filter(({ msg }) => msg === 'retained command ignored')).toHaveLength(1)
})

mosquittoTest('a command with the retain flag is ignored, and so is its clearing', async () => {
  await using world = await startWorld({ simulator })
  const { observer, daemon } = await running(world)

  await observer.publish(`${base}/request/manifest/request`, '{}', true)
  await daemon.says('retained command ignored')
  await observer.publish(`${base}/request/manifest/request`, '', true)
  await command(observer, 'health')

  expect(requestCount(world.cloud, 'manifest-request')).toBe(0)
  expect(observer.on('/response/manifest/request')).toEqual([])
})

mosquittoTest('clips/sync brings a clip to disk between two runs, and is refused while off', async () => {
  const createdAt = new Date(Date.now() - 60_000).toISOString()
  const spec = home(1)
  const modules = spec.modules.map((module) => ({
    ...module,
    clips: [{ id: 71, cameraName: 'Door', size: 1, createdAt }],
  }))
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, accounts: [{ ...spec, modules }] },
  })
  const off = await running(world)
  const refused = await command(off.observer, 'clips/sync')
  await off.daemon.stop()

  const { observer, daemon } = await running(world, {
    ...quiet,
    CLIPS_ENABLED: 'true',
    CLIPS_RESERVE_MEGABYTES: '0',
  })
  const synced = await command(observer, 'clips/sync', { account_id: 8021 })
  const clip = await until('the clip', () => observer.on('/clip/new')[0], { state: daemon.stderr })

  expect(refused).toMatchObject({ status: 'error', error: { code: 'not_enabled', retryable: false } })
  expect(synced).toMatchObject({ status: 'ok', data: { requested: 1 } })
  const { path, size_bytes } = document(clip)
  expect(statSync(join(world.dataDir, 'clips', String(path))).size).toBe(size_bytes)
})
