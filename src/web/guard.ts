/**
 * Who may send what: hosts, origins, peers, sizes, and the headers of every answer.
 *
 * Nothing here believes a header that a proxy may or may not have set (`X-Forwarded-…`). `Host` is compared on the
 * direct listener, for a name of somebody else's can be made to lead here (DNS rebinding); an address in digits
 * cannot. Ingress keeps the `Host` of the outside, so there it is the peer that counts.
 */
import { isIPv4 } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { isLoopback } from '../domain/addresses.ts'
import type { Arrival, WebContext, WebEnv } from './context.ts'

type Guard = MiddlewareHandler<WebEnv>

/** Home Assistant's Supervisor, in the network of its apps. */
const supervisor = '172.30.32.2'
const ingressPath = /^\/api\/hassio_ingress\/[\w-]+$/
const largestBodyBytes = 64 * 1024

/** Headers of every answer. HSTS is the business of whoever ends TLS: it would hold for other programs of the host. */
export function securityHeaders(): Guard {
  const [direct, ingress] = (['DENY', 'SAMEORIGIN'] as const).map((frames) =>
    secureHeaders({
      strictTransportSecurity: false,
      // Browsers complain of these two where the page is plain http or in a frame.
      crossOriginOpenerPolicy: false,
      originAgentCluster: false,
      // With `no-referrer` browsers send forms with `Origin: null`.
      referrerPolicy: 'same-origin',
      xFrameOptions: frames,
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        mediaSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: [frames === 'DENY' ? "'none'" : "'self'"],
      },
    }),
  )
  return (c, next) => (c.env.listener === 'ingress' ? ingress : direct)?.(c, next) ?? next()
}

/** Refuses whoever the listener is not for, and hosts that are not ours. */
export function peersAndHosts(origins: readonly string[]): Guard {
  const hosts = new Set(origins.map((origin) => new URL(origin).hostname))
  return async (c, next) => {
    const { listener, peer } = c.env
    const fromSupervisor = listener === 'ingress' && plainAddress(peer) === supervisor
    if (listener === 'ingress' && !fromSupervisor && !isLoopbackPeer(peer)) {
      return c.text('Only Home Assistant may connect here.\n', 403)
    }
    const host = hostOf(c, 'http:')
    if (!host) return c.text('The Host header is missing or unreadable.\n', 400)
    if (!fromSupervisor && !isOwnName(host.hostname) && !hosts.has(host.hostname)) {
      return c.text(
        'The page is not known by this name. If it is yours, add its origin to web.origins.\n',
        403,
      )
    }
    return next()
  }
}

const limited: Guard = bodyLimit({
  maxSize: largestBodyBytes,
  onError: (c) => c.text('That is too much.\n', 413, { connection: 'close' }),
})

export const limitedBodies: Guard = (c, next) => {
  const { method, url, headers, body } = c.req.raw
  const isAnnounced = headers.has('content-length') && !headers.has('transfer-encoding')
  // To measure what was not announced, hono copies the request, and the server's own kind cannot be copied.
  if (body && !isAnnounced) c.req.raw = new Request(url, { method, headers, body, duplex: 'half' })
  return limited(c, next)
}

/**
 * Refuses what another site has a browser send: whatever changes something needs our own origin and, in a form, the
 * session's token. JSON cannot be sent across origins without asking first, and that is never granted.
 */
export function sameOrigin(origins: readonly string[]): Guard {
  return async (c, next) => {
    if (c.req.method === 'GET' || c.req.method === 'HEAD') return next()
    if (!isOwnOrigin(c, origins)) {
      const hint = 'Behind a reverse proxy, add the address in the browser to web.origins.'
      return c.text(`This was not sent from this page. ${hint}\n`, 403)
    }
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (type === 'application/json') return next()
    if (type !== 'application/x-www-form-urlencoded')
      return c.text('Only forms and JSON are taken here.\n', 415)
    const { form_token: token } = await c.req.parseBody()
    if (token !== c.get('visit').formToken) {
      return c.text(
        'This form is too old, or cookies are off. Go back, load the page again, and repeat.\n',
        403,
      )
    }
    return next()
  }
}

/** The path below which Home Assistant shows the page; only it can know that. */
export function prefixOf(c: WebContext): string {
  const { listener, peer } = c.env
  const path = c.req.header('x-ingress-path')
  const isBelievable = listener === 'ingress' && (plainAddress(peer) === supervisor || isLoopbackPeer(peer))
  return isBelievable && path !== undefined && ingressPath.test(path) ? path : ''
}

/** Whether the person's browser came by https; only it and the settings can say. */
export function isHttps(c: WebContext, origins: readonly string[]): boolean {
  const given = c.req.header('origin')
  if (given !== undefined) return given.startsWith('https://')
  const host = hostOf(c, 'https:')?.host
  return host !== undefined && origins.includes(`https://${host}`)
}

/**
 * Whether somebody on this machine sends the request, and not a reverse proxy that runs here: it has another `Host`, or
 * says for whom it asks.
 */
export function isFromThisMachine(c: WebContext): boolean {
  const { peer } = c.env
  const host = hostOf(c, 'http:')?.hostname
  const forwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => c.req.header(name))
  return isLoopbackPeer(peer) && host !== undefined && isLoopback(host) && !forwarded
}

function isLoopbackPeer(peer: Arrival['peer']): boolean {
  const address = plainAddress(peer)
  return address === '::1' || (isIPv4(address) && isLoopback(address))
}

/** IPv4 as such, also where an IPv6 socket has taken the connection. */
function plainAddress(peer: string): string {
  return peer.replace(/^::ffff:/i, '')
}

function isOwnOrigin(c: WebContext, origins: readonly string[]): boolean {
  const given = c.req.header('origin') ?? c.req.header('referer')
  if (given === undefined || !URL.canParse(given)) return false
  const { origin, protocol, host } = new URL(given)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  // By host and port: the scheme is another one behind what ends TLS.
  return origins.includes(origin) || hostOf(c, protocol)?.host === host
}

/** The `Host` header as the host of a URL; a port that is the scheme's own is left out. */
function hostOf(c: WebContext, scheme: 'http:' | 'https:'): URL | undefined {
  const header = c.req.header('host')
  if (!header || /[/?#@\\\s]/.test(header)) return undefined
  const url = `${scheme}//${header}`
  return URL.canParse(url) ? new URL(url) : undefined
}

/** A name that nobody else can have made to lead here. */
function isOwnName(hostname: string): boolean {
  return isLoopback(hostname) || isIPv4(hostname) || hostname.startsWith('[')
}
