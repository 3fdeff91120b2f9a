import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { home, itemsSeen } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }

mosquittoTest('a password the broker does not know yet is tried again, and works once it does', async () => {
  using stack = new DisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'blink-manifestd-users-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const users = join(directory, 'users')
  const admit = (name: string, password: string) =>
    execFileSync('mosquitto_passwd', ['-b', users, name, password], { stdio: 'ignore' })
  writeFileSync(users, '', { mode: 0o600 })
  admit('watcher', 'eyes')
  const config = ['allow_anonymous false', `password_file ${users}`]
  await using world = await startWorld({ simulator, mosquitto: { config } })
  writeFileSync(join(world.directory, 'password'), 'hunter2\n', { mode: 0o600 })

  const daemon = world.start(['run'], {
    MQTT_USERNAME: 'daemon',
    MQTT_PASSWORD_FILE: join(world.directory, 'password'),
  })
  const complaint = await daemon.says('cannot connect to broker')
  expect(complaint).toMatchObject({ reason: expect.stringMatching(/not authori[sz]ed|password|user/i) })
  expect(complaint).toHaveProperty('remedy')
  admit('daemon', 'hunter2')
  await world.broker.restart()

  await daemon.says('connected to broker')
  await using observer = await observe(world.broker.url, 5, { username: 'watcher', password: 'eyes' })
  await until('the birth', () => observer.latest('blink-manifestd/bridge/state') === 'online')
  expect(daemon.stderr()).not.toContain('hunter2')
})

mosquittoTest(
  'a broker with a certificate of an own authority is trusted once mqtt.ca names it',
  async () => {
    await using world = await startWorld({ simulator, mosquitto: { tls: 'server' } })
    const { ca = '', otherCa = '' } = world.broker.certificates ?? {}
    await using observer = await observe(world.broker.url, 5, { ca: readFileSync(ca) })

    const stranger = world.start(['run'], { MQTT_CA: otherCa })
    const complaint = await stranger.says('cannot connect to broker')
    await stranger.says('run done')
    expect(complaint).toMatchObject({ reason: expect.stringMatching(/certificate|signed/i), level: 40 })
    expect(complaint).toMatchObject({ remedy: expect.stringContaining('mqtt.ca') })
    expect(observer.seen).toEqual([])
    expect((await stranger.stop()).code).toBe(0)

    const daemon = world.start(['run'], { MQTT_CA: ca, SCHEDULE_ON_START: 'false' })
    const [item] = await itemsSeen(observer, 1, daemon.stderr)
    expect(item).toMatchObject({ request_id: 670_000_001 })
  },
)
