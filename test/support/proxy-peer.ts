/**
 * A CONNECT proxy that can ask for a password, and for which every name is this machine.
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface ProxyPeer extends AsyncDisposable {
  /** Host and port. */
  readonly host: string
  /** What was asked for, in the order of its coming. */
  readonly asked: readonly { readonly target: string; readonly headers: IncomingHttpHeaders }[]
}

export interface ProxyOptions {
  /** As a `user:password` that must be sent. */
  readonly login?: string
  /** Answers each CONNECT so, or not at all when 0. */
  readonly status?: number
  /** Speaks TLS with this certificate. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export async function proxyPeer({ login, status, tls }: ProxyOptions = {}): Promise<ProxyPeer> {
  const asked: ProxyPeer['asked'][number][] = []
  const sockets = new Set<Socket>()
  const wanted = login && `Basic ${Buffer.from(login).toString('base64')}`
  const refuse: RequestListener = (request, response) => {
    asked.push({ target: request.url ?? '', headers: request.headers })
    response.writeHead(501).end()
  }
  const server = tls ? createTlsServer(tls, refuse) : createServer(refuse)
  server.on('connect', ({ url = '', headers }, near: Socket) => {
    asked.push({ target: url, headers })
    sockets.add(near.on('error', () => undefined))
    const isKnown = wanted === undefined || headers['proxy-authorization'] === wanted
    const answer = isKnown ? (status ?? 200) : 407
    if (answer === 0) return
    if (answer !== 200) return void near.end(`HTTP/1.1 ${answer} No\r\nproxy-authenticate: Basic\r\n\r\n`)
    const far = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
      near.write('HTTP/1.1 200 OK\r\n\r\n')
      far.pipe(near).pipe(far)
    })
    sockets.add(far.on('error', () => near.destroy()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    host: `127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
