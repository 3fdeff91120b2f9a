import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fast, home, itemsSeen, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const two = { manifestSeconds: 0, accounts: [home(2)] }
const state = 'blink-manifestd/bridge/state'
/** A program that waited for an answer that never comes would never end in the time of a test. */
const patient = { BLINK_TIMEOUT_SECONDS: '300' }

mosquittoTest('stopped in peace, the daemon says offline and ends with 0', async () => {
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  await itemsSeen(observer, 2, daemon.stderr)
  await until('the birth', () => observer.latest(state) === 'online')

  expect((await daemon.stop()).code).toBe(0)
  await until('the good-bye', () => observer.latest(state) === 'offline')
  expect(observer.on(state).at(-1)?.topic).toBe(observer.seen.at(-1)?.topic)
})

mosquittoTest('SIGHUP stops in order, as SIGTERM does', async () => {
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  const daemon = world.start(['run'], fast)
  await until('the birth', () => observer.latest(state) === 'online', { state: daemon.stderr })

  const { code } = await daemon.stop('SIGHUP')

  expect(code).toBe(0)
  expect(daemon.logged().at(-1)?.msg).toBe('stopped')
  await until('the good-bye', () => observer.latest(state) === 'offline')
})

test('SIGUSR1 opens no inspector, and SIGUSR2 ends nothing', async () => {
  await using world = await startWorld({ simulator: two, broker: false })
  const daemon = world.start(['run'], fast)
  await daemon.says('started')
  const ticks = () => daemon.logged().filter(({ msg }) => msg === 'run done').length

  daemon.kill('SIGUSR1')
  daemon.kill('SIGUSR2')
  const before = ticks()
  await until('two more ticks', () => ticks() >= before + 2, { state: daemon.stderr })

  expect(daemon.stderr()).not.toContain('Debugger listening')
  expect((await daemon.stop()).code).toBe(0)
})

mosquittoTest('killed, its will says offline; restarted, each topic comes once, online last', async () => {
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  const daemon = world.start(['run'])
  await until('the birth', () => observer.latest(state) === 'online', { state: daemon.stderr })
  await daemon.says('run done')
  await itemsSeen(observer, 2, daemon.stderr)
  await until(
    'both events',
    () => observer.on('/event').filter(({ topic }) => topic.includes('/sync/')).length === 2,
  )

  const killedAt = performance.now()
  await daemon.stop('SIGKILL')
  await until('the will', () => observer.latest(state) === 'offline')
  // A restart within this delay makes no consumer think that the daemon was away.
  expect(performance.now() - killedAt).toBeGreaterThan(3_000)

  const from = observer.seen.length
  const again = world.start(['run'], { SCHEDULE_ON_START: 'false' })
  await until('the birth', () => observer.latest(state) === 'online', { state: again.stderr })
  const topics = observer.seen.slice(from).map(({ topic }) => topic)
  // Killed before it has read an acknowledgement, it delivers again.
  const event = /manifest\/requested$|event$/
  expect(topics.filter((topic) => !event.test(topic)).at(-1)).toBe(state)
  const ofModules = topics.filter((topic) => topic.includes('/sync/') && !event.test(topic))
  if (again.logged().filter(({ msg }) => msg === 'connected to broker').length > 1) return
  expect(ofModules).toHaveLength(12)
  // Home Assistant finds them at the broker, so nothing is said twice for it.
  expect(ofModules).toEqual([...new Set(ofModules)])
})

mosquittoTest('a cloud that never answers does not hold up the end', async () => {
  await using world = await startWorld({ simulator: two })
  world.cloud.misbehave({ kind: 'hang', path: '/homescreen' })
  const daemon = world.start(['run'], patient)
  await until('the request', () => requestCount(world.cloud, 'homescreen') === 1, { state: daemon.stderr })

  expect((await daemon.stop()).code).toBe(0)
})

mosquittoTest('a broker that is dead does not hold up the end', async () => {
  await using world = await startWorld({ simulator: two })
  const daemon = world.start(['run'])
  await daemon.says('run done')
  await world.broker.kill()

  expect((await daemon.stop()).code).toBe(0)
})

mosquittoTest('an answer that is on its way when the daemon is stopped is not lost', async () => {
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  world.cloud.misbehave({ kind: 'slow', delayMs: 500, path: '/manifest/request' })
  const daemon = world.start(['run'])
  await until('the request', () => requestCount(world.cloud, 'manifest-request') === 1, {
    state: daemon.stderr,
  })

  expect((await daemon.stop()).code).toBe(0)
  expect(requestCount(world.cloud, 'manifest-request')).toBe(1)
  // What the broker did not take in time is delivered by the next one.
  const next = world.start(['run'], { SCHEDULE_ON_START: 'false' })
  const items = await itemsSeen(observer, 1, next.stderr)
  expect(items.map(({ request_id }) => request_id)).toEqual([670_000_001])
})

mosquittoTest('a request given up at the end is remembered as unknown', async () => {
  await using world = await startWorld({ simulator: two })
  const observer = await world.observer()
  world.cloud.misbehave({ kind: 'hang', path: '/manifest/request' })
  const daemon = world.start(['run'], patient)
  await until('the request', () => requestCount(world.cloud, 'manifest-request') === 1, {
    state: daemon.stderr,
  })

  expect((await daemon.stop()).code).toBe(0)
  const moduleState = 'blink-manifestd/sync/8021/44001/350001/state'
  await until('the outcome', () => observer.latest(moduleState)?.includes('"last_outcome":"unknown"'))
})

mosquittoTest('once and discover can be interrupted while the cloud is silent', async () => {
  await using world = await startWorld({ simulator: two })
  world.cloud.rotateRefreshTokens('never')
  world.cloud.misbehave({ kind: 'hang', path: '/homescreen' })
  const programs = ['once', 'discover'].map((name) =>
    world.start([name], { ...patient, BLINK_MANIFESTD_DATA_DIR: `${world.directory}/${name}` }),
  )
  await until('both requests', () => requestCount(world.cloud, 'homescreen') === 2)

  const ends = await Promise.all(
    programs.map((program) => program.stop('SIGINT').then(() => program.finished())),
  )

  for (const { code, stderr } of ends) {
    expect(stderr).not.toMatch(/this is a bug|^Error/m)
    expect(code).not.toBe(1)
  }
})

test('stopped while it is still loading, the program ends with 0 and sends no request', async () => {
  await using world = await startWorld({ broker: false, simulator: two })
  // The earliest moment at which a signal can be told from a murder, whatever the machine is busy with.
  const preload = join(world.directory, 'stop-at-once.mjs')
  writeFileSync(
    preload,
    `const { on } = process
     process.on = function (name, listener) {
       on.call(process, name, listener)
       if (name === 'SIGTERM') process.kill(process.pid, name)
       return process
     }`,
  )

  const daemon = world.start(['run'], { NODE_OPTIONS: `--import ${preload}` })
  const { code } = await daemon.ended

  expect(code).toBe(0)
  // Whether the account and the broker that is not there are noticed before the end is a matter of chance.
  const byChance = ['account added', 'cannot connect to broker']
  const said = daemon.logged().filter(({ msg }) => !byChance.includes(String(msg)))
  expect(said.map(({ msg }) => msg)).toEqual(['starting', 'stopping', 'stopped'])
  expect(world.cloud.calls).toEqual([])
})
