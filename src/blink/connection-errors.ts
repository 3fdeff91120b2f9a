/**
 * What to make of a request that brought no answer. Pure: from an error's code to one of ours.
 *
 * Our messages name the host and the kind of trouble. The error of the HTTP client stays outside of them:
 * some of its errors carry the bytes that could not be read.
 */
import { triedText } from '../domain/addresses.ts'
import { DeadlineReached } from '../domain/clock.ts'
import { CloudChanged, CloudUnreachable, type RequestOutcome } from '../domain/errors.ts'
import { type AnyCallKind, allCalls } from './api.ts'

/** The host's name could not be looked up: a machine without network, or a region that is no longer. */
export class HostUnknown extends CloudUnreachable {}

/** An answer that was not read to its end on purpose. */
export class UnfitAnswer extends Error {
  readonly code: 'ANSWER_TOO_LONG' | 'ANSWER_PACKED'

  constructor(code: 'ANSWER_TOO_LONG' | 'ANSWER_PACKED') {
    super(code)
    this.code = code
  }
}

/** The proxy did not make a tunnel: it could not be reached, or its answer was no. */
export class ProxyFailed extends Error {
  readonly code: string
  /** Host and port. */
  readonly proxy: string
  readonly status: number | undefined

  /** @param reason the error on the way to the proxy, or the HTTP status of its answer */
  constructor(proxy: string, reason: unknown) {
    const code = typeof reason === 'number' ? String(reason) : codeOf(reason)
    super(`the proxy has made no tunnel (${code})`)
    this.code = `PROXY_${code}`
    this.proxy = proxy
    this.status = typeof reason === 'number' ? reason : undefined
  }
}

interface Trouble {
  /** The rest of a sentence that begins with the host. */
  readonly says: string
  readonly remedy?: string
}

const offline = 'Is this machine online?'
const proxyRemedy = 'Is the proxy that HTTPS_PROXY or HTTP_PROXY names the right one, and is it running?'
const unnamed =
  'Is this machine online? Does its name server work, and does a filter such as Pi-hole block this name?'
const untrusted =
  'Is the clock of this machine right? Does something between it and the internet inspect TLS connections?'

const notTrusted: Trouble = { says: 'shows a certificate that is not to be trusted', remedy: untrusted }

/** By the codes of Node, OpenSSL and undici. */
const troubles: Readonly<Record<string, Trouble>> = {
  ENOTFOUND: { says: 'is not known to the name server', remedy: unnamed },
  EAI_AGAIN: { says: 'could not be looked up', remedy: unnamed },
  EAI_FAIL: { says: 'could not be looked up', remedy: unnamed },
  ECONNREFUSED: { says: 'refused the connection' },
  ECONNRESET: { says: 'broke the connection' },
  EPIPE: { says: 'broke the connection' },
  UND_ERR_SOCKET: { says: 'closed the connection before the answer was complete' },
  EHOSTUNREACH: { says: 'cannot be reached from here', remedy: offline },
  ENETUNREACH: { says: 'cannot be reached from here', remedy: offline },
  ETIMEDOUT: { says: 'did not answer in time' },
  UND_ERR_CONNECT_TIMEOUT: { says: 'did not accept the connection in time' },
  DEADLINE: { says: 'did not answer in time' },
  CERT_HAS_EXPIRED: { says: 'shows a certificate that has expired', remedy: untrusted },
  CERT_NOT_YET_VALID: { says: 'shows a certificate that is not valid yet', remedy: untrusted },
  DEPTH_ZERO_SELF_SIGNED_CERT: notTrusted,
  SELF_SIGNED_CERT_IN_CHAIN: notTrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notTrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notTrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: { says: 'shows the certificate of another host', remedy: untrusted },
  NOT_HTTP: { says: 'does not speak HTTP' },
  UND_ERR_HEADERS_OVERFLOW: { says: 'sent a longer answer than we read' },
  ANSWER_TOO_LONG: { says: 'sent a longer answer than we read' },
  ANSWER_PACKED: { says: 'sent a compressed answer, which we do not accept' },
  UND_ERR_DESTROYED: { says: 'was not requested: the program is stopping' },
  UND_ERR_CLOSED: { says: 'was not requested: the program is stopping' },
}

export interface NoAnswer {
  readonly kind: AnyCallKind
  readonly host: string
  /** Host and port of the proxy on the way, if there is one. */
  readonly proxy?: string | undefined
  /** The addresses of the host, or of the proxy, that were tried for the connection. */
  readonly tried?: readonly string[]
  /** Whether the first byte of the request may have left. */
  readonly sent: boolean
  /** The caller's, to tell its abort from our deadline. */
  readonly signal: AbortSignal
}

/** The error to throw for a request that ended in `error`. */
export function failureOf(error: unknown, { kind, host, proxy, tried = [], sent, signal }: NoAnswer): Error {
  const code = codeOf(error)
  const { says, creates } = allCalls[kind]
  const outcome: RequestOutcome = creates && sent ? 'unknown' : 'not-done'
  if (signal.aborted) {
    const reason: unknown = signal.reason
    if (outcome === 'not-done')
      return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
    return new CloudUnreachable(`${says}: given up before ${host} had answered`, { outcome })
  }
  // Our own request was malformed, and that is a bug.
  if (code === 'UND_ERR_INVALID_ARG' && error instanceof Error) return error
  if (error instanceof ProxyFailed) return proxyFailure(error, { says, host, tried, outcome })
  const trouble = troubleOf(code)
  const way = proxy === undefined ? '' : `, through the proxy ${proxy},`
  const message = `${says}: ${host}${way} ${trouble.says}${triedText(tried)}`
  const details = { outcome, ...(trouble.remedy !== undefined && { remedy: trouble.remedy }) }
  if (code === 'ANSWER_PACKED') return new CloudChanged(message, details)
  const cause = new Error(code)
  return trouble.remedy === unnamed
    ? new HostUnknown(message, { ...details, cause })
    : new CloudUnreachable(message, { ...details, cause })
}

function troubleOf(code: string): Trouble {
  return troubles[code] ?? { says: code.startsWith('HPE_') ? 'does not speak HTTP' : `failed us (${code})` }
}

interface ProxyFailure {
  readonly says: string
  readonly host: string
  readonly tried: readonly string[]
  readonly outcome: RequestOutcome
}

function proxyFailure(error: ProxyFailed, { says, host, tried, outcome }: ProxyFailure): CloudUnreachable {
  const { status, proxy } = error
  const details = { outcome, cause: new Error(error.code) }
  const begun = `${says}: the proxy ${proxy}`
  if (status === undefined) {
    const trouble = troubleOf(error.code.replace('PROXY_', ''))
    const remedy = trouble.remedy === untrusted ? untrusted : proxyRemedy
    return new CloudUnreachable(`${begun} ${trouble.says}${triedText(tried)}`, { ...details, remedy })
  }
  const numbered = `(HTTP ${status})`
  if (status === 407) {
    const remedy = 'Put them into the variable: HTTPS_PROXY=http://user:password@host:port, both URL-encoded.'
    return new CloudUnreachable(`${begun} wants a user name and password, or other ones ${numbered}`, {
      ...details,
      remedy,
    })
  }
  // It could not look up the name, or not reach the host; no proxy says which.
  if (status >= 500) {
    return new HostUnknown(`${begun} cannot reach ${host} ${numbered}`, { ...details, remedy: unnamed })
  }
  return new CloudUnreachable(`${begun} does not let us through to ${host} ${numbered}`, {
    ...details,
    remedy: 'Its operator must allow CONNECT to this host, or NO_PROXY must name the host.',
  })
}

/** A short code for an error of whatever origin, safe to print. */
export function codeOf(error: unknown): string {
  if (error instanceof DeadlineReached) return 'DEADLINE'
  // Its code is whatever the parser did not like, and may quote the answer.
  if (error instanceof Error && error.name === 'HTTPParserError') return 'NOT_HTTP'
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : 'NO_CODE'
}
