import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { fakeBroker, packetBytes } from '../../support/fake-broker.ts'
import { message, never, texts, until, wayTo } from '../../support/rig.ts'

interface WebSockets {
  readonly WebSocketServer: new (
    options: object,
  ) => {
    on(event: 'connection', listener: (socket: object, request: { url: string }) => void): void
  }
  createWebSocketStream(socket: object): Duplex
}

// The library mqtt.js uses: no dependency of ours, so it is found from there.
const { WebSocketServer, createWebSocketStream } = createRequire(
  createRequire(import.meta.url).resolve('mqtt'),
)('ws') as WebSockets

async function webServer() {
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

test('a broker behind a WebSocket is reached at its path', async () => {
  await using peer = await fakeBroker()
  const { server, port } = await webServer()
  const asked: string[] = []
  new WebSocketServer({ server }).on('connection', (socket, { url }) => {
    asked.push(url)
    const stream = createWebSocketStream(socket)
    stream.on('error', () => undefined)
    stream.pipe(connect(peer.port, '127.0.0.1')).pipe(stream)
  })
  const { broker } = wayTo(`ws://127.0.0.1:${port}/mqtt?tenant=1`)

  await broker.publish(message('a'), never)
  expect(asked).toEqual(['/mqtt?tenant=1'])
  expect(texts(peer.published)).toEqual(['a'])
  await broker.close({ deadlineMs: 100_000 })
  server.close()
})

test('a web server that knows nothing of MQTT is named as such', async () => {
  const { server, port } = await webServer()
  await using way = wayTo(`ws://127.0.0.1:${port}/mqtt`)

  await until('a try has failed', () => way.broker.state.lastError !== undefined)
  expect(way.broker.state.lastError).toBe('Unexpected server response: 404')
  server.close()
})

test('a frame larger than anybody needs ends the connection before it is gathered', async () => {
  const { server, port } = await webServer()
  let sent = 0
  new WebSocketServer({ server }).on('connection', (socket) => {
    const stream = createWebSocketStream(socket)
    stream.on('error', () => undefined)
    stream.once('data', () => {
      sent++
      stream.write(packetBytes({ cmd: 'connack', returnCode: 0, sessionPresent: false }))
      // Each packet of it is small.
      stream.write(Buffer.alloc(5_000_000, packetBytes({ cmd: 'pingresp' })))
    })
  })
  await using way = wayTo(`ws://127.0.0.1:${port}/`, { protocol: 4 })

  await until('a connection has ended', () => way.broker.state.lastError !== undefined)
  expect(sent).toBeGreaterThan(0)
  expect(way.broker.state.lastError).toBe('Max payload size exceeded')
  server.close()
})
