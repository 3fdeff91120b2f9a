/**
 * The token lines of `BLINK_TOKENS` and of `login --import`: `key=value|key=value`, one line per account.
 *
 * The form is that of the protocol notes' `.env` file. A line that is wrong is told by its number and by the
 * key that is missing or odd, never by a value. The account's password and e-mail address may stand in such a
 * line; they are not read.
 *
 * @see BlinkMonitorProtocol, AUTHENTICATION.md, "Token Storage Format"
 */
import { createHash } from 'node:crypto'
import type { BlinkId, Credentials } from '../domain/model.ts'
import { Secret } from '../domain/secret.ts'
import { regionOf } from './region.ts'

/** One account's credentials as somebody wrote them down. */
export interface TokenLine {
  /** Counted from 1. */
  readonly line: number
  /** SHA-256 of the line, in hex: tells a changed line from a rotated token without keeping the line. */
  readonly fingerprint: string
  readonly refreshToken: Secret
  readonly clientId: string
  readonly accountId: BlinkId | undefined
  readonly region: string | undefined
  readonly hardwareId: string | undefined
}

export interface TokenLines {
  readonly logins: readonly TokenLine[]
  /** What makes the text unusable, a sentence each. */
  readonly problems: readonly string[]
  /** What was put right and should be known, a sentence each. */
  readonly notes: readonly string[]
  /** What the numbers of the logins count. */
  readonly unit: 'line' | 'entry'
}

/** What the notes' own examples refresh with when the line does not say. */
const usualClient = 'android'

/**
 * The cloud answers 406 to these, for too many installations share them. @see home-assistant/core PR 178396
 */
const sharedHardwareIds = ['Home Assistant', 'Blinkpy']

/** Reads all lines; a line with a problem is not among the logins. */
export function parseTokenLines(text: string): TokenLines {
  const logins: TokenLine[] = []
  const problems: string[] = []
  const notes: string[] = []
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = unquote(raw)
    if (line === '' || line.startsWith('#')) continue
    const read = readLine(line, index + 1)
    const twin = read.login && logins.find((other) => isSameAccount(other, read.login))
    if (twin) problems.push(`line ${index + 1}: the same account as in line ${twin.line}`)
    else if (read.login) logins.push(read.login)
    problems.push(...read.problems.map((problem) => `line ${index + 1}: ${problem}`))
    notes.push(...read.notes.map((note) => `line ${index + 1}: ${note}`))
  }
  return { logins, problems, notes, unit: 'line' }
}

interface LineRead {
  readonly login?: TokenLine
  readonly problems: readonly string[]
  readonly notes: readonly string[]
}

function readLine(text: string, line: number): LineRead {
  const { values, problems } = pairsOf(text)
  const value = (key: string) => values.get(key) || undefined
  const refreshToken = value('refresh_token')
  const clientId = value('client_id') ?? usualClient
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
  const login = {
    line,
    fingerprint: createHash('sha256').update(text).digest('hex'),
    refreshToken: new Secret(refreshToken),
    clientId,
    accountId,
    region: regions.region,
    hardwareId: isShared ? undefined : hardwareId,
  }
  const note = '`hardware_id` is one that many installations share and the cloud refuses; our own is used'
  return { login, problems: [], notes: isShared ? [note] : [] }
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

/** A login that begins with what a line told. */
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
