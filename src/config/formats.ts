/**
 * What a setting's text may be: strict formats that say what is wrong, what was given and what is allowed.
 *
 * Registered with convict, whose own formats take `5abc` for 5 and `0` for true. Coercion and validation of a format
 * are one function, which takes the text of any source, or the finished value, and returns the finished value.
 *
 * A format for secrets never repeats what it was given. A URL may hold a password by mistake: one with an `@` is never
 * repeated in a message, and nothing from `?` or `#` on.
 */
import { isIPv4, isIPv6 } from 'node:net'
import convict from 'convict'
import { isLoopback } from '../domain/addresses.ts'
import { templateProblems } from '../domain/clip.ts'
import { isUsableBase } from '../domain/request-url.ts'

/** The name of a registered format, with the type of its values. */
export type Format<T> = string & { readonly _of?: T }

/** The text cannot be the setting's value; the message is the end of a sentence that starts with its name. */
export class BadValue extends Error {
  override readonly name = 'BadValue'
  /** The setting's; set by convict. */
  fullName = ''
}

/** What convict's validation has refused so far: it keeps the errors to itself, and throws a text that repeats values. */
const refused: BadValue[] = []

/** Validates, and returns for each setting that is wrong what is wrong with it. */
export function validate<T>(config: convict.Config<T>): ReadonlyMap<string, string> {
  refused.length = 0
  try {
    config.validate({ allowed: 'strict' })
  } catch (error) {
    if (refused.length === 0) throw error
  }
  return new Map(refused.splice(0).map(({ fullName, message }) => [fullName, message]))
}

export function register<T>(name: string, read: (value: unknown) => T): Format<T> {
  convict.addFormat({
    name,
    // What cannot be read stays as it is, for validation to refuse it.
    coerce: (text: unknown) =>
      attempt(
        () => read(text),
        () => text,
      ),
    validate: (value: unknown) =>
      attempt(
        () => read(value),
        (error) => {
          refused.push(error)
          throw error
        },
      ),
  })
  return name
}

function attempt<T>(work: () => T, otherwise: (error: BadValue) => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof BadValue)) throw error
    return otherwise(error)
  }
}

/** C0 and C1 controls and DEL: they belong in no name, path or topic, and would write on a terminal. */
const control = /[\u0000-\u001f\u007f-\u009f]/
const invisible = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
const longestQuote = 60

/** What was given, safe for a terminal and short enough for a line. */
export function quote(text: string): string {
  const cut = text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text
  const asEscape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(cut).replace(invisible, asEscape)
}

/** The one text that a scalar setting is given as. */
export function asText(value: unknown, wanted: string): string {
  if (Array.isArray(value)) throw new BadValue(`must be ${wanted}, not a list`)
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new BadValue(`must be ${wanted}`)
}

/** Refuses what no name, path or topic can hold. */
export function plainText(value: unknown, wanted: string): string {
  const text = asText(value, wanted)
  if (text === '') throw new BadValue(`must be ${wanted}, but is empty`)
  if (control.test(text))
    throw new BadValue(`must be ${wanted} without control characters, not ${quote(text)}`)
  if (!text.isWellFormed()) throw new BadValue(`must be ${wanted} in valid Unicode, not ${quote(text)}`)
  return text
}

/** A whole number in plain decimal digits. */
export function integer(least: number, most: number): Format<number> {
  const wanted = `a whole number from ${least} to ${most}`
  return register(wanted, (value) => {
    const text = asText(value, wanted)
    const number = Number(text)
    if (!/^(0|-?[1-9]\d*)$/.test(text) || number < least || number > most) {
      throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
    }
    return number
  })
}

const booleans: Readonly<Record<string, boolean>> = {
  ...{ true: true, yes: true, on: true, 1: true },
  ...{ false: false, no: false, off: false, 0: false },
}

export const boolean = register('true or false', (value) => {
  const wanted = 'true or false (or yes, no, on, off, 1, 0)'
  const text = asText(value, wanted)
  const word = text.toLowerCase()
  const found = Object.hasOwn(booleans, word) ? booleans[word] : undefined
  if (found === undefined) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return found
})

/** One of a few words, in exactly this spelling. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Format<Word> {
  const wanted = `one of ${words.join(', ')}`
  return register(wanted, (value) => {
    const text = asText(value, wanted)
    const word = words.find((one) => one === text)
    if (word === undefined) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
    return word
  })
}

/** MQTT's limit for a user name, a password and a client id. */
const longestMqttBytes = 65_535

/** A name as MQTT carries it. */
export const name = register('name', (value) => {
  const text = plainText(value, 'text')
  if (Buffer.byteLength(text) > longestMqttBytes) {
    throw new BadValue(`must be at most ${longestMqttBytes} bytes long`)
  }
  return text
})

/** A secret of any text; nothing that was given is ever repeated. */
export function secret(mostBytes: number): Format<string> {
  return register(`secret of at most ${mostBytes} bytes`, (value) => {
    const text = asText(value, 'text')
    if (text === '') throw new BadValue('must be text, but is empty')
    if (!text.isWellFormed()) throw new BadValue('must be text in valid Unicode')
    if (Buffer.byteLength(text) > mostBytes) throw new BadValue(`must be at most ${mostBytes} bytes long`)
    return text
  })
}

export const password = secret(longestMqttBytes)

const readPath = (value: unknown) => plainText(value, 'a path')
export const path = register('path', readPath)

/** What is wrong with a text as a path, or `undefined`. */
export function pathProblem(text: string): string | undefined {
  return attempt<string | undefined>(
    () => void readPath(text),
    ({ message }) => message,
  )
}

/** Five or six fields; the scheduler checks what is in them. */
export const cronShape = register('cron expression', (value) => {
  const wanted = 'a cron expression of five or six fields'
  const text = plainText(value, wanted)
  const fields = text.trim().split(/\s+/).length
  if (fields < 5 || fields > 6) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return text
})

/** The template of a clip's path. */
export const clipName = register('clip name', (value) => {
  const text = plainText(value, 'a template')
  const [problem] = templateProblems(text)
  if (problem !== undefined) throw new BadValue(`is not a usable name: ${problem}`)
  return text
})

/** A time zone by its IANA name; offsets are refused, because they know no summer time. */
export const timezone = register('time zone', (value) => {
  const wanted = 'an IANA time zone such as Europe/Berlin'
  const text = plainText(value, wanted)
  if (!isTimezone(text)) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return text
})

export function isTimezone(text: string): boolean {
  // The default, without the cost of reading the zones from ICU at each start.
  if (text === 'UTC') return true
  if (!/^[A-Za-z]/.test(text)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}

/** Blink's ids are 64 bit wide: at most 19 digits, and no leading zero that would name the same one twice. */
const moduleEntry = /^[1-9]\d{0,18}(\/[1-9]\d{0,18})?$/

/** Networks and sync modules: a list, or text with commas. */
export const modules = register<readonly string[]>('modules', (value) => {
  const wanted = 'network_id or network_id/sync_module_id, in digits without leading zeros'
  const entries: readonly unknown[] = Array.isArray(value) ? value : splitAtCommas(asText(value, 'a list'))
  return entries.map((entry) => {
    const text = asText(entry, wanted)
    if (!moduleEntry.test(text)) throw new BadValue(`each entry must be ${wanted}, not ${quote(text)}`)
    return text
  })
})

function splitAtCommas(text: string): readonly string[] {
  return text.trim() === '' ? [] : text.split(',').map((entry) => entry.trim())
}

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

export const httpUrl = register('HTTP URL', (value) => {
  const text = plainText(value, 'a URL')
  return http(text, text)
})

/** As `httpUrl`, but may hold `{region}`, to be replaced by an account's region. */
export const regionalUrl = register('HTTP URL with region', (value) => {
  const text = plainText(value, 'a URL')
  return http(text, inSomeRegion(text))
})

function inSomeRegion(url: string): string {
  return url.replaceAll('{region}', 'u001')
}

/** Whether others can read what is sent to this URL. */
export function isOpenToOthers(url: string): boolean {
  return url.startsWith('http://') && !isLoopback(new URL(inSomeRegion(url)).hostname)
}

export const mqttUrl = register('MQTT URL', (value) => {
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
})

/** Whether the connection to the broker is encrypted. */
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
export function parseListen(value: unknown, example = '127.0.0.1:1883'): Listen {
  const wanted = `host:port such as ${example} or ${example.replace('127.0.0.1', '[::1]')}`
  const text = plainText(value, wanted)
  const wrong = () => new BadValue(`must be ${wanted}, not ${quote(text)}`)
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(0|[1-9]\d{0,4})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || !(bracketed === undefined ? isHost(host) : isIPv6(host))) throw wrong()
  const port = Number(digits)
  if (port > 65_535) throw new BadValue(`must have a port from 0 to 65535, not ${quote(text)}`)
  return { host, port, text }
}

export function hostAndPort(example: string): Format<string> {
  return register(`host and port such as ${example}`, (value) => parseListen(value, example).text)
}

/** Origins as a browser names them: a list, or text with commas. */
export const origins = register<readonly string[]>('origins', (value) => {
  const wanted = 'an origin such as https://blink.example'
  const entries: readonly unknown[] = Array.isArray(value) ? value : splitAtCommas(asText(value, 'a list'))
  return entries.map((entry) => {
    const text = plainText(entry, wanted)
    const rules = { wanted, schemes: ['http', 'https'], credentials: 'use web.passwordFile' }
    const { origin, pathname, hostname } = parseUrl(text, rules)
    if (hostname.includes('*'))
      throw new BadValue(`must be ${wanted}, each by its whole name${notThis(text)}`)
    if (pathname !== '/') throw new BadValue(`must be ${wanted}, without a path${notThis(text)}`)
    return origin
  })
})

/** Whether only this machine can connect to a place to listen at. */
export function isLocal({ host }: Listen): boolean {
  return host === '::1' || isLoopback(host)
}

/** Leaves room for ids below it; some brokers take no topic above 256 bytes. */
const longestTopicBytes = 128

/** A topic that others stand below. */
export const topic = register('topic', (value) => {
  const text = plainText(value, 'an MQTT topic')
  const wrong = (reason: string) => new BadValue(`must be an MQTT topic ${reason}, not ${quote(text)}`)
  if (/[+#$]/.test(text)) throw wrong('without + # $')
  if (text.startsWith('/') || text.endsWith('/')) throw wrong('without a slash at its start or end')
  if (text.includes('//')) throw wrong('without empty levels')
  if (Buffer.byteLength(text) > longestTopicBytes) throw wrong(`of at most ${longestTopicBytes} bytes`)
  return text
})
