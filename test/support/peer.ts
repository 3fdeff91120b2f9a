/**
 * Servers to talk to in tests: one that speaks HTTP, and one that says whatever bytes it is told to.
 */
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { HttpCall } from '../../src/blink/api.ts'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Peer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Whole requests, in the order of their arrival. */
  readonly seen: readonly Seen[]
}

/** An HTTP server that notes each request before it answers. */
export async function httpPeer(answer: RequestListener): Promise<Peer> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      seen.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() })
      answer(request, response)
    })
  })
  const end = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { ...(await listening(server)), seen, [Symbol.asyncDispose]: end }
}

/** A server that answers every request with this. */
export function answering(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Peer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return httpPeer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
  })
}

/**
 * A TCP server; `talk` gets each connection with its number, from 0. Errors of sockets are of no interest.
 */
export async function tcpPeer(talk: (socket: Socket, index: number) => void): Promise<Omit<Peer, 'seen'>> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    talk(socket, sockets.size)
    sockets.add(socket)
  })
  const end = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return { ...(await listening(server)), [Symbol.asyncDispose]: end }
}

/** A TCP server that sends these bytes as soon as a request has begun, and then hangs up. */
export function saying(bytes: string | Buffer): Promise<Omit<Peer, 'seen'>> {
  return tcpPeer((socket) => socket.once('data', () => socket.end(bytes)))
}

async function listening(server: Server): Promise<{ readonly url: string; readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port }
}

/** Asking for the home screen, which can be repeated. */
export function homescreenCall(url: string): HttpCall {
  return { kind: 'homescreen', url: `${url}/api/v3/accounts/8021/homescreen`, headers: {} }
}

/** Asking for a manifest, which makes something. */
export function manifestCall(url: string): HttpCall {
  const path = '/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage/manifest/request'
  return { kind: 'manifest_request', url: `${url}${path}`, headers: { authorization: 'Bearer sesame' } }
}

/** A signal nobody aborts. */
export function calm(): AbortSignal {
  return new AbortController().signal
}
