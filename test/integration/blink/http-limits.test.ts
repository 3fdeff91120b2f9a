/**
 * How long and how much: what the client does not put up with.
 */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { CloudChanged } from '../../../src/domain/errors.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { failing, head, open, until } from '../../support/http-client.ts'
import { homescreenCall, httpPeer, manifestCall, saying, tcpPeer } from '../../support/peer.ts'

test('a host that never answers is given up in time, and whether it acted is unknown', async () => {
  await using peer = await httpPeer(() => undefined)
  const clock = fakeClock()
  await using http = open({ clock })

  const failed = failing(http, manifestCall(peer.url))
  await until(() => peer.seen.length === 1)
  await clock.advance(19_999)
  expect(clock.sleeping).toBe(1)
  await clock.advance(1)

  expect(await failed).toMatchObject({
    outcome: 'unknown',
    message: 'manifest request: 127.0.0.1 did not answer in time',
  })
  expect(clock.sleeping).toBe(0)
})

test('a host that drips an answer byte by byte is given up at the same time', async () => {
  let sent = 0
  await using peer = await tcpPeer((socket) => {
    socket.write(`${head}content-length: 1000\r\n\r\n`)
    socket.once('data', () => {
      for (; sent < 10; sent++) socket.write(' ')
    })
  })
  const clock = fakeClock()
  await using http = open({ clock })

  const failed = failing(http, manifestCall(peer.url))
  await until(() => sent === 10)
  await clock.advance(20_000)

  expect(await failed).toMatchObject({ outcome: 'unknown' })
})

test('a host that accepts no connection in time did nothing, and is let go of', async () => {
  let isOpen = false
  // TLS never begins here, so that the connection never stands.
  await using peer = await tcpPeer((socket) => {
    isOpen = true
    socket.resume().on('close', () => {
      isOpen = false
    })
  })
  const clock = fakeClock()
  const http = open({ clock, timeoutMs: 60_000 })

  const failed = failing(http, manifestCall(peer.url.replace('http:', 'https:')))
  await until(() => isOpen)
  await clock.advance(60_000)

  expect(await failed).toMatchObject({ outcome: 'not-done', retryable: true })
  await http.close({ graceMs: 1_000 })
  await until(() => !isOpen)
})

test('an endless answer is cut off after a few megabytes', async () => {
  let sent = 0
  const chunk = Buffer.alloc(64 * 1024, 0x20)
  await using peer = await tcpPeer((socket) => {
    const pour = () => {
      while (sent < 200_000_000 && !socket.destroyed) {
        sent += chunk.length
        if (!socket.write(chunk)) return
      }
    }
    socket.once('data', () => {
      socket.write(`${head}connection: close\r\n\r\n`)
      socket.on('drain', pour)
      pour()
    })
  })
  await using http = open()

  const error = await failing(http, manifestCall(peer.url))

  expect(error).toMatchObject({
    outcome: 'unknown',
    message: 'manifest request: 127.0.0.1 sent a longer answer than we read',
  })
  expect(sent).toBeLessThan(40_000_000)
})

test('an answer that announces too much is not read at all', async () => {
  await using peer = await tcpPeer((socket) => {
    socket.once('data', () => socket.write(`${head}content-length: 200000000\r\n\r\n`))
  })
  await using http = open()

  expect((await failing(http, homescreenCall(peer.url))).message).toContain('longer answer')
})

test('endless headers are cut off as well', async () => {
  await using peer = await saying(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`)
  await using http = open()

  expect(await failing(http, manifestCall(peer.url))).toMatchObject({ outcome: 'unknown' })
})

test('a compressed answer is not unpacked, for a small one may become a large one', async () => {
  await using peer = await httpPeer((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000)))
  })
  await using http = open()

  const error = await failing(http, manifestCall(peer.url))

  expect(error).toBeInstanceOf(CloudChanged)
  expect(error).toMatchObject({ outcome: 'unknown' })
})
