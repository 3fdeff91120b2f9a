/**
 * Where the broker is and how to trust it: `mqtt.url`, `mqtt.ca`, `mqtt.cert` and `mqtt.key`, read and checked
 * once at the start, every problem at once. Verification of the broker's certificate cannot be switched off.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { ConfigInvalid, type Problem } from '../domain/errors.ts'
import { failureOf } from '../domain/file-failures.ts'

export interface ServerOptions {
  readonly url: string
  /** Paths of PEM files. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** The broker's address in the words of mqtt.js. */
export interface Server {
  readonly protocol: 'mqtt' | 'mqtts' | 'ws' | 'wss'
  readonly host: string
  readonly port: number
  readonly path?: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const ports = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 }

/** The texts of PEM files, or what is wrong with each. */
type Pems = Readonly<Partial<Record<'ca' | 'cert' | 'key', string | undefined>>>

/** @throws ConfigInvalid when the URL or one of the files cannot be used */
export function readServer(options: ServerOptions): Server {
  const problems: Problem[] = []
  const address = readUrl(options, problems)
  const ca = readPem(options.ca, 'mqtt.ca', problems)
  const cert = readPem(options.cert, 'mqtt.cert', problems)
  const key = readPem(options.key, 'mqtt.key', problems)
  const wrong = checkPems({ ca, cert, key })
  for (const file of ['ca', 'cert', 'key'] as const) {
    if (wrong[file]) problems.push({ place: `mqtt.${file}`, message: `${options[file]} ${wrong[file]}` })
  }
  if (options.cert && !options.key) problems.push({ place: 'mqtt.key', message: 'is needed with mqtt.cert' })
  if (options.key && !options.cert) problems.push({ place: 'mqtt.cert', message: 'is needed with mqtt.key' })
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  if (problems.length > 0 || address === undefined) throw new ConfigInvalid(problems)
  return { ...address, ...tls }
}

/**
 * What is wrong with the texts of PEM files that are to be used together: for each that cannot be, the end of a
 * sentence that starts with its path. Nothing of a text is repeated.
 */
export function checkPems({ ca, cert, key }: Pems): Pems {
  const wrong = {
    ca: unreadable(ca, 'certificate that can be read', (pem) => new X509Certificate(pem)),
    cert: unreadable(cert, 'certificate that can be read', (pem) => new X509Certificate(pem)),
    key: unreadable(key, 'private key that can be read without a password', createPrivateKey),
  }
  const isPair = cert !== undefined && key !== undefined && !wrong.cert && !wrong.key
  return isPair ? { ...wrong, ...tornPair(cert, key) } : wrong
}

function unreadable(
  pem: string | undefined,
  wanted: string,
  parse: (pem: string) => unknown,
): string | undefined {
  if (pem === undefined) return undefined
  if (!pem.includes('-----BEGIN ')) return 'is not a PEM file: it has no line with -----BEGIN'
  try {
    parse(pem)
    return undefined
  } catch {
    return `holds no ${wanted}`
  }
}

/** Asks OpenSSL as a connection will: it also reads the rest of a chain, and refuses what it holds for too weak. */
function tornPair(cert: string, key: string): Pems {
  try {
    createSecureContext({ cert, key })
    return {}
  } catch (error) {
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      return { key: 'does not belong to the certificate in mqtt.cert' }
    }
    const reason = error instanceof Error && 'reason' in error ? ` (${error.reason})` : ''
    return { cert: `holds what OpenSSL does not take${reason}` }
  }
}

/** The URL as it may be shown: without name, password and query. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`
}

function readUrl({ url, ca, cert, key }: ServerOptions, problems: Problem[]): Server | undefined {
  const refuse = (message: string) => {
    problems.push({ place: 'mqtt.url', message })
    return undefined
  }
  // The text is not repeated in a message, for it may hold a password.
  if (!URL.canParse(url)) return refuse('is no URL; mqtt://192.168.1.10:1883 would be one')
  const parsed = new URL(url)
  const protocol = parsed.protocol.slice(0, -1)
  if (protocol !== 'mqtt' && protocol !== 'mqtts' && protocol !== 'ws' && protocol !== 'wss') {
    return refuse('must start with mqtt://, mqtts://, ws:// or wss://')
  }
  if (parsed.hostname === '') return refuse('names no host')
  if (parsed.username || parsed.password) {
    return refuse('must hold no name or password; use mqtt.username and mqtt.password')
  }
  const web = protocol === 'ws' || protocol === 'wss'
  if ((ca || cert || key) && (protocol === 'mqtt' || protocol === 'ws')) {
    return refuse('must start with mqtts:// or wss:// when mqtt.ca, mqtt.cert or mqtt.key is set')
  }
  return {
    protocol,
    // Sockets take an IPv6 address without the brackets; for WebSockets mqtt.js builds a URL of it again.
    host: web ? parsed.hostname : parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? ports[protocol] : Number(parsed.port),
    ...(web && { path: parsed.pathname + parsed.search }),
  }
}

function readPem(path: string | undefined, place: string, problems: Problem[]): string | undefined {
  if (path === undefined || path === '') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const failure = failureOf(error)
    if (!failure) throw error
    problems.push({ place, message: `${path} cannot be read: ${failure.reason}` })
    return undefined
  }
}
