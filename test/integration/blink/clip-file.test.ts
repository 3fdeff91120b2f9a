/** A clip's file comes piece by piece, is bounded in length and time, and is never in memory as a whole. */
import type { RequestListener, ServerResponse } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { HttpCall, Sink } from '../../../src/blink/api.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { failing, open, until } from '../../support/http-client.ts'
import { calm, httpPeer } from '../../support/peer.ts'

const path = '/api/v1/accounts/1/networks/2/sync_modules/3/local_storage/manifest/4/clip/request/5'

function clipCall(url: string, sink: Partial<Sink> = {}): HttpCall {
  const whole = { write: () => Promise.resolve(), mostBytes: 1_000_000_000, timeoutMs: 60_000, ...sink }
  return { kind: 'clip', url: `${url}${path}`, headers: {}, sink: whole }
}

/** Sends so many pieces of a megabyte, as fast as they are taken. */
function megabytes(count: number): RequestListener {
  const piece = Buffer.alloc(1_000_000, 7)
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': count * piece.length })
    const more = (left: number): void => {
      if (left === 0) response.end()
      else response.write(piece, (error) => error ?? more(left - 1))
    }
    more(count)
  }
}

/** What is still referred to; what waits for the next collection of garbage depends on everything else here. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().arrayBuffers
}

test('200 MB go through a slow taker without being held in memory', async () => {
  await using peer = await httpPeer(megabytes(200))
  await using http = open()
  let taken = 0
  let most = 0
  let chunks = 0
  const write = async (chunk: Uint8Array) => {
    taken += chunk.length
    if (++chunks % 400 > 0) return
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, heldBytes())
  }
  const before = heldBytes()

  const answer = await http.request(clipCall(peer.url, { write }), calm())

  expect(answer.bytes).toEqual({ received: 200_000_000, announced: 200_000_000 })
  expect(taken).toBe(200_000_000)
  expect(most - before).toBeLessThan(60_000_000)
})

test('a file longer than the limit is not received, announced or not', async () => {
  await using announced = await httpPeer(megabytes(3))
  await using silent = await httpPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4' })
    const timer = setInterval(() => response.write(Buffer.alloc(100_000)), 1)
    response.on('close', () => clearInterval(timer))
  })
  await using http = open()

  for (const peer of [announced, silent]) {
    const error = await failing(http, clipCall(peer.url, { mostBytes: 2_000_000 }))
    expect(error.message).toContain('a longer answer than we read')
  }
})

test('a line may be slow, but neither silent nor slow for ever', async () => {
  const answers: ServerResponse[] = []
  await using peer = await httpPeer((_, response) => {
    answers.push(response.writeHead(200, { 'content-type': 'video/mp4' }))
  })
  const clock = fakeClock()
  await using http = open({ clock, timeoutMs: 20_000 })

  const silent = failing(http, clipCall(peer.url))
  await until(() => answers.length === 1)
  await clock.advance(20_000)
  expect((await silent).code).toBe('cloud_unreachable')

  let pieces = 0
  const write = () => Promise.resolve(void pieces++)
  const slow = failing(http, clipCall(peer.url, { write, timeoutMs: 60_000 }))
  await until(() => answers.length === 2)
  for (let sent = 1; sent <= 4; sent++) {
    answers[1]?.write('x')
    await until(() => pieces === sent)
    await clock.advance(15_000)
  }
  expect((await slow).code).toBe('cloud_unreachable')
})

test('what cannot be written ends the download with that error', async () => {
  await using peer = await httpPeer(megabytes(5))
  await using http = open()
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })

  await expect(http.request(clipCall(peer.url, { write: () => Promise.reject(full) }), calm())).rejects.toBe(
    full,
  )
})
