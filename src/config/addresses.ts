/**
 * Formats of what names a place on the network: URLs, host:port, MQTT topics.
 *
 * A URL may hold a password by mistake: one with an `@` is never repeated in a message, and nothing
 * from `?` or `#` on.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { isLoopback } from '../domain/addresses.ts'
import { isUsableBase } from '../domain/request-url.ts'
import { BadValue, type Format, plainText, quote } from './formats.ts'

/** The end of a message: what was given, as far as it can hold no password. */
function notThis(text: string): string {
  return `, not ${quote(text.replace(/[?#].*$/s, (rest) => `${rest.slice(0, 1)}…`))}`
}

interface UrlRules {
  readonly wanted: string
  readonly schemes: readonly string[]
  /** Where a user name and password belong instead. */
  readonly credentials: string
}

/** WHATWG's parser forgives blanks, backslashes and missing slashes; a setting should need none. */
function parseUrl(text: string, { wanted, schemes, credentials }: UrlRules): URL {
  // Also where the parser sees none: a password with a slash or a hash in it ends the host early.
  if (text.includes('@'))
    throw new BadValue(`holds a user name or password: never inside the URL; ${credentials}`)
  if (/[?#]/.test(text)) throw new BadValue(`must be ${wanted} without ? and #${notThis(text)}`)
  const scheme = /^([a-z]+):\/\/[^/]/i.exec(text)?.[1]?.toLowerCase()
  const url = URL.canParse(text) ? new URL(text) : undefined
  const known = scheme !== undefined && schemes.includes(scheme)
  if (!url || !known || /[\s\\{}]/.test(text) || url.hostname === '' || url.hostname.includes('%')) {
    throw new BadValue(`must be ${wanted}${notThis(text)}`)
  }
  return url
}

/** An http or https URL, without its last slash, so that a path can follow. */
function http(text: string, checked: string): string {
  parseUrl(checked, {
    wanted: 'a URL such as https://example.org',
    schemes: ['http', 'https'],
    credentials: 'Blink takes none there',
  })
  if (!isUsableBase(new URL(checked.replace(/\/+$/, '')))) {
    throw new BadValue(`must have a path of letters, digits and . ~ - _ only${notThis(text)}`)
  }
  return withSmallScheme(text.replace(/\/+$/, ''))
}

/** `MQTT://` is what `mqtt://` is; the rest of the program knows only the latter. */
function withSmallScheme(text: string): string {
  return text.replace(/^[a-z]+(?=:)/i, (scheme) => scheme.toLowerCase())
}

export const httpUrl: Format<string> = (value) => {
  const text = plainText(value, 'a URL')
  return http(text, text)
}

/** As `httpUrl`, but may hold `{region}`, to be replaced by an account's region. */
export const regionalUrl: Format<string> = (value) => {
  const text = plainText(value, 'a URL')
  return http(text, text.replaceAll('{region}', 'u001'))
}

/** Whether what is sent to this URL can be read on the way. */
export function isOpenToOthers(url: string): boolean {
  if (!url.startsWith('http://')) return false
  return !isLoopback(new URL(url.replaceAll('{region}', 'u001')).hostname)
}

export const mqttUrl: Format<string> = (value) => {
  const wanted = 'a URL that starts with mqtt://, mqtts://, ws:// or wss://, or the word embedded'
  const text = plainText(value, wanted)
  if (text.toLowerCase() === 'embedded') return 'embedded'
  const url = parseUrl(text, {
    wanted,
    schemes: ['mqtt', 'mqtts', 'ws', 'wss'],
    credentials: 'use mqtt.username and mqtt.passwordFile',
  })
  if (url.protocol.startsWith('mqtt') && url.pathname !== '' && url.pathname !== '/') {
    throw new BadValue(`must have no path after the host${notThis(text)}`)
  }
  return withSmallScheme(text)
}

/** Whether the way to the broker is encrypted. */
export function isTls(mqttUrlText: string): boolean {
  return /^(mqtts|wss):/.test(mqttUrlText)
}

export interface Listen {
  readonly host: string
  readonly port: number
  /** As it was given. */
  readonly text: string
}

const hostLabels =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/

/** Host names that end in a number are addresses that went wrong. */
function isHost(host: string): boolean {
  return isIPv4(host) || (hostLabels.test(host) && !/(^|\.)\d+$/.test(host))
}

/** Host and port to listen at; an IPv6 address stands in brackets, port 0 is any free one. */
export function parseListen(value: unknown): Listen {
  const wanted = 'host:port such as 127.0.0.1:1883 or [::1]:1883'
  const text = plainText(value, wanted)
  const wrong = () => new BadValue(`must be ${wanted}, not ${quote(text)}`)
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(0|[1-9]\d{0,4})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || !(bracketed === undefined ? isHost(host) : isIPv6(host))) throw wrong()
  const port = Number(digits)
  if (port > 65_535) throw new BadValue(`must have a port from 0 to 65535, not ${quote(text)}`)
  return { host, port, text }
}

export const hostAndPort: Format<string> = (value) => parseListen(value).text

/** Leaves room for ids below it; some brokers take no topic above 256 bytes. */
const longestTopicBytes = 128

/** A topic that others stand below. */
export const topic: Format<string> = (value) => {
  const text = plainText(value, 'an MQTT topic')
  const wrong = (reason: string) => new BadValue(`must be an MQTT topic ${reason}, not ${quote(text)}`)
  if (/[+#$]/.test(text)) throw wrong('without + # $')
  if (text.startsWith('/') || text.endsWith('/')) throw wrong('without a slash at its start or end')
  if (text.includes('//')) throw wrong('without empty levels')
  if (Buffer.byteLength(text) > longestTopicBytes) throw wrong(`of at most ${longestTopicBytes} bytes`)
  return text
}
