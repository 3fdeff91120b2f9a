/**
 * What each answer during a sign-in means. Pure: an answer in, the next step out, or one of the errors.
 *
 * @see blinkpy e33bdef, blinkpy/api.py, oauth_signin and after
 * @see luigibarretta/vistoda-blink, oauth.rs; BitWise, auth.ts, where they take more than blinkpy does
 */
import { z } from 'zod'
import { CloudChanged, CloudError, type CloudErrorDetails, CloudUnreachable } from '../domain/errors.ts'
import { Secret } from '../domain/secret.ts'
import type { HttpAnswer } from './api.ts'
import { parseJson, retryAfterMs } from './response.ts'

/** What the cloud says of the code it has sent; 412 comes without most of it. */
export interface Challenge {
  /** Masked by the cloud. */
  readonly phone: string | undefined
  /** `sms`, `email`, `totp` ... */
  readonly method: string | undefined
  /** How long to wait before another code may be requested. */
  readonly resendAfterMs: number
}

type Answer = Pick<HttpAnswer, 'status' | 'text' | 'location' | 'retryAfter'>

/** When the cloud does not say: what it says otherwise. */
const usualResendMs = 60_000
const hourMs = 60 * 60 * 1000

/** A code older than this counts as expired when it is refused; its real life is not known. */
export const codeLifeMs = 10 * 60 * 1000

const word = z
  .string()
  .transform((text) => [...text].slice(0, 40).join(''))
  .optional()
  .catch(undefined)

const longestSentence = 200

/** A sentence for the person who signs in; what may be an address, a token or a page is none. */
const sentence = z
  .string()
  .max(longestSentence)
  .regex(/^[^@<>]+$/)
  .refine((text) => !/\S{24}/.test(text))
  .optional()
  .catch(undefined)

const body = z
  .object({
    code: z.int().optional().catch(undefined),
    error: word,
    error_cause: word,
    message: sentence,
    phone: word,
    tsv_state: word,
    next_time_in_secs: z.number().positive().max(86_400).optional().catch(undefined),
  })
  .catch({})

type Body = z.output<typeof body>

/** The first page: where it leads to, or that it is there. */
export function afterAuthorize(answer: Answer, now: number): { readonly redirect: string | undefined } {
  refuse(answer, now)
  if (isRedirect(answer)) return { redirect: answer.location }
  if (answer.status === 200) return { redirect: undefined }
  throw unexpected('sign-in page', answer)
}

/** The token of the form, out of the page's script. */
export function csrfOf(answer: Answer, now: number): Secret {
  refuse(answer, now)
  const args = z.object({ 'csrf-token': z.string().regex(/^[\x21-\x7e]{1,2000}$/) })
  const read = args.safeParse(parseJson(scriptOf(answer.text, 'oauth-args') ?? ''))
  if (answer.status === 200 && read.success) return new Secret(read.data['csrf-token'])
  throw unexpected('sign-in page', answer)
}

const longestTag = 500
const longestScript = 20_000

/**
 * What stands in the first script of a page with this id.
 *
 * In steps of bounded length: one expression for all of it takes for ever on a page that is made for that.
 */
function scriptOf(page: string, id: string): string | undefined {
  for (let at = page.indexOf(id); at >= 0; at = page.indexOf(id, at + id.length)) {
    if (!/\bid=["']?$/i.test(page.slice(Math.max(0, at - 5), at))) continue
    const before = page.slice(Math.max(0, at - longestTag), at)
    if (!/^<script\b[^>]*$/i.test(before.slice(before.lastIndexOf('<')))) continue
    const end = page.slice(at, at + longestTag).indexOf('>')
    if (end < 0) return undefined
    const rest = page.slice(at + end + 1, at + end + 1 + longestScript)
    const length = rest.search(/<\/script>/i)
    return length < 0 ? undefined : rest.slice(0, length)
  }
  return undefined
}

/** After the password: signed in, or a code is wanted and has just been sent. */
export function afterPassword(answer: Answer, now: number): { readonly challenge: Challenge | undefined } {
  const { status, text } = answer
  if (status === 412 || status === 202) {
    const { phone, tsv_state: method, next_time_in_secs: seconds } = bodyOf(text)
    const resendAfterMs = seconds === undefined ? usualResendMs : seconds * 1000
    return { challenge: { phone, method, resendAfterMs } }
  }
  refuse(answer, now)
  if (isRedirect(answer)) {
    if (leadsToAmazon(answer.location)) throw new SignInRefused('amazon_account', { status })
    return { challenge: undefined }
  }
  if (status === 200) return { challenge: undefined }
  if (status >= 400 && status < 500) throw new SignInRefused('wrong_password', { status, ...saidIn(text) })
  throw unexpected('password', answer)
}

/**
 * Returns when the code was the right one.
 *
 * @param sentAt when the cloud has sent it
 */
export function afterCode(answer: Answer, { now, sentAt }: { now: number; sentAt: number }): void {
  const { status, text } = answer
  if (status === 200 || status === 201) return
  // Before the rest: 412 and 400 are "wrong" here, and 401 may be nothing else.
  if (status !== 412) refuse(answer, now)
  if (status === 404 || status === 410) throw new SignInRefused('code_expired', { status })
  if (status >= 400 && status < 500) {
    const code: SignInProblem = now - sentAt > codeLifeMs ? 'code_expired' : 'wrong_code'
    throw new SignInRefused(code, { status, ...saidIn(text) })
  }
  throw unexpected('code', answer)
}

/** The authorization code in the redirect to the app. */
export function authorizationCodeOf(answer: Answer, now: number): Secret {
  refuse(answer, now)
  const { location = '' } = answer
  const url = isRedirect(answer) && URL.canParse(location) ? new URL(location) : undefined
  const code = url?.protocol === 'immedia-blink:' ? url.searchParams.get('code') : null
  if (code && code.length <= 8192) return new Secret(code)
  // Sent back to the sign-in page: the cookies say nothing to the cloud any more.
  if (isRedirect(answer)) throw new SignInRefused('cookies_lost', { status: answer.status })
  throw unexpected('authorization', answer)
}

/** The JSON of the token answer. */
export function exchangedOf(answer: Answer, now: number): unknown {
  const json = parseJson(answer.text)
  if (answer.status === 200 && json !== undefined) return json
  refuse(answer, now)
  const { status } = answer
  if (status >= 400 && status < 500) throw new SignInRefused('not_accepted', { status })
  throw unexpected('token exchange', answer)
}

/** Throws what any step may be answered: locked, too quick, refused at the edge, too old, cookies lost, trouble. */
function refuse({ status, text, retryAfter }: Answer, now: number): void {
  if (status < 400) return
  const { code, error_cause: cause, error, next_time_in_secs: seconds } = bodyOf(text)
  const named = seconds === undefined ? retryAfterMs(retryAfter, now) : seconds * 1000
  const details = { status, ...(code !== undefined && { bodyCode: code }), ...saidIn(text) }
  const pause = (least: number) => {
    const retryAfter = Math.max(named ?? 0, least)
    return { ...details, retryAfterMs: retryAfter, retryAt: now + retryAfter }
  }
  if (code === 106) throw new SignInRefused('too_many_codes', pause(hourMs))
  if (status === 429 || code === 110 || code === 111)
    throw new SignInRefused('too_quick', pause(usualResendMs))
  if (status === 426 || code === 105 || code === 103) throw new SignInRefused('app_too_old', details)
  if (cause === 'empty_cookies') throw new SignInRefused('cookies_lost', details)
  // With JSON it is the form that is not accepted, and the edge knows no JSON.
  if (status === 403 && error !== undefined) throw new SignInRefused('cookies_lost', details)
  if (status === 403 || status === 406) throw new SignInRefused('edge_refused', details)
  if (status >= 500) {
    throw new CloudUnreachable(`sign-in: the cloud has trouble (HTTP ${status})`, {
      status,
      outcome: 'unknown',
      remedy: 'Nothing is wrong with the password. Try again in some minutes.',
    })
  }
}

function bodyOf(text: string): Body {
  return body.parse(parseJson(text))
}

/** The cloud's own words for the person, for an error. */
function saidIn(text: string): { readonly cloudSays?: string } {
  const { message } = bodyOf(text)
  return message === undefined ? {} : { cloudSays: message }
}

function isRedirect({ status, location }: Answer): boolean {
  return [301, 302, 303, 307, 308].includes(status) && location !== undefined
}

function leadsToAmazon(location = ''): boolean {
  return URL.canParse(location) && /(^|\.)amazon\.[a-z.]{2,6}$/.test(new URL(location).hostname)
}

function unexpected(step: string, { status }: Answer): CloudChanged {
  return new CloudChanged(`sign-in: the answer to the ${step} is not what we know (HTTP ${status})`, {
    status,
    outcome: 'unknown',
    remedy: 'Blink may have changed its sign-in. Look for a newer version of blink-manifestd.',
  })
}

export type SignInProblem =
  | 'wrong_password'
  | 'amazon_account'
  | 'wrong_code'
  | 'code_expired'
  | 'too_many_codes'
  | 'too_quick'
  | 'edge_refused'
  | 'cookies_lost'
  | 'app_too_old'
  | 'not_accepted'

const texts: Readonly<Record<SignInProblem, { readonly says: string; readonly remedy: string }>> = {
  wrong_password: {
    says: 'Blink does not accept this e-mail address and password',
    remedy:
      'Try both in the Blink app first: each failed sign-in counts. ' +
      'An account that the app opens by "Sign in with Amazon" has no password that could be used here.',
  },
  amazon_account: {
    says: 'this account signs in by way of Amazon, which a program cannot do',
    remedy: 'Use a Blink account with a password of its own.',
  },
  wrong_code: {
    says: 'this is not the code that was sent',
    remedy: 'Type the one of the newest message. The same sign-in goes on; no new code is needed.',
  },
  code_expired: {
    says: 'the code is too old',
    remedy: 'Sign in again, which has a new one sent.',
  },
  too_many_codes: {
    says: 'too many sign-ins or codes; Blink has locked the account for an hour',
    remedy: 'Stop every other program that signs in to this account, and wait: each try makes it longer.',
  },
  too_quick: {
    says: 'requested again too quickly, and no code was sent',
    remedy: 'Wait until then. A code that has been sent before is still good.',
  },
  edge_refused: {
    says: 'refused at the edge of the cloud before anybody looked at it; no code was sent',
    remedy:
      'Switch off a VPN or proxy, wait an hour, try from the network that your phone uses. ' +
      'If it stays so, see "406 again and again" in docs/signing-in.md.',
  },
  cookies_lost: {
    says: 'the cloud has lost track of this sign-in',
    remedy: 'Begin again. Nothing is wrong with the password.',
  },
  app_too_old: {
    says: 'Blink has retired the app version that this program signs in as',
    remedy: 'Look for a newer version of blink-manifestd.',
  },
  not_accepted: {
    says: 'Blink has accepted the sign-in and then gives no token for it',
    remedy: 'Begin again; if it stays so, look for a newer version.',
  },
}

/** A sign-in that came to nothing; `code` says why. */
export class SignInRefused extends CloudError {
  readonly code: SignInProblem
  /** The cloud's own words, for the person who signs in and for no log. */
  readonly cloudSays: string | undefined

  constructor(
    code: SignInProblem,
    details: Omit<CloudErrorDetails, 'outcome' | 'remedy'> & { readonly cloudSays?: string } = {},
  ) {
    const numbers = [
      ...(details.status === undefined ? [] : [`HTTP ${details.status}`]),
      ...(details.bodyCode === undefined ? [] : [`code ${details.bodyCode}`]),
    ]
    const { says, remedy } = texts[code]
    super(`sign-in: ${says}${numbers.length > 0 ? ` (${numbers.join(', ')})` : ''}`, {
      ...details,
      outcome: 'not-done',
      remedy,
    })
    this.code = code
    this.cloudSays = details.cloudSays
  }
}
