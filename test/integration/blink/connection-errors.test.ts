import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { codeOf, failureOf, HostUnknown } from '../../../src/blink/connection-errors.ts'
import { CloudUnreachable } from '../../../src/domain/errors.ts'
import { failing, head, open } from '../../support/http-client.ts'
import { answering, calm, homescreenCall, manifestCall, saying, tcpPeer } from '../../support/peer.ts'
import { hasOpenssl, tlsPeer } from '../../support/tls-peer.ts'

test.each([
  ['content-length: 100\r\n\r\n{"id":'],
  ['transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n'],
])('an answer cut short is no answer, and leaves a manifest request unknown', async (rest) => {
  await using peer = await saying(head + rest)
  await using http = open()

  const post = await failing(http, manifestCall(peer.url))
  const get = await failing(http, homescreenCall(peer.url))

  expect(post).toBeInstanceOf(CloudUnreachable)
  expect(post).toMatchObject({ outcome: 'unknown', retryable: false })
  expect(get).toMatchObject({ outcome: 'not-done', retryable: true })
})

test('bytes that are no HTTP are no answer, and none of them is repeated', async () => {
  await using peer = await saying('SSH-2.0-OpenSSH_9.2 banana\r\n')
  await using http = open()

  const error = await failing(http, manifestCall(peer.url))

  expect(error).toMatchObject({ outcome: 'unknown' })
  expect(error.message).toBe('manifest request: 127.0.0.1 does not speak HTTP')
  expect(JSON.stringify([error.cause, (error.cause as Error).message])).not.toContain('banana')
})

test('a connection broken after the request was read leaves us not knowing', async () => {
  await using peer = await tcpPeer((socket) => socket.once('data', () => socket.resetAndDestroy()))
  await using http = open()

  expect(await failing(http, manifestCall(peer.url))).toMatchObject({ outcome: 'unknown' })
})

test('a kept connection that is dead leaves the outcome unknown, without a retry', async () => {
  const connections: Socket[] = []
  await using peer = await tcpPeer((socket) => {
    connections.push(socket)
    socket.on('data', () => {
      if (socket.bytesWritten > 0) socket.resetAndDestroy()
      else socket.write(`${head}content-length: 8\r\n\r\n{"id":1}`)
    })
  })
  await using http = open({ concurrency: 1 })
  await http.request(manifestCall(peer.url), calm())

  const error = await failing(http, manifestCall(peer.url))

  expect(error).toMatchObject({ outcome: 'unknown', retryable: false })
  expect(connections.length).toBe(1)
})

test('a connection that is closed before a byte is read leaves us not knowing', async () => {
  await using peer = await tcpPeer((socket) => socket.destroy())
  await using http = open()

  expect(await failing(http, manifestCall(peer.url))).toBeInstanceOf(CloudUnreachable)
})

test('a refused connection certainly did nothing', async () => {
  const peer = await answering(200, {})
  await peer[Symbol.asyncDispose]()
  await using http = open()

  const error = await failing(http, manifestCall(peer.url))

  expect(error).toMatchObject({ outcome: 'not-done', retryable: true })
  expect(error.message).toBe('manifest request: 127.0.0.1 refused the connection')
})

test('a host name that does not exist certainly did nothing, and is distinguished', async () => {
  await using http = open()

  const error = await failing(http, manifestCall('http://rest-e999.invalid'))

  expect(error).toBeInstanceOf(CloudUnreachable)
  expect(error).toMatchObject({ outcome: 'not-done' })
  // A machine without any name server cannot tell that a name does not exist.
  expect(error instanceof HostUnknown || error.message.endsWith('could not be looked up')).toBe(true)
})

test.runIf(hasOpenssl())('a host whose certificate is not to be trusted gets no request', async () => {
  await using stale = await tlsPeer('200101000000Z', '200102000000Z')
  await using fresh = await tlsPeer('200101000000Z', '491231235959Z')
  await using suspicious = open()
  await using trusting = open({ ca: fresh.cert })
  await using trustingToo = open({ ca: stale.cert })

  const unknown = await failing(suspicious, manifestCall(fresh.url))
  const expired = await failing(trustingToo, manifestCall(stale.url))
  const known = await trusting.request(manifestCall(fresh.url), calm())

  expect(unknown).toMatchObject({ outcome: 'not-done' })
  expect(unknown.message).toBe('manifest request: 127.0.0.1 shows a certificate that is not to be trusted')
  expect(expired).toMatchObject({ outcome: 'not-done' })
  expect(expired.message).toBe('manifest request: 127.0.0.1 shows a certificate that has expired')
  expect(expired.remedy).toContain('clock')
  expect(known.text).toBe('{"id":1}')
  expect([fresh.seen.length, stale.seen.length]).toEqual([1, 0])
})

test('an error is reported with a code that is safe to print, or with none', () => {
  const odd = Object.assign(new Error('x'), { code: 'HPE_sesame token' })

  expect(codeOf(odd)).toBe('NO_CODE')
  expect(codeOf('sesame')).toBe('NO_CODE')
  expect(codeOf(Object.assign(new Error('x'), { code: 'EPROTO' }))).toBe('EPROTO')
})

test('our own malformed request is a bug and not the weather', () => {
  const bug = Object.assign(new Error('invalid header'), { code: 'UND_ERR_INVALID_ARG' })

  expect(failureOf(bug, { kind: 'token', host: 'x', sent: false, signal: calm() })).toBe(bug)
})
