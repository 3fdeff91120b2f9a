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

export interface Limits {
  /** From the first byte to the end of the headers, and to the end of the body. */
  readonly headersMs: number
  readonly bodyMs: number
  /** How long nothing may move on a connection, for instance when somebody reads no answer. */
  readonly silentMs: number
  readonly connections: number
}

const usualLimits: Limits = { headersMs: 10_000, bodyMs: 30_000, silentMs: 60_000, connections: 256 }

/** @throws ConfigInvalid when the place cannot be listened at */
export async function openListener(needs: ListenerNeeds, limits = usualLimits): Promise<Listener> {
  const { kind, place, answer, log } = needs
  const listener = getRequestListener(
    async (request, env) => {
      const { socket } = env.incoming
      // While Blink takes its time for a sign-in, the silence is ours.
      socket.setTimeout(0)
      try {
        return await answer(request, { listener: kind, peer: socket.remoteAddress ?? '' })
      } finally {
        socket.setTimeout(limits.silentMs)
      }
    },
    { overrideGlobalObjects: false },
  )
  const options = {
    ...{ headersTimeout: limits.headersMs, requestTimeout: limits.bodyMs, keepAliveTimeout: 5_000 },
    ...{ connectionsCheckingInterval: limits.headersMs / 2, maxHeaderSize: 16_384 },
  }
  const server = createServer(options, (incoming, outgoing) => void listener(incoming, outgoing))
  server.setTimeout(limits.silentMs)
  server.maxConnections = limits.connections
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
