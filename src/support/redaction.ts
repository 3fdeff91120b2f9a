/**
 * Takes what is secret or personal out of texts that others will read: log lines, and the bundle for a bug report.
 *
 * Two ways at once. What is known, such as a password of the settings or the name of a sync module, is replaced wherever
 * it stands. What only looks like a token, an address or a serial number is replaced as well, for a library may print
 * what nobody knows of. Rather too much than too little: a masked word costs a question, a published token an account.
 */
import { isIPv6 } from 'node:net'

export interface KnownTexts {
  readonly secrets?: readonly string[]
  /** Names of modules, networks, cameras, users. */
  readonly names?: readonly string[]
  readonly serials?: readonly string[]
  /** Hosts other than Blink's. */
  readonly hosts?: readonly string[]
  /** Directories whose files are named by people. */
  readonly directories?: readonly string[]
}

export interface Redaction {
  text(text: string): string
  /** The same for a document; `key` names the value where it is one of an object. */
  value(value: unknown, key?: string): unknown
}

const masks = {
  secret: '[secret]',
  address: '[address]',
  name: '[name]',
  serial: '[serial]',
} as const

/** A longer text is cut: nobody reads it, and it may be an answer's body. */
const longestText = 4_000
/** As long as what is known may be, and more. */
const longestRead = 65_536
/** A known text that is shorter stands in other words as well, and its mask would show where. */
const shortestKnown = 3
/** V8 refuses a pattern of a hundred thousand characters, and its refusal quotes them. A longer secret is a list of others. */
const mostInPattern = 10_000
const deepest = 8
const mostEntries = 200

const secretKeys =
  /^(?!.*(?:needed|required|file)$)(?:.*(?:password|passwd|passphrase|secret|token|authorization|cookie|verifier|pkce).*|pin|auth|otp)$/i
const addressKeys = /^(?:.*(?:e_?mail|phone|username|user_?name).*|user|host|hostname|ip|mac|address)$/i
const nameKeys = /^(?:name|(?:network|module|camera|device|file|account)_?name|camera|network)$/i
const serialKeys = /^(?:.*serial.*|hardware_?id)$/i
/** Written by us, and needed to find what belongs together. */
const plainKeys = /^(?:time|at|level|msg|credentials|kind|call|outcome|version)$/

/** By hosts: of Blink, of this machine, of documents. */
const openHost =
  /^(?:(?:[\w-]+\.)*(?:immedia-semi\.com|blink\.com|blinkforhome\.com)|localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])$/i

const ourKey = /^(?:login|import|environment)-[\da-f-]+$/
const errorName = /^(?:E|ERR|HPE|SQLITE|TLS|UND)_[A-Z\d_]+$/

const longWord = /[\w-]{16,}/g

interface Pattern {
  /** Without this the pattern has no match; most lines have none of these. */
  readonly where: (text: string) => boolean
  readonly pattern: RegExp
  readonly show: (found: string, ...groups: string[]) => string
}

const has = (piece: string) => (text: string) => text.includes(piece)
const hasDigit = (text: string) => /\d/.test(text)

/** Each in linear time, whatever the text is: a match is looked at by a function, and every repetition is bounded. */
const patterns: readonly Pattern[] = [
  {
    where: has('-----BEGIN '),
    pattern: /-----BEGIN [\s\S]*?(?:-----END [A-Z ]+-----|$)/g,
    show: () => masks.secret,
  },
  {
    where: has('://'),
    pattern: /\b([a-z][a-z\d+.-]{1,20}):\/\/([^\s/?#"'<>|]+)([^\s"'<>|]*)/gi,
    show: shownUrl,
  },
  {
    where: (text) => /passw|secret|token|cookie|verifier|api_?key/i.test(text),
    pattern:
      /\b([\w-]{0,40}(?:password|passwd|secret|token|cookie|verifier|api_?key)["']?\s{0,2}[=:]\s{0,2}["']?)[^\s"',;&|]+/gi,
    show: (_, head) => `${head}${masks.secret}`,
  },
  {
    where: hasDigit,
    pattern: /\b((?:pin|otp|code)["']?\s{0,2}[=:]\s{0,2}["']?)\d{4,8}\b/gi,
    show: (_, head) => `${head}${masks.secret}`,
  },
  {
    where: (text) => /bearer|basic/i.test(text),
    pattern: /\b(bearer|basic)\s+[\w.~+/=-]{3,}/gi,
    show: (_, scheme) => `${scheme} ${masks.secret}`,
  },
  {
    where: has('@'),
    pattern: /(?:"[^"\n]{1,64}"|[^\s@"'<>(),;:=|[\]{}]{1,64})@[^\s@"'<>(),;:=|[\]{}]{1,255}/gu,
    show: () => masks.address,
  },
  { where: has('%40'), pattern: /[\w.+-]{1,64}%40[\w.%-]{1,255}/gi, show: () => masks.address },
  {
    where: (text) => /[\da-f][:-][\da-f]/i.test(text),
    pattern: /\b[\da-f]{2}(?:[:-][\da-f]{2}){5}\b/gi,
    show: () => masks.address,
  },
  {
    where: hasDigit,
    pattern: /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/g,
    show: (found) => (openHost.test(found) ? found : masks.address),
  },
  {
    where: has(':'),
    pattern: /(?<![\w:.])[\da-f:]{2,39}(?:\.\d{1,3}){0,3}(?:%\w{1,16})?(?![\w:])/gi,
    show: shownIpv6,
  },
  { where: has('+'), pattern: /\+\d[\d ()/-]{6,20}\d/g, show: () => masks.address },
  {
    where: (text) => hasDigit(text) && /[A-Z]/.test(text),
    pattern: /(?<![A-Za-z\d])(?:[A-Z\d]{3,}(?:-[A-Z\d]+)+|[A-Z\d]{9,15})(?![A-Za-z\d])/g,
    show: shownSerial,
  },
  { where: hasDigit, pattern: longWord, show: shownWord },
  { where: hasDigit, pattern: /[A-Za-z\d+/]{32,}={0,2}/g, show: shownBase64 },
  {
    where: (text) => /home|users/i.test(text),
    pattern: /((?:\/home|\/Users|\\Users)[/\\])[^/\\\s"':]+/g,
    show: (_, head) => `${head}${masks.name}`,
  },
]

function shownUrl(_: string, scheme: string, authority: string, rest: string): string {
  const { host = '', port = '' } =
    /(?:.*@)?(?<host>\[[\da-f:.]+\]|[^:]*)(?<port>:\d+)?$/i.exec(authority)?.groups ?? {}
  const isOpen = openHost.test(host)
  // What follows a host of somebody else may be the secret of a web hook.
  const path = isOpen ? rest.replace(/[?#].*$/s, '?[secret]') : rest.length > 1 ? '/…' : rest
  return `${scheme}://${isOpen || host === '' ? host : masks.address}${port}${path}`
}

function shownIpv6(found: string): string {
  const [address = ''] = found.split('%')
  if (!isIPv6(address) || address === '::' || address === '::1') return found
  return masks.address
}

function shownSerial(found: string): string {
  const isTime = /^\d{4}-\d\d-\d\d(?:T\d\d)?$/.test(found)
  return isTime || found.length < 9 || !/\d/.test(found) || !/[A-Z]/.test(found) ? found : masks.serial
}

/** Names of ours have no digits, and ids no letters. */
function shownWord(found: string): string {
  if (ourKey.test(found) || errorName.test(found)) return found
  if (!/\d/.test(found) || !/[A-Za-z]/.test(found)) return found
  return masks.secret
}

function shownBase64(found: string): string {
  return /[a-z]/.test(found) && /[A-Z]/.test(found) && /\d/.test(found) ? masks.secret : found
}

export function createRedaction(known: KnownTexts): Redaction {
  const { secrets = [], names = [], serials = [], hosts = [], directories = [] } = known
  const replacements = new Map<string, string>()
  const add = (texts: readonly string[], mask: string) => {
    for (const text of texts) {
      for (const form of formsOf(text)) if (isWanted(form)) replacements.set(form, mask)
    }
  }
  add(
    hosts.filter((host) => !openHost.test(host)),
    masks.address,
  )
  add(names, masks.name)
  add(serials, masks.serial)
  add(secrets, masks.secret)
  const literals = patternsOf(
    [...replacements]
      .toSorted(([a], [b]) => b.length - a.length)
      .map(([form, mask]) => (mask === masks.secret ? RegExp.escape(form) : asWord(form))),
  )
  const below =
    directories.length > 0
      ? new RegExp(`(${directories.map((each) => RegExp.escape(each)).join('|')})/[^":\\n]+`, 'g')
      : undefined

  function text(whole: string): string {
    let shown = whole.slice(0, longestRead)
    if (below) shown = shown.replace(below, `$1/${masks.name}`)
    for (const literal of literals) {
      shown = shown.replace(literal, (found) => replacements.get(found) ?? masks.secret)
    }
    // Not inside of a word: the beginning of a token does not look like one.
    if (shown.length > longestText) shown = `${shown.slice(0, longestText).replace(/[^\s"',]*$/, '')}…`
    for (const { where, pattern, show } of patterns) if (where(shown)) shown = shown.replace(pattern, show)
    return shown
  }

  function value(whole: unknown, key = '', depth = 0): unknown {
    if (whole === null || typeof whole === 'boolean') return whole
    if (key !== '' && typeof whole !== 'object') {
      if (secretKeys.test(key)) return masks.secret
      if (addressKeys.test(key)) return openHost.test(String(whole)) ? whole : masks.address
      if (serialKeys.test(key)) return masks.serial
      if (nameKeys.test(key)) return masks.name
      // Of a clip, below its directory.
      if (key === 'path' && !/^([/\\]|\w:)/.test(String(whole))) return masks.name
    }
    if (typeof whole === 'string') return plainKeys.test(key) ? shownPlain(whole) : text(whole)
    if (typeof whole === 'number') return whole
    if (typeof whole !== 'object' || depth >= deepest) return masks.secret
    if (Array.isArray(whole)) return whole.slice(0, mostEntries).map((each) => value(each, key, depth + 1))
    const entries = Object.entries(whole).slice(0, mostEntries)
    return Object.fromEntries(entries.map(([name, each]) => [text(name), value(each, name, depth + 1)]))
  }

  /** A constant of ours, unless somebody has put something else there. */
  function shownPlain(whole: string): string {
    return whole.length <= 200 && !/[@/\\]/.test(whole)
      ? (literalSecrets(whole) ?? whole.replace(longWord, shownWord))
      : text(whole)
  }

  const secretForms = [...replacements].flatMap(([form, mask]) => (mask === masks.secret ? [form] : []))
  function literalSecrets(whole: string): string | undefined {
    return secretForms.some((form) => whole.includes(form)) ? masks.secret : undefined
  }

  return { text, value: (whole, key) => value(whole, key) }
}

/**
 * Whether a known text must be looked for. A token of a fleet's thousands, each of which every line would be searched
 * for, need not be: the pattern of long words finds it, whatever stands beside it.
 */
function isWanted(form: string): boolean {
  if (form.length < shortestKnown || form.length > mostInPattern) return false
  const isFoundAnyway =
    /^[\w-]{16,}$/.test(form) && /\d/.test(form) && /[g-z]/.test(form) && !ourKey.test(form)
  return !isFoundAnyway
}

/** Alternatives, in their order, in as many patterns as they need. */
function patternsOf(alternatives: readonly string[]): readonly RegExp[] {
  const patterns: RegExp[] = []
  let [some, length]: [string[], number] = [[], 0]
  const flush = () => {
    if (some.length > 0) patterns.push(new RegExp(some.join('|'), 'gu'))
    ;[some, length] = [[], 0]
  }
  for (const each of alternatives) {
    if (length + each.length > mostInPattern) flush()
    some.push(each)
    length += each.length
  }
  flush()
  return patterns
}

/** As it is, as forms and addresses have it, as JSON has it, as Base64 at the beginning of something. */
function formsOf(text: string): readonly string[] {
  const encode = () => {
    try {
      return encodeURIComponent(text)
    } catch {
      // Half a character has no such form.
      return text
    }
  }
  const inForm = new URLSearchParams([['', text]]).toString().slice(1)
  const base64 = Buffer.from(text).toString('base64').replace(/.?=*$/, '')
  const forms = [text, inForm, encode(), JSON.stringify(text).slice(1, -1)]
  return [...new Set([...forms, ...(text.length >= 6 ? [base64] : [])])]
}

/** Not inside of a longer word: a camera may be called "run". */
function asWord(text: string): string {
  const edge = (character: string) => /[\p{L}\p{N}_]/u.test(character)
  const [first = '', last = ''] = [text.slice(0, 1), text.slice(-1)]
  const before = edge(first) ? '(?<![\\p{L}\\p{N}_])' : ''
  const after = edge(last) ? '(?![\\p{L}\\p{N}_])' : ''
  return `${before}${RegExp.escape(text)}${after}`
}
