/** Hosts with several addresses: each gets time to answer, and those that were tried are named. */
import dns from 'node:dns'
import { expect, onTestFinished, test, vi } from 'vitest'
import { fakeClock } from '../../support/fake-clock.ts'
import { failing, head, open, until } from '../../support/http-client.ts'
import { answering, calm, homescreenCall, httpPeer, tcpPeer } from '../../support/peer.ts'
import { slowLine } from '../../support/slow-line.ts'

/** Gives every name these addresses. */
function named(...addresses: readonly string[]): void {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((...[, , done]: unknown[]) => {
    process.nextTick(() => (done as (error: null, found: unknown) => void)(null, found))
  }) as typeof dns.lookup)
  onTestFinished(() => spy.mockRestore())
}

test('a slow line to a host whose other address leads nowhere connects', async () => {
  await using line = await slowLine(`${head}content-length: 2\r\n\r\n{}`)
  await using http = open()

  expect(await http.request(homescreenCall(`http://${line.host}`), calm())).toMatchObject({ text: '{}' })
})

test('a host of which no address takes the connection is named with all of them', async () => {
  const peer = await answering(200, {})
  await peer[Symbol.asyncDispose]()
  named('127.0.0.1', '127.0.0.2')
  await using http = open()

  const error = await failing(http, homescreenCall(`http://rest-e008.invalid:${peer.port}`))

  expect(error.message).toBe(
    'home screen: rest-e008.invalid refused the connection (tried 127.0.0.1, 127.0.0.2)',
  )
})

test('a host that does not finish the connection in time is named with its address', async () => {
  const clock = fakeClock()
  const seen: string[] = []
  // Says nothing, so the client goes on waiting for a word of TLS.
  await using peer = await tcpPeer((socket) => void seen.push(socket.localAddress ?? ''))
  named('127.0.0.1')
  await using http = open({ clock })
  const asked = failing(http, homescreenCall(`https://rest-e008.invalid:${peer.port}`))
  await until(() => seen.length === 1)

  await clock.advance(20_000)

  expect((await asked).message).toBe(
    'home screen: rest-e008.invalid did not answer in time (tried 127.0.0.1)',
  )
})

test('a host that took the connection is named without addresses', async () => {
  await using peer = await httpPeer((request) => request.socket.destroy())
  named('127.0.0.1')
  await using http = open()

  const error = await failing(http, homescreenCall(`http://rest-e008.invalid:${peer.port}`))

  expect(error.message).not.toContain('127.0.0.1')
})
