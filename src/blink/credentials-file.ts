/**
 * Credentials that other programs have written down: the token lines of `BLINK_TOKENS` and of `login --import`
 * (`key=value|key=value`, one line per account), and the JSON that blinkpy saves.
 *
 * A problem names the line and the key that is missing or odd, never a value. Password and e-mail address may be
 * there; they are not read.
 *
 * @see BlinkMonitorProtocol, AUTHENTICATION.md, "Token Storage Format"
 * @see blinkpy e33bdef, blinkpy/auth.py, Auth.login_attributes
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { BlinkId, Credentials } from '../domain/model.ts'
import { Secret } from '../domain/secret.ts'
import { regionOf } from './api.ts'
import { parseJson } from './response.ts'

/** One account's credentials as somebody wrote them down. */
export interface TokenLine {
  /** Counted from 1. */
  readonly line: number
  /** SHA-256 of the line, in hex: distinguishes a changed line from a rotated token without keeping the line. */
  readonly fingerprint: string
  readonly refreshToken: Secret
  readonly clientId: string
  readonly accountId: BlinkId | undefined
  readonly region: string | undefined
  readonly hardwareId: string | undefined
}

export interface TokenLines {
  readonly credentials: readonly TokenLine[]
  /** What makes the text unusable, a sentence each. */
  readonly problems: readonly string[]
  /** What was put right and should be known, a sentence each. */
  readonly notes: readonly string[]
  /** What the line numbers count. */
  readonly unit: 'line' | 'entry'
}

/** What the notes' own examples refresh with when the line does not say. */
const defaultClient = 'android'

/**
 * The cloud answers 406 to these, for too many installations share them. @see home-assistant/core PR 178396
 */
const sharedHardwareIds = ['Home Assistant', 'Blinkpy']

/** Reads all lines; a line with a problem is not among the credentials. */
export function parseTokenLines(text: string): TokenLines {
  const credentials: TokenLine[] = []
  const problems: string[] = []
  const notes: string[] = []
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = unquote(raw)
    if (line === '' || line.startsWith('#')) continue
    const read = readLine(line, index + 1)
    const twin = read.found && credentials.find((other) => isSameAccount(other, read.found))
    if (twin) problems.push(`line ${index + 1}: the same account as in line ${twin.line}`)
    else if (read.found) credentials.push(read.found)
    problems.push(...read.problems.map((problem) => `line ${index + 1}: ${problem}`))
    notes.push(...read.notes.map((note) => `line ${index + 1}: ${note}`))
  }
  return { credentials, problems, notes, unit: 'line' }
}

interface LineRead {
  readonly found?: TokenLine
  readonly problems: readonly string[]
  readonly notes: readonly string[]
}

function readLine(text: string, line: number): LineRead {
  const { values, problems } = pairsOf(text)
  const value = (key: string) => values.get(key) || undefined
  const refreshToken = value('refresh_token')
  const clientId = value('client_id') ?? defaultClient
  const accountId = value('account_id')
  const hardwareId = value('hardware_id')
  const regions = regionsOf(value('region_id'), value('host'))

  if (refreshToken === undefined) problems.push('`refresh_token` is missing')
  else if (!/^[\x21-\x7e]{1,8192}$/.test(refreshToken))
    problems.push('`refresh_token` has blanks or odd characters')
  else if (/^\**redacted\**$/i.test(refreshToken))
    problems.push('`refresh_token` was blacked out, as in a file for a bug report')
  if (!/^[\w.-]{1,64}$/.test(clientId)) problems.push('`client_id` has odd characters')
  if (accountId !== undefined && !/^[1-9]\d{0,19}$/.test(accountId))
    problems.push('`account_id` is not a number')
  if (hardwareId !== undefined && !/^[\x20-\x7e]{1,128}$/.test(hardwareId)) {
    problems.push('`hardware_id` is too long or has odd characters')
  }
  problems.push(...regions.problems)
  if (problems.length > 0 || refreshToken === undefined) return { problems, notes: [] }

  const isShared = hardwareId !== undefined && sharedHardwareIds.includes(hardwareId)
  const found = {
    line,
    fingerprint: createHash('sha256').update(text).digest('hex'),
    refreshToken: new Secret(refreshToken),
    clientId,
    accountId,
    region: regions.region,
    hardwareId: isShared ? undefined : hardwareId,
  }
  const note = '`hardware_id` is one that many installations share and the cloud refuses; our own is used'
  return { found, problems: [], notes: isShared ? [note] : [] }
}

function pairsOf(text: string): {
  readonly values: ReadonlyMap<string, string>
  readonly problems: string[]
} {
  const values = new Map<string, string>()
  const problems: string[] = []
  // Some write other marks between the parts; beside the right one they belong to a value.
  const mark = text.includes('|') ? '|' : /[;,]\s*(?=\w{1,40}=)|[;,]\s*$/
  for (const pair of text.split(mark).filter((part) => part.trim() !== '')) {
    const at = pair.indexOf('=')
    const key = pair.slice(0, Math.max(at, 0)).trim()
    // A key is named in messages only when it looks like one: what has no `=` may be a token cut in two.
    if (!/^\w{1,40}$/.test(key)) {
      problems.push('a part is not of the form key=value')
      continue
    }
    if (values.has(key)) problems.push(`\`${key}\` is there twice`)
    const raw = pair.slice(at + 1).trim()
    if (/[;,]/.test(raw) && isOurs(key)) {
      problems.push(`\`${key}\` holds \`;\` or \`,\`: the mark between two parts is \`|\``)
    }
    const decoded = decode(raw)
    if (decoded === undefined && isOurs(key)) problems.push(`\`${key}\` is not URL-encoded as it should be`)
    values.set(key, decoded ?? '')
  }
  return { values, problems }
}

function isOurs(key: string): boolean {
  return ['refresh_token', 'client_id', 'account_id', 'hardware_id', 'region_id', 'host'].includes(key)
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** From `region_id`, or from a host of Blink's; the token must go nowhere else. */
function regionsOf(
  regionId: string | undefined,
  host: string | undefined,
): { readonly region: string | undefined; readonly problems: readonly string[] } {
  const hosted = (text: string) => /^(?:https:\/\/)?([^./]+)\.immedia-semi\.com\/?$/i.exec(text)?.[1]
  const ofHost = host === undefined ? undefined : regionOf(hosted(host) ?? '')
  // Some write the whole host into both.
  const ofId = regionId === undefined ? undefined : regionOf(hosted(regionId) ?? regionId)
  const problems: string[] = []
  if (regionId !== undefined && ofId === undefined)
    problems.push('`region_id` is not a region such as `e008`')
  if (host !== undefined && ofHost === undefined)
    problems.push('`host` is not a host such as `rest-e008.immedia-semi.com`')
  if (ofId !== undefined && ofHost !== undefined && ofId !== ofHost) {
    problems.push('`region_id` and `host` name different regions')
  }
  return { region: ofId ?? ofHost, problems }
}

function isSameAccount(one: TokenLine, other: TokenLine | undefined): boolean {
  if (one.fingerprint === other?.fingerprint) return true
  if (one.refreshToken.reveal() === other?.refreshToken.reveal()) return true
  return one.accountId !== undefined && one.accountId === other?.accountId
}

/**
 * The line without quotes around it, or around what follows `BLINK_TOKENS=` when a `.env` line was copied
 * whole.
 */
function unquote(raw: string): string {
  const text = raw
    .trim()
    .replace(/^\uFEFF/, '')
    .replace(/^(?:export\s+)?BLINK_TOKENS=/, '')
  return /^(['"])(.*)\1$/.exec(text)?.[2]?.trim() ?? text
}

/** Credentials with what a line says. */
export function credentialsOf(
  line: TokenLine,
  { key, source }: Pick<Credentials, 'key' | 'source'>,
): Credentials {
  const { fingerprint, clientId, refreshToken, accountId, region, hardwareId } = line
  return {
    ...{ key, source, fingerprint, clientId, refreshToken, accountId, region, hardwareId },
    refusedAt: undefined,
  }
}

const text = z.union([z.string(), z.number()]).transform(String).nullish()

const blinkpy = z.object({
  refresh_token: text,
  host: text,
  region_id: text,
  account_id: text,
  hardware_id: text,
})

type Fields = z.output<typeof blinkpy>

/**
 * The credentials in a file: blinkpy's JSON, a list or lines of it, Home Assistant's `core.config_entries`, or token lines.
 *
 * @param client overrides what the file says of the OAuth client, or what its age implies
 */
export function parseImport(content: string, client?: string): TokenLines {
  const whole = content.replace(/^\uFEFF/, '').trim()
  if (!/^[[{]/.test(whole)) {
    const lines = parseTokenLines(whole)
    return client === undefined
      ? lines
      : { ...lines, credentials: lines.credentials.map((each) => ({ ...each, clientId: client })) }
  }
  const refused = (problem: string): TokenLines => ({
    credentials: [],
    problems: [problem],
    notes: [],
    unit: 'entry',
  })
  const values = jsonValues(whole)
  if (!values) return refused('the file is not the JSON that blinkpy saves')
  const found = values.flatMap((value) => loginsIn(value, {}))
  if (found.length === 0) return refused('there is no login of Blink in it')
  const read = found.map((fields) => blinkpy.safeParse(fields).data)
  if (!read.every((fields) => fields !== undefined))
    return refused('the file is not the JSON that blinkpy saves')
  const parsed = parseTokenLines(read.map((fields) => lineOf(fields, client)).join('\n'))
  const named = (sentence: string) =>
    read.length === 1 ? sentence.replace(/^line 1: /, '') : sentence.replaceAll(/\bline (?=\d)/g, 'entry ')
  return { ...parsed, problems: parsed.problems.map(named), notes: parsed.notes.map(named), unit: 'entry' }
}

/** One JSON text, or one on each line. */
function jsonValues(text: string): readonly unknown[] | undefined {
  const value = parseJson(text)
  if (value !== undefined) return [value]
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '')
  const values = lines.map(parseJson)
  return values.includes(undefined) ? undefined : values
}

type Members = Readonly<{ [key: string]: unknown }>

/**
 * The objects that hold a refresh token, however deep, with what is said of the account around them. Home Assistant's
 * file has the entries of all integrations: only those of the domain `blink` are looked at.
 */
function loginsIn(value: unknown, around: Members): readonly Members[] {
  if (Array.isArray(value)) return value.flatMap((one) => loginsIn(one, around))
  if (!isRecord(value)) return []
  if (typeof value.domain === 'string' && value.domain !== 'blink') return []
  const { refresh_token: token, ...here } = { ...around, ...known(value) }
  if (token !== undefined) return [{ ...here, refresh_token: token }]
  const below = Object.values(value).flatMap((part) => loginsIn(part, here))
  // Without a token it is one all the same when nothing else can be meant: the problem then names what is missing.
  const isMeant = value.domain === 'blink' || 'host' in value || 'username' in value
  return below.length > 0 || !isMeant ? below : [here]
}

function isRecord(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

function known(value: Members): Members {
  const keys = Object.keys(blinkpy.shape)
  return Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)))
}

function lineOf({ hardware_id: hardwareId, ...fields }: Fields, client: string | undefined): string {
  const pairs = {
    ...fields,
    hardware_id: hardwareId,
    client_id: client ?? (hardwareId ? 'ios' : 'android'),
  }
  return Object.entries(pairs)
    .flatMap(([key, value]) => (value == null || value === '' ? [] : [`${key}=${encodeURIComponent(value)}`]))
    .join('|')
}
