/** A broker with several addresses: each gets time to answer, and those that were tried are named. */
import dns from 'node:dns'
import { expect, onTestFinished, test, vi } from 'vitest'
import { freePort } from '../../support/mosquitto.ts'
import { never, until, wayTo } from '../../support/rig.ts'
import { slowLine } from '../../support/slow-line.ts'

test('a slow broker whose other address leads nowhere connects at the first try', async () => {
  await using line = await slowLine('\x20\x03\x00\x00\x00')
  await using way = wayTo(`mqtt://${line.host}`)

  await way.broker.connected(never)

  expect(way.said('cannot connect to broker')).toEqual([])
})

test('a broker that refuses at every address is named with all of them', async () => {
  const port = await freePort()
  const both = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  const names = vi.spyOn(dns, 'lookup').mockImplementation(((...[, , done]: unknown[]) => {
    process.nextTick(() => (done as (error: null, found: typeof both) => void)(null, both))
  }) as typeof dns.lookup)
  onTestFinished(() => names.mockRestore())
  await using way = wayTo(`mqtt://broker.invalid:${port}`)

  await until('it has failed', () => way.said('cannot connect to broker').length > 0)

  const [line] = way.said('cannot connect to broker')
  expect(line?.fields.reason).toMatch(/127\.0\.0\.1.*127\.0\.0\.2/)
})
