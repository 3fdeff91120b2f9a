/**
 * Stands between a client and its server and counts what goes through, in both directions: what TCP carries,
 * without its own headers.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Traffic {
  /** From the client to the server, in bytes. */
  readonly sent: number
  /** From the server to the client, in bytes. */
  readonly received: number
}

export interface CountingProxy extends AsyncDisposable {
  readonly port: number
  /** So far, over all connections. */
  traffic(): Traffic
}

/** @param port of the server, on this machine */
export async function startCountingProxy(port: number): Promise<CountingProxy> {
  const sockets = new Set<Socket>()
  let sent = 0
  let received = 0
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay()
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
  const proxy = createServer((incoming) => {
    const client = keep(incoming)
    const server = keep(connect(port, '127.0.0.1'))
    client.on('data', (bytes) => {
      sent += bytes.length
    })
    server.on('data', (bytes) => {
      received += bytes.length
    })
    client.pipe(server).pipe(client)
    // Whoever is gone, the other one is let go too: a lap that misses something fails by itself.
    client.once('error', () => server.destroy())
    server.once('error', () => client.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    traffic: () => ({ sent, received }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
