/**
 * The sockets of the page. Slow or many clients cost themselves their connection, and nobody else anything.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { isIPv6 } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { listenProblem } from '../domain/addresses.ts'
import { ConfigInvalid } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import type { Arrival } from './context.ts'

export interface Place {
  readonly host: string
  readonly port: number
}

export interface Listener {
  readonly port: number
  /** For a browser on this machine. */
  readonly url: string
  close(): Promise<void>
}

export interface ListenerNeeds {
  readonly kind: Arrival['listener']
  readonly place: Place
  readonly answer: (request: Request, arrival: Arrival) => Response | Promise<Response>
  readonly log: Log
}

/** From the first byte to the end of the headers, and to the end of the body. */
const [headersMs, bodyMs] = [10_000, 30_000]
/** A connection on which nothing moves, for instance of somebody who reads no answer. */
const silentMs = 60_000
const mostConnections = 256

/** @throws ConfigInvalid when the place cannot be listened at */
export async function openListener({ kind, place, answer, log }: ListenerNeeds): Promise<Listener> {
  const listener = getRequestListener(
    (request, env) => answer(request, { listener: kind, peer: env.incoming.socket.remoteAddress ?? '' }),
    { overrideGlobalObjects: false },
  )
  const options = {
    ...{ headersTimeout: headersMs, requestTimeout: bodyMs, keepAliveTimeout: 5_000 },
    ...{ connectionsCheckingInterval: 5_000, maxHeaderSize: 16_384 },
  }
  const server = createServer(options, (incoming, outgoing) => void listener(incoming, outgoing))
  server.setTimeout(silentMs)
  server.maxConnections = mostConnections
  server.listen(place.port, place.host)
  const setting = kind === 'direct' ? 'web.listen' : 'web.ingress'
  try {
    await once(server, 'listening')
  } catch (cause) {
    const message = listenProblem(cause, place, 'choose another port')
    throw new ConfigInvalid([{ place: setting, message }], { cause })
  }
  server.on('error', (error) => log.warn({ reason: error.message }, 'page cannot accept a connection'))
  const address = server.address()
  const port = address !== null && typeof address !== 'string' ? address.port : place.port
  const url = urlFor(place.host, port)
  log.info({ url, listener: kind }, 'page listening')
  return { port, url, close: () => close(server) }
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

function urlFor(host: string, port: number): string {
  const seen = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${isIPv6(seen) ? `[${seen}]` : seen}:${port}/`
}
