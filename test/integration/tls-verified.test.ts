/** Certificates are verified even where the environment says otherwise: neither library is left to ask it. */
import { expect, test, vi } from 'vitest'
import { createHttp } from '../../src/blink/http.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { mosquittoTest, startMosquitto } from '../support/mosquitto.ts'
import { until, wayTo } from '../support/rig.ts'
import { hasOpenssl, tlsPeer } from '../support/tls-peer.ts'

mosquittoTest('the way to the broker takes no orders from NODE_TLS_REJECT_UNAUTHORIZED', async () => {
  await using mosquitto = await startMosquitto({ tls: 'server' })
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  await using way = wayTo(mosquitto.url, { ca: mosquitto.certificates?.otherCa })
  await using webWay = wayTo(mosquitto.url.replace('mqtts:', 'wss:'))

  await until('both have failed', () => Boolean(way.broker.state.lastError && webWay.broker.state.lastError))
  vi.unstubAllEnvs()
  for (const { broker } of [way, webWay]) expect(broker.state.lastError).toMatch(/certificate/)
})

test.skipIf(!hasOpenssl())('nor does the way to the cloud', async () => {
  await using peer = await tlsPeer('20200101000000Z', '21200101000000Z')
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  const http = createHttp({ clock: systemClock, timeoutMs: 60_000, concurrency: 1 })
  const call = { kind: 'tier_info' as const, url: `${peer.url}/api/v1/users/tier_info`, headers: {} }

  const asked = http.request(call, new AbortController().signal)
  await expect(asked).rejects.toThrow(/certificate/)
  vi.unstubAllEnvs()
  expect(peer.seen).toEqual([])
  await http.close({ graceMs: 0 })
})
