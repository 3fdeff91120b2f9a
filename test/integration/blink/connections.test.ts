/** The connections of the cloud's client: what is left of them when they are over. */
import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { open, until } from '../../support/http-client.ts'
import { homescreenCall, httpPeer, tcpPeer } from '../../support/peer.ts'

test('a connection that is over leaves nothing behind with those who live on', async () => {
  const listen = vi.spyOn(EventTarget.prototype, 'addEventListener')
  onTestFinished(() => listen.mockRestore())
  await using peer = await httpPeer((_, response) => response.setHeader('connection', 'close').end('{}'))
  await using http = open()
  const { signal } = new AbortController()

  for (let nth = 0; nth < 20; nth++) await http.request(homescreenCall(peer.url), signal)

  const heard = listen.mock.contexts.filter((each) => each instanceof AbortSignal)
  const left = new Set(heard.flatMap((each) => getEventListeners(each, 'abort')))
  expect(heard.length).toBeGreaterThanOrEqual(20)
  expect([...left]).toEqual([])
})

test('closing ends a connection that is still being made, also one nobody waits for', async () => {
  const seen: string[] = []
  await using peer = await tcpPeer((socket) => {
    seen.push('opened')
    // Says nothing, so the client goes on waiting for a word of TLS.
    socket.once('close', () => seen.push('closed')).resume()
  })
  const http = open()
  const call = homescreenCall(peer.url.replace('http:', 'https:'))
  const stopping = new AbortController()
  const asked = http.request(call, stopping.signal).catch((error: unknown) => error)
  await until(() => seen.length === 1)
  stopping.abort(new Error('stopped'))
  await asked

  await http.close({ graceMs: 0 })

  await until(() => seen.length === 2)
  expect(seen).toEqual(['opened', 'closed'])
})
