/** Who may read what the daemon keeps, and to whom it shows its secrets: no setting and no variable changes it. */
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home, itemsSeen } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { observe } from '../support/observer.ts'
import { hasOpenssl, tlsPeer } from '../support/tls-peer.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1)] }

/** Everything in a directory, itself included, with its rights. */
function rightsIn(directory: string): Readonly<Record<string, string>> {
  const names = ['.', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })]
  return Object.fromEntries(
    names.flatMap((name) => {
      const found = statSync(join(directory, name), { throwIfNoEntry: false })
      // A draft that was renamed meanwhile.
      if (!found) return []
      return [[name, `${found.isDirectory() ? 'directory' : 'file'} ${(found.mode & 0o7777).toString(8)}`]]
    }),
  )
}

test.each(['000', '022', '777'])('started with umask %s, it makes files for its owner only', async (mask) => {
  await using world = await startWorld({ broker: false, simulator })
  const before = process.umask(Number.parseInt(mask, 8))
  const daemon = world.start(['run'], { BLINK_MANIFESTD_DATA_DIR: join(world.dataDir, 'deep/er') })
  process.umask(before)
  const other = await daemon.says('run done').then(() => rightsIn(world.dataDir))
  await until('the heartbeat', () => 'deep/er/heartbeat' in rightsIn(world.dataDir))
  await daemon.stop('SIGKILL')

  const rights = { ...other, ...rightsIn(world.dataDir) }
  expect(Object.keys(rights)).toEqual(
    expect.arrayContaining(['.', 'deep', 'deep/er/state.db', 'deep/er/state.db-wal', 'deep/er/logins']),
  )
  expect(Object.keys(rights).length).toBeGreaterThan(7)
  expect(new Set(Object.values(rights))).toEqual(new Set(['directory 700', 'file 600']))
})

mosquittoTest('no environment variable permits a wrong certificate or another route', async () => {
  await using world = await startWorld({ simulator, mosquitto: { tls: 'server' } })
  const { ca = '', otherCa = '' } = world.broker.certificates ?? {}
  const proxied: unknown[] = []
  const proxy = createServer((socket) => proxied.push(socket.destroy())).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  const port = address !== null && typeof address !== 'string' ? address.port : 0
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', MQTTJS_SOCKS_PROXY: `socks5://127.0.0.1:${port}` }

  const wrong = world.start(['run'], { ...env, MQTT_CA: otherCa, SCHEDULE_ON_START: 'false' })
  expect(await wrong.says('cannot connect to broker')).toMatchObject({
    reason: expect.stringMatching(/certificate/),
  })
  const warned = await wrong.says('environment variable removed', 2)
  expect(warned).toMatchObject({ level: 40, remedy: expect.any(String) })
  await wrong.stop()

  const right = world.start(['run'], { ...env, MQTT_CA: ca })
  await using observer = await observe(world.broker.url, 5, { ca: readFileSync(ca) })
  await itemsSeen(observer, 1, right.stderr)
  expect(proxied).toEqual([])
  proxy.close()
})

test.skipIf(!hasOpenssl())(
  'a cloud with an untrusted certificate gets no token, whatever the environment',
  async () => {
    await using peer = await tlsPeer('20200101000000Z', '21200101000000Z')
    await using world = await startWorld({ broker: false, simulator })

    const { code, stderr } = await world.finish(['discover'], {
      ...{ BLINK_OAUTH_URL: peer.url, BLINK_REST_URL: peer.url, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    })
    expect({ code, seen: peer.seen }).toEqual({ code: 75, seen: [] })
    expect(stderr).toMatch(/certificate that is not to be trusted/)
  },
)
