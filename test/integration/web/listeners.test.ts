import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigInvalid } from '../../../src/domain/errors.ts'
import { type Limits, type Listener, openListener } from '../../../src/web/listeners.ts'
import { readableLog } from '../../support/samples.ts'
import { until } from '../../support/until.ts'

/** Limits that a test can wait for; what they are here proves nothing about what they are. */
const short: Limits = { headersMs: 200, bodyMs: 400, silentMs: 60_000, connections: 20 }
const long = 600_000
const unhurried: Limits = { ...short, headersMs: long, bodyMs: long, silentMs: long }

type Answer = Parameters<typeof openListener>[0]['answer']

/** Reads what was sent, and says hello. */
const hello: Answer = async (request) => new Response(`hello ${(await request.text()).length}\n`)

async function aListener(limits: Limits, answer: Answer = hello): Promise<Listener> {
  const place = { host: '127.0.0.1', port: 0 }
  const listener = await openListener({ kind: 'direct', place, answer, log: readableLog() }, limits)
  onTestFinished(() => listener.close())
  return listener
}

function client({ port }: Listener): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  return socket
}

/** However it ends: a reset is an end. */
const closed = (socket: Socket) =>
  new Promise<void>((resolve) => socket.resume().once('close', () => resolve()))

/** Sends a byte now and then for as long as the other side bears it. */
function drip(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), 20)
  onTestFinished(() => clearInterval(timer))
  socket.once('close', () => clearInterval(timer))
}

/** Resolves when somebody else is served; the short limits may cut an honest client off on a busy machine. */
async function served({ url }: Listener): Promise<void> {
  const isServed = async () => {
    const answer = await fetch(url, { headers: { connection: 'close' } })
    return (await answer.text()) === 'hello 0\n'
  }
  while (!(await isServed().catch(() => false)));
}

test('headers that never end cost their sender the connection', async () => {
  const listener = await aListener(short)
  const slow = [1, 2, 3].map(() => {
    const socket = client(listener)
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ')
    drip(socket, 'a')
    return closed(socket)
  })

  await served(listener)
  await Promise.all(slow)
})

test('a connection on which nothing is sent is closed', async () => {
  const listener = await aListener({ ...short, silentMs: 200 })

  await closed(client(listener))
})

test('a body that never ends costs its sender the connection', async () => {
  const listener = await aListener(short)
  const socket = client(listener)
  socket.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n')
  drip(socket, 'a')

  await served(listener)
  await closed(socket)
})

test('an answer that takes longer than a connection may be silent still comes', async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const listener = await aListener({ ...unhurried, silentMs: 200 }, async () => {
    ask()
    await answered
    return new Response('at last')
  })
  const socket = client(listener)
  socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n')
  await asked
  // One that was opened later is closed for its silence.
  await closed(client(listener))
  answer()

  expect(await text(socket)).toMatch(/at last$/)
})

test('an answer that nobody reads is given up, with its memory', async () => {
  let sent = 0
  let isGivenUp = false
  const listener = await aListener({ ...unhurried, silentMs: 300 }, () => {
    const body = new ReadableStream({
      pull(controller) {
        sent += 65_536
        controller.enqueue(new Uint8Array(65_536))
      },
      cancel() {
        isGivenUp = true
      },
    })
    return new Response(body)
  })
  const socket = client(listener)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')

  await until('the end of the answer', () => isGivenUp)
  expect(sent).toBeLessThan(64 * 1024 * 1024)
})

test('more connections than there may be are closed, and there is room when others end', async () => {
  const listener = await aListener({ ...unhurried, connections: 5 })
  const first = Array.from({ length: 5 }, () => client(listener))
  await Promise.all(first.map((socket) => once(socket, 'connect')))

  await Promise.all(Array.from({ length: 50 }, () => closed(client(listener))))
  for (const socket of first) socket.destroy()

  await served(listener)
  expect(first.every(({ destroyed }) => destroyed)).toBe(true)
})

test('headers beyond 16 kB and what is no HTTP are refused', async () => {
  const listener = await aListener(unhurried)
  const large = client(listener)
  large.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)
  const noise = client(listener)
  noise.write('\u0016\u0003\u0001 hello\r\n\r\n')

  expect(await text(large)).toMatch(/^HTTP\/1.1 431 /)
  expect(await text(noise)).toMatch(/^HTTP\/1.1 400 /)
  await served(listener)
})

test('a stop ends streams and half requests at once', async () => {
  const listener = await aListener(unhurried, () => new Response(new ReadableStream()))
  const [stream, half] = [client(listener), client(listener)]
  stream.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  half.write('GET / HT')
  await once(stream, 'data')

  await listener.close()

  await Promise.all([closed(stream), closed(half)])
})

test('a port that is taken is told with its setting and what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const address = other.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const needs = { answer: hello, log: readableLog(), place: { host: '127.0.0.1', port } }

  const error = await openListener({ ...needs, kind: 'ingress' }).catch((thrown: unknown) => thrown)

  expect(error).toBeInstanceOf(ConfigInvalid)
  expect(String(error)).toContain(`web.ingress: 127.0.0.1:${port} is in use; choose another port`)
})

test('the rest of the program keeps its own Request and Response', async () => {
  const before = [globalThis.Request, globalThis.Response]
  const listener = await aListener(unhurried)
  await served(listener)

  expect([globalThis.Request, globalThis.Response]).toEqual(before)
})
