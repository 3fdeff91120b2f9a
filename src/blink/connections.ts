/**
 * The connections to the cloud: straight, or through the proxy that is named for them.
 *
 * Through a proxy everything is tunnelled, plain HTTP too: so it stays known for certain whether a request was
 * written, and the proxy's password goes to the proxy only. Loopback never goes through a proxy.
 */
import { Socket } from 'node:net'
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici'
import { addressesTried, addressTimeoutMs, isLoopback } from '../domain/addresses.ts'
import type { Secret } from '../domain/secret.ts'
import { ProxyFailed } from './connection-errors.ts'

/** Proxies by the protocol of the request. Each URL may hold a user name and a password. */
export interface Proxies {
  readonly https: Secret | undefined
  readonly http: Secret | undefined
  /** Hosts that are reached without, in the form of `NO_PROXY`. */
  readonly except: string
}

export interface ConnectionOptions {
  /** One connection, from the first packet to the end of the TLS handshake. */
  readonly timeoutMs: number
  readonly connections: number
  readonly maxHeaderSize: number
  readonly keepAliveMaxTimeout: number
  /** Trusted certificates in PEM in place of the system's. */
  readonly ca?: string | undefined
  readonly proxies?: Proxies | undefined
}

/** How the newest connection to a host was made. */
export interface Route {
  /** Host and port of the proxy, if there is one. */
  readonly proxy?: string
  /** The addresses that were tried, while it is being made or when it failed. */
  readonly tried: readonly string[]
}

export interface Connections {
  dispatcherFor(url: URL): Dispatcher
  routeTo(url: URL): Route
  /** Ends all connections at once, also those that are being made. */
  close(): Promise<void>
}

export function openConnections({ timeoutMs, ca, proxies, ...limits }: ConnectionOptions): Connections {
  const tls = {
    timeout: timeoutMs,
    autoSelectFamilyAttemptTimeout: addressTimeoutMs(timeoutMs),
    // Over HTTP/2 undici sends requests again by itself when the server requests it.
    allowH2: false,
    // Said, because a variable of the environment would otherwise have the last word.
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
  }
  const straight = trackConnections(buildConnector(tls))
  const options = {
    ...limits,
    pipelining: 1,
    // The deadline of a request covers the whole of it; these would only cover its parts.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: straight.connect,
  }
  const direct = new Agent(options)
  /** By the requested host and port. */
  const tunnels = new Map<string, Tunnel>()
  const toProxies: ConnectionTracker<Target>[] = []

  function through(proxy: Secret | undefined): Dispatcher | undefined {
    if (!proxy) return undefined
    const toProxy = trackConnections(buildConnector(tls), { until: 'closed' })
    toProxies.push(toProxy)
    return new EnvHttpProxyAgent({
      ...options,
      httpProxy: proxy.reveal(),
      // Empty, or undici would look into the environment by itself.
      httpsProxy: '',
      noProxy: proxies?.except ?? '',
      proxyTunnel: true,
      requestTls: tls,
      clientFactory: (url) => tunnelClient(url, { toProxy, timeoutMs, tunnels }),
    })
  }

  const byProtocol = { 'https:': through(proxies?.https), 'http:': through(proxies?.http) }
  return {
    dispatcherFor({ protocol, hostname }) {
      if (isLoopback(hostname)) return direct
      return byProtocol[protocol === 'https:' ? 'https:' : 'http:'] ?? direct
    },
    routeTo(url) {
      const tunnel = tunnels.get(hostAndPort(url))
      if (!tunnel) return { tried: straight.tried(url.hostname) }
      return { proxy: tunnel.proxy, tried: tunnel.tried() }
    },
    async close() {
      // One that nobody waits for any more would otherwise hold up the end of the process.
      straight.end()
      const open = [direct, ...Object.values(byProtocol)].filter((each) => each !== undefined)
      await Promise.all(open.map((each) => each.destroy()))
      for (const toProxy of toProxies) toProxy.end()
    },
  }
}

type Target = Parameters<ReturnType<typeof buildConnector>>[0]

interface Tunnel {
  readonly proxy: string
  tried(): readonly string[]
}

interface TunnelNeeds {
  readonly toProxy: ConnectionTracker<Target>
  readonly timeoutMs: number
  readonly tunnels: Map<string, Tunnel>
}

/** Requests tunnels from a proxy. Its errors are not those of the host behind it. */
function tunnelClient(url: URL, { toProxy, timeoutMs, tunnels }: TunnelNeeds): Dispatcher {
  const proxy = url.host
  const pool = new Pool(url.origin, { connect: toProxy.connect, headersTimeout: timeoutMs })
  const tunnel = { proxy, tried: () => toProxy.tried(url.hostname) }
  const usual = pool.connect
  const openTunnel = (options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> =>
    Reflect.apply(usual, pool, [options])
  async function connect(options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
    tunnels.set(options.path, tunnel)
    const answer = await openTunnel(options).catch((error: unknown) => {
      throw new ProxyFailed(proxy, error)
    })
    if (answer.statusCode === 200) return answer
    answer.socket.on('error', () => undefined).destroy()
    throw new ProxyFailed(proxy, answer.statusCode)
  }
  return Object.assign(pool, { connect })
}

function hostAndPort({ host, port, protocol }: URL): string {
  if (port !== '') return host
  return `${host}:${protocol === 'https:' ? 443 : 80}`
}

type ConnectDone = (...ended: [error: null, socket: Socket] | [error: Error, socket: null]) => void

/** Begins to connect, and says when that is over; undici's also returns the socket, which is not in its types. */
type Connect<Target> = (target: Target, done: ConnectDone) => unknown

/**
 * Connections that are being made, so that those that nobody waits for any more can be ended.
 *
 * Node.js takes a signal for this as well, and leaves a listener on it for each connection that there ever was: the
 * signal of a daemon that runs for years would hold them all.
 */
interface ConnectionTracker<Target> {
  readonly connect: (target: Target, done: ConnectDone) => void
  /** The addresses that the newest connection to this host has tried, while it is being made or when it failed. */
  tried(hostname: string): readonly string[]
  /** Ends the connections that are tracked. */
  end(): void
}

/** Tracks what `connect` has begun until it is done, or until the connection is closed. */
function trackConnections<Target extends { readonly hostname: string }>(
  connect: Connect<Target>,
  { until = 'done' }: { readonly until?: 'done' | 'closed' } = {},
): ConnectionTracker<Target> {
  const sockets = new Set<Socket>()
  const attempts = new Map<string, () => readonly string[]>()
  return {
    connect(target, done) {
      const { hostname } = target
      const socket = connect(target, (...ended) => {
        if (socket instanceof Socket && until === 'done') sockets.delete(socket)
        const tried = attempts.get(hostname)?.() ?? []
        if (ended[0]) attempts.set(hostname, () => tried)
        else attempts.delete(hostname)
        done(...ended)
      })
      if (!(socket instanceof Socket)) return
      sockets.add(socket)
      if (until === 'closed') socket.once('close', () => sockets.delete(socket))
      attempts.set(hostname, addressesTried(socket))
    },
    tried: (hostname) => attempts.get(hostname)?.() ?? [],
    end() {
      for (const socket of sockets) socket.destroy(new Error('the client was closed'))
    },
  }
}
