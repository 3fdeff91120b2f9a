/**
 * From an answer of the cloud to its JSON, or to one of our errors. Pure.
 *
 * The code in the body decides before the HTTP status, since the same status means different things (409 is
 * "busy" and "not ready yet") and the status of most codes was never published. The two look alike, body code
 * 402 is a module that is offline and HTTP 402 is not, so they have a type and a table each.
 *
 * @see the apps' and clients' tables: nico579/blink2video, weirdtangent/blink2mqtt, sealad886
 *   blink_api_map.md
 */
import {
  AccountThrottled,
  CloudChanged,
  type CloudErrorDetails,
  CloudRefused,
  CloudUnreachable,
  LoginNeeded,
  ModuleBusy,
  TwoFactorNeeded,
} from '../domain/errors.ts'
import { type CallKind, calls, type HttpAnswer } from './api.ts'
import {
  type BodyCode,
  bodyCodes,
  codeWanted,
  emptyAnswer,
  type HttpStatus,
  notJson,
  notRenewed,
  oauthErrors,
  type Verdict,
  verdictOfStatus,
  withdrawn,
} from './response-codes.ts'

/** The access token is not accepted (any more); a new one may be. */
export class TokenRefused extends CloudRefused {}

export interface Answered extends Omit<HttpAnswer, 'retryAfter'> {
  readonly kind: CallKind
  readonly retryAfter?: string | undefined
  /** Wall clock, for a `Retry-After` that names a date. */
  readonly now: number
}

/**
 * The JSON of a good answer.
 *
 * @throws LoginNeeded, TokenRefused, ModuleBusy, AccountThrottled, CloudRefused, CloudUnreachable,
 *   CloudChanged
 */
export function classify(answered: Answered): unknown {
  const status: HttpStatus = answered.status
  const { kind, text } = answered
  const { creates } = calls[kind]
  const json = parseJson(text)
  const isGood = status >= 200 && status < 300
  if (isGood && answered.bytes) return undefined
  if (isGood && hasExpectedField(json, kind)) return json

  const code = bodyCodeOf(json)
  const verdict = spokenVerdict(json, status, kind) ?? (isGood ? undefined : verdictOfStatus(status, creates))
  // The token call carries no access token: what is not accepted there is the refresh token itself, if the status is 401.
  if (verdict?.as === 'token_refused' && kind === 'token')
    throw errorOf(status === 401 ? withdrawn : notRenewed, answered, code)
  if (verdict) throw errorOf(verdict, answered, code)
  if (text.trim() === '') throw errorOf(emptyAnswer, answered, code)
  if (json !== undefined) return json
  throw errorOf(notJson, answered, code)
}

/** No error answer is longer. */
const longestErrorAnswer = 10_000

/** The error in an answer, for who only wants to know whether there is one. */
export function refusalIn(answered: Answered): unknown {
  if (isPlainlyGood(answered)) return undefined
  try {
    classify(answered)
    return undefined
  } catch (error) {
    return error
  }
}

/** Lists, which may be long, and ids, of which there are many, need not be read twice. */
function isPlainlyGood({ kind, status, text, bytes }: Answered): boolean {
  if (status < 200 || status >= 300) return false
  if (bytes) return true
  return text.length > longestErrorAnswer || (kind === 'manifest_request' && !text.includes('"code"'))
}

/** A good answer may carry a code as well: the version call says 103 and means "OK". */
function hasExpectedField(json: unknown, kind: CallKind): boolean {
  return isRecord(json) && calls[kind].fields.some((field) => field in json)
}

function bodyCodeOf(json: unknown): BodyCode | undefined {
  const code = isRecord(json) ? json.code : undefined
  if (typeof code === 'number' && Number.isSafeInteger(code)) return code
  return typeof code === 'string' && /^\d{1,6}$/.test(code) ? Number(code) : undefined
}

/** What the body says: a code we know, or at the token endpoint an OAuth error. */
function spokenVerdict(json: unknown, status: HttpStatus, kind: CallKind): Verdict | undefined {
  const code = bodyCodeOf(json)
  const known = code === undefined ? undefined : bodyCodes.get(code)
  if (known || kind !== 'token') return known
  if (status === 412 || (status === 202 && isChallenge(json))) return codeWanted
  if (!isRecord(json)) return undefined
  // Only these two together withdraw credentials, which costs a person a sign-in; all else may pass.
  return status === 400 && typeof json.error === 'string' ? oauthErrors.get(json.error) : undefined
}

/** What the sign-in page answers when it has sent a code. */
function isChallenge(json: unknown): boolean {
  return typeof json === 'object' && json !== null && ('tsv_state' in json || 'next_time_in_secs' in json)
}

function isRecord(value: unknown): value is { readonly code?: unknown; readonly error?: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The error of a verdict. Everything the cloud answers itself did nothing; only a lost answer leaves us
 * guessing.
 */
function errorOf(verdict: Verdict, answered: Answered, bodyCode: BodyCode | undefined): Error {
  const { says, creates } = calls[answered.kind]
  const numbers = [`HTTP ${answered.status}`, ...(bodyCode === undefined ? [] : [`code ${bodyCode}`])]
  const message = `${says}: ${verdict.says} (${numbers.join(', ')})`
  const named = retryAfterMs(answered.retryAfter, answered.now)
  const pause = Math.max(named ?? 0, verdict.leastPauseMs ?? 0)
  const details: CloudErrorDetails = {
    status: answered.status,
    outcome: 'not-done',
    ...(bodyCode !== undefined && { bodyCode }),
    ...(pause > 0 && { retryAfterMs: pause }),
    ...(verdict.remedy !== undefined && { remedy: verdict.remedy }),
  }
  const guess: CloudErrorDetails = { ...details, outcome: creates ? 'unknown' : 'not-done' }
  switch (verdict.as) {
    case 'busy':
      return new ModuleBusy(message, details)
    case 'offline':
    case 'no_storage':
    case 'incompatible':
      return new CloudRefused(message, { ...details, condition: verdict.as })
    case 'refused':
      return new CloudRefused(message, details)
    case 'token_refused':
      return new TokenRefused(message, details)
    case 'login_needed':
      return new LoginNeeded(message, details)
    case 'two_factor_needed':
      return new TwoFactorNeeded(message, details)
    case 'throttled':
      return new AccountThrottled(message, details)
    case 'no_answer':
      return new CloudUnreachable(message, guess)
    case 'unreadable':
      return new CloudChanged(message, guess)
  }
}

const longestMs = 24 * 60 * 60 * 1000

/** The pause in milliseconds, or `undefined` when none is named, it is over, or it cannot be read. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? ''
  const pause = /^\d+$/.test(text) ? Number(text) * 1000 : dateOf(text) - now
  return pause > 0 ? Math.min(pause, longestMs) : undefined
}

/** `NaN` for anything but the one form of date that servers may send. */
function dateOf(text: string): number {
  return /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)
    ? Date.parse(text)
    : Number.NaN
}

/**
 * Where a number may stand that JavaScript would write differently: one with sixteen digits, a fraction, an
 * exponent, or minus zero. A text in quotes that looks like one costs time and nothing else.
 */
const unusualNumber = /(?:^|[:,[])\s*-?(?:\d{16}|\d+[.eE]|(?<=-)0)/

/** The value of a JSON text, or `undefined` for anything that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return unusualNumber.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text)
  } catch {
    // Besides syntax errors this is the overflow of the stack by something nested a million deep.
    return undefined
  }
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value
  const isAsWritten = Number.isSafeInteger(value)
    ? String(value) === context.source
    : !Number.isInteger(value)
  return isAsWritten ? value : context.source
}
