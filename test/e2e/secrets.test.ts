import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { fast, home, itemsSeen, manifestPath } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const password = 'correct-horse-battery-staple'
/** All tokens of the simulated cloud begin like this. */
const anyToken = /sim-(?:refresh|access)-/

mosquittoTest('no token and no password shows in any log, output, topic or process list', async () => {
  await using world = await startWorld({
    simulator: { manifestSeconds: 0, accounts: [home(4)], accessTokenSeconds: 1 },
    mosquitto: { users: { daemon: password } },
  })
  const login = { MQTT_USERNAME: 'daemon', MQTT_PASSWORD: password }
  await using observer = await observe(world.broker.url, 5, { username: 'daemon', password })
  world.cloud.misbehave({ kind: 'html', path: manifestPath(1), count: 1 })
  world.cloud.misbehave({ kind: 'reset_after', path: manifestPath(2), count: 1 })
  world.cloud.misbehave({ kind: 'html', path: '/oauth/token', count: 1 })

  const daemon = world.start(['run'], { ...login, ...fast, LOG_LEVEL: 'trace' })
  await itemsSeen(observer, 6, daemon.stderr)
  const processList = readFileSync(`/proc/${daemon.pid}/cmdline`, 'utf8')
  const environment = readFileSync(`/proc/${daemon.pid}/environ`, 'utf8').split('\0').filter(Boolean)
  const given = Object.keys({ PATH: '', ...world.env, ...login, ...fast, LOG_LEVEL: '' })
  expect(environment.map((line) => line.slice(0, line.indexOf('='))).toSorted()).toEqual(given.toSorted())
  world.cloud.expireAccessTokens()
  world.cloud.revoke(8021)
  await until('the end of the login', () => daemon.stderr().includes('"login_required"'), {
    state: daemon.stderr,
  })
  await daemon.stop()
  const others = await Promise.all(
    [
      ['once', '--json'],
      ['discover'],
      ['accounts', '--json'],
      ['config'],
      ['config', '--json'],
      // Settings that end in an error must not tell of those that are right.
      ['config', '--mqtt-url', 'nowhere', '--schedule-cron', 'never'],
      ['run', '--mqtt-ca', '/nowhere'],
    ].map(([name = '', ...rest], number) =>
      world.finish([name, ...rest], {
        ...login,
        // What libraries print when they are asked to.
        ...{
          DEBUG: '*',
          NODE_DEBUG: 'undici,fetch,http,https,net,tls',
          LOG_FORMAT: 'pretty',
          LOG_LEVEL: 'trace',
        },
        BLINK_MANIFESTD_DATA_DIR: join(world.directory, `${number}`),
      }),
    ),
  )
  const texts = [
    processList,
    daemon.stdout(),
    daemon.stderr(),
    ...others.flatMap(({ stdout, stderr }) => [stdout, stderr]),
    ...observer.seen.map(
      ({ topic, payload, properties }) => `${topic} ${payload} ${JSON.stringify(properties)}`,
    ),
  ]

  expect(texts.join('\n').length).toBeGreaterThan(10_000)
  expect(texts.filter((text) => anyToken.test(text) || text.includes(password))).toEqual([])
})
