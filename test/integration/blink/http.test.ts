import { expect, test } from 'vitest'
import type { CallRecord } from '../../../src/blink/http.ts'
import { CloudUnreachable } from '../../../src/domain/errors.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { failing, head, open, until } from '../../support/http-client.ts'
import { answering, calm, homescreenCall, httpPeer, manifestCall, saying } from '../../support/peer.ts'

test('a manifest request has no body, says so, and accepts only a plain answer', async () => {
  await using peer = await answering(200, { id: 670555852 }, { 'retry-after': '7' })
  await using http = open({ userAgent: 'blink-manifestd/1' })

  const answer = await http.request(manifestCall(peer.url), calm())

  expect(answer).toEqual({ status: 200, retryAfter: '7', text: '{"id":670555852}' })
  expect(peer.seen).toMatchObject([
    {
      method: 'POST',
      body: '',
      headers: {
        'content-length': '0',
        'accept-encoding': 'identity',
        'user-agent': 'blink-manifestd/1',
        authorization: 'Bearer sesame',
      },
    },
  ])
})

test('whatever is not on the list of our calls is never sent', async () => {
  await using peer = await answering(200, {})
  await using http = open()
  const base = '/api/v1/accounts/1/networks/2/sync_modules/3/local_storage'
  const wrong = [
    '',
    '/format',
    '/eject',
    '/manifest/request/9',
    '/manifest/request?x=1',
    '/manifest/request#x',
  ]

  for (const path of wrong) {
    const call = { ...manifestCall(peer.url), url: `${peer.url}${base}${path}` }
    await expect(http.request(call, calm())).rejects.toThrow('is not a call we make')
  }

  expect(peer.seen).toEqual([])
})

test('a redirect is an answer like any other, and the token does not follow it', async () => {
  await using foreign = await answering(200, { id: 1 })
  await using peer = await answering(307, '', { location: `${foreign.url}/api/v3/accounts/8021/homescreen` })
  await using http = open()

  const answer = await http.request(
    { ...homescreenCall(peer.url), headers: { authorization: 'Bearer x' } },
    calm(),
  )

  expect(answer.status).toBe(307)
  expect(foreign.seen).toEqual([])
})

test('a page of HTML comes back as the text it is', async () => {
  await using peer = await answering(200, '<html>Sign in to the hotel</html>', {
    'content-type': 'text/html',
  })
  await using http = open()

  const { text } = await http.request(homescreenCall(peer.url), calm())

  expect(text).toBe('<html>Sign in to the hotel</html>')
})

test('bytes that are no UTF-8 do not upset the reading', async () => {
  await using peer = await saying(
    Buffer.concat([Buffer.from(`${head}content-length: 3\r\n\r\n`), Buffer.from('ff0041', 'hex')]),
  )
  await using http = open()

  const { text } = await http.request(homescreenCall(peer.url), calm())

  expect(text).toBe('\ufffd\u0000A')
})

test('early hints are passed over, and the answer behind them counts', async () => {
  await using peer = await saying(
    `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${head}content-length: 2\r\n\r\n{}`,
  )
  await using http = open()

  expect(await http.request(homescreenCall(peer.url), calm())).toMatchObject({ status: 200, text: '{}' })
})

test('an abort ends a harmless request with the reason given', async () => {
  await using peer = await httpPeer(() => undefined)
  await using http = open()
  const stop = new AbortController()

  const failed = failing(http, homescreenCall(peer.url), stop.signal)
  await until(() => peer.seen.length === 1)
  stop.abort(new Error('stopping'))

  expect((await failed).message).toBe('stopping')
})

test('an abort does not let us forget a manifest request that is on its way', async () => {
  await using peer = await httpPeer(() => undefined)
  await using http = open()
  const stop = new AbortController()

  const failed = failing(http, manifestCall(peer.url), stop.signal)
  await until(() => peer.seen.length === 1)
  stop.abort(new Error('stopping'))

  expect(await failed).toBeInstanceOf(CloudUnreachable)
  expect(await failed).toMatchObject({ outcome: 'unknown' })
})

test('a request called off while the connection is made is not sent once it stands', async () => {
  await using peer = await answering(200, {})
  await using http = open()
  const stop = new AbortController()

  const failed = failing(http, manifestCall(peer.url), stop.signal)
  // Far enough to be connecting, and no turn of the event loop in which a connection could stand.
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  stop.abort(new Error('stopping'))
  expect((await failed).message).toBe('stopping')
  await http.request(homescreenCall(peer.url), calm())

  expect(peer.seen.map(({ method }) => method)).toEqual(['GET'])
})

test('no more requests than agreed are in flight, and a waiting one can be aborted', async () => {
  const waiting: (() => void)[] = []
  await using peer = await httpPeer((_, response) => {
    waiting.push(() => response.end('{}'))
  })
  const records: CallRecord[] = []
  await using http = open({ concurrency: 2, onCall: (record) => records.push(record) })
  const stop = new AbortController()
  const requests = [1, 2, 4].map(() => http.request(homescreenCall(peer.url), calm()))
  const calledOff = failing(http, manifestCall(peer.url), stop.signal)
  await until(() => peer.seen.length === 2)

  stop.abort(new Error('stopping'))
  expect((await calledOff).message).toBe('stopping')
  expect(peer.seen.length).toBe(2)
  for (const answer of waiting.splice(0)) answer()
  await until(() => waiting.length === 1)
  waiting[0]?.()
  await Promise.all(requests)

  expect(peer.seen.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET'])
  expect(records.length).toBe(3)
})

test('interceptors learn how each call ended, and nothing of what was in it', async () => {
  const records: CallRecord[] = []
  await using peer = await answering(409, { secret: true })
  await using http = open({ onCall: (record) => records.push(record), clock: fakeClock() })

  await http.request(manifestCall(peer.url), calm())
  await failing(http, manifestCall('http://127.0.0.1:1'))

  expect(records).toEqual([
    { kind: 'manifest_request', status: 409, sent: true, ms: 0 },
    { kind: 'manifest_request', errorCode: 'ECONNREFUSED', sent: false, ms: 0 },
  ])
})

test('closing cuts off a request that does not end in time, with an unknown outcome', async () => {
  await using peer = await httpPeer(() => undefined)
  const clock = fakeClock()
  const http = open({ clock })
  const asked = failing(http, manifestCall(peer.url))
  await until(() => peer.seen.length === 1)

  const closed = http.close({ graceMs: 1_000 })
  await clock.advance(1_000)
  await closed

  expect(await asked).toMatchObject({ outcome: 'unknown' })
})

test('closing lets a request in flight come home first', async () => {
  let answer = () => {}
  await using peer = await httpPeer((_, response) => {
    answer = () => response.end('{}')
  })
  const http = open()
  const asked = http.request(homescreenCall(peer.url), calm())
  await until(() => peer.seen.length === 1)

  const closed = http.close({ graceMs: 60_000 })
  answer()

  expect((await asked).text).toBe('{}')
  await closed
  expect(await failing(http, manifestCall(peer.url))).toMatchObject({ outcome: 'not-done' })
})
