/**
 * A person's sign-in: OAuth 2.0 authorization code with PKCE, a cookie jar of its own, and a code by phone.
 *
 * Each method is one step that a person starts; nothing here begins, repeats or requests a code by itself. What
 * must survive between the password and the code is one value, so that it can be kept while the person looks for
 * the phone. Redirects are followed on the host of the sign-in only, for cookies are set on every hop.
 *
 * @see blinkpy e33bdef, blinkpy/api.py, oauth_authorize_request to oauth_exchange_code_for_token
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../domain/clock.ts'
import { CloudChanged } from '../domain/errors.ts'
import { requestable } from '../domain/request-url.ts'
import { Secret } from '../domain/secret.ts'
import { type AnyCallKind, allCalls, appUserAgent, type HttpAnswer, type SignInKind } from './api.ts'
import type { Http } from './http.ts'
import {
  afterAuthorize,
  afterCode,
  afterPassword,
  authorizationCodeOf,
  type Challenge,
  csrfOf,
  exchangedOf,
} from './sign-in-responses.ts'
import { readTokens } from './wire.ts'

/** A sign-in that has got so far; everything the next step needs. */
export interface PendingSignIn {
  readonly cookies: Cookies
  readonly csrf: Secret
  readonly verifier: Secret
  readonly hardwareId: string
  /** `undefined` when no code is wanted. */
  readonly challenge: Challenge | undefined
  /** When the password was accepted, and the code sent. */
  readonly sentAt: number
}

export interface EmailAndPassword {
  readonly email: string
  readonly password: Secret
}

/** What a finished sign-in is worth. */
export type Tokens = ReturnType<typeof readTokens>

export interface SignInNeeds {
  readonly http: Http<AnyCallKind>
  readonly oauthUrl: string
  readonly hardwareId: string
  readonly clock: Clock
}

/** Each throws SignInRefused, CloudUnreachable or CloudChanged, or the signal's reason when aborted. */
export interface SignIn {
  /** From the first page to the password, upon which the cloud sends a code. */
  begin(credentials: EmailAndPassword, signal: AbortSignal): Promise<PendingSignIn>
  /** Resolves when the code was right; a wrong one may be followed by another. */
  enterCode(pending: PendingSignIn, code: Secret, signal: AbortSignal): Promise<PendingSignIn>
  finish(pending: PendingSignIn, signal: AbortSignal): Promise<Tokens>
}

const browserUserAgent =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
  'Version/26.1 Mobile/15E148 Safari/604.1'
const page = {
  'user-agent': browserUserAgent,
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': 'en-US,en;q=0.9',
}
const formType = { 'content-type': 'application/x-www-form-urlencoded', accept: '*/*' }
const redirectUri = 'immedia-blink://applinks.blink.com/signin/callback'
const app = {
  app_brand: 'blink',
  app_version: '50.1',
  client_id: 'ios',
  device_brand: 'Apple',
  device_model: 'iPhone16,1',
  device_os_version: '26.1',
}

/** The pages we know redirect once or twice. */
const mostHops = 5

export function createSignIn({ http, oauthUrl, hardwareId, clock }: SignInNeeds): SignIn {
  const base = oauthUrl.replace(/\/+$/, '')
  const origin = new URL(base).origin
  const signInUrl = `${base}/oauth/v2/signin`
  const formHeaders = { ...page, ...formType, origin, referer: signInUrl }

  async function get(kind: SignInKind, url: string, cookies: Cookies, signal: AbortSignal) {
    const headers = {
      ...page,
      ...cookieHeader(cookies),
      ...(kind === 'authorized' && { referer: signInUrl }),
    }
    return received(await http.request({ kind, url, headers }, signal), cookies)
  }

  async function post(
    kind: SignInKind,
    { url, cookies, form }: { url: string; cookies: Cookies; form: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ) {
    const headers = { ...formHeaders, ...cookieHeader(cookies) }
    const call = { kind, url, headers, body: new URLSearchParams(form).toString() }
    return received(await http.request(call, signal), cookies)
  }

  function received(answer: HttpAnswer, cookies: Cookies) {
    return { answer, cookies: withCookies(cookies, answer.setCookies ?? [], clock.now()) }
  }

  /** The first page and wherever it leads, for the cookies of each hop. */
  async function open(challenge: string, signal: AbortSignal): Promise<Cookies> {
    const query = new URLSearchParams({
      ...app,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      hardware_id: hardwareId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'client',
    })
    let url = `${base}/oauth/v2/authorize?${query}`
    let at = await get('authorize', url, noCookies, signal)
    for (let hop = 0; hop < mostHops; hop++) {
      const { redirect } = afterAuthorize(at.answer, clock.now())
      if (redirect === undefined) return at.cookies
      url = onThisHost(redirect, url)
      at = await get('signin_page', url, at.cookies, signal)
    }
    throw ledAway('the pages redirect without end')
  }

  function onThisHost(location: string, from: string): string {
    const { path, query } = allCalls.signin_page
    // What follows a `#` is for the browser and is never sent.
    const url = requestable(location.replace(/#.*$/s, ''), { path, query, from })
    if (!url) throw ledAway('the pages lead to somewhere we do not follow')
    return url.href
  }

  return {
    async begin({ email, password }, signal) {
      const { verifier, challenge: codeChallenge } = makePkce(clock)
      const opened = await open(codeChallenge, signal)
      const form = await get('signin_page', signInUrl, opened, signal)
      const csrf = csrfOf(form.answer, clock.now())
      const fields = { username: email, password: password.reveal(), 'csrf-token': csrf.reveal() }
      const sent = await post('signin', { url: signInUrl, cookies: form.cookies, form: fields }, signal)
      const sentAt = clock.now()
      const { challenge } = afterPassword(sent.answer, sentAt)
      return { cookies: sent.cookies, csrf, verifier, hardwareId, challenge, sentAt }
    },

    async enterCode(pending, code, signal) {
      const { cookies, csrf, sentAt } = pending
      const form = { '2fa_code': code.reveal(), 'csrf-token': csrf.reveal(), remember_me: 'false' }
      const sent = await post('two_factor', { url: `${base}/oauth/v2/2fa/verify`, cookies, form }, signal)
      afterCode(sent.answer, { now: clock.now(), sentAt })
      return { ...pending, cookies: sent.cookies, challenge: undefined }
    },

    async finish({ cookies, verifier, hardwareId: madeWith }, signal) {
      // Without a query: the cloud remembers, by the cookies, what was requested at the beginning.
      const { answer } = await get('authorized', `${base}/oauth/v2/authorize`, cookies, signal)
      const code = authorizationCodeOf(answer, clock.now())
      const form = {
        app_brand: app.app_brand,
        client_id: app.client_id,
        code: code.reveal(),
        code_verifier: verifier.reveal(),
        grant_type: 'authorization_code',
        hardware_id: madeWith,
        redirect_uri: redirectUri,
        scope: 'client',
      }
      const call = {
        kind: 'code_exchange',
        url: `${base}/oauth/token`,
        headers: { ...formType, 'user-agent': appUserAgent },
        body: new URLSearchParams(form).toString(),
      } as const
      return readTokens(exchangedOf(await http.request(call, signal), clock.now()))
    },
  }
}

function ledAway(what: string): CloudChanged {
  return new CloudChanged(`sign-in: ${what}`, {
    outcome: 'not-done',
    remedy: 'Does a proxy or a captive portal stand between? Otherwise look for a newer version.',
  })
}

/** Proof that who exchanges the authorization code is who requested it. @see RFC 7636 */
export interface Pkce {
  /** Stays here until the exchange. */
  readonly verifier: Secret
  /** Goes ahead of it. */
  readonly challenge: string
}

export function makePkce(clock: Clock): Pkce {
  const verifier = Buffer.from(clock.randomBytes(32)).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  return { verifier: new Secret(verifier), challenge }
}

/**
 * The cookies of one host for the length of one sign-in; names and values only.
 *
 * There is one host, one path and one hour, so that of a cookie's attributes only those matter that delete it.
 *
 * @see fronzbot/blinkpy#1147
 */
export type Cookies = ReadonlyMap<string, Secret>

export const noCookies: ReadonlyMap<string, Secret> = new Map()

/** More than any page sets, and still a short header. */
const mostCookies = 50
const longestCookie = 4096

/** The jar after an answer with these `Set-Cookie` lines; a line that makes no sense is passed over. */
export function withCookies(cookies: Cookies, lines: readonly string[], now: number): Cookies {
  const next = new Map(cookies)
  for (const line of lines) {
    const [, name, value = '', attributes = ''] =
      /^\s*([!#$%&'*+.^`|~\w-]+)=([\x21-\x2b\x2d-\x3a\x3c-\x7e]*)\s*(;.*)?$/.exec(line) ?? []
    if (name === undefined || line.length > longestCookie) continue
    if (isDeleted(attributes, now)) next.delete(name)
    else if (next.has(name) || next.size < mostCookies) next.set(name, new Secret(value))
  }
  return next
}

/** `Max-Age` goes before `Expires`. @see RFC 6265, section 5.3 */
function isDeleted(attributes: string, now: number): boolean {
  const maxAge = /;\s*max-age=(-?\d+)/i.exec(attributes)?.[1]
  if (maxAge !== undefined) return Number(maxAge) <= 0
  const expires = /;\s*expires=([^;]+)/i.exec(attributes)?.[1]
  return expires !== undefined && Date.parse(expires) <= now
}

/** The `cookie` header, or none when there is no cookie. */
export function cookieHeader(cookies: Cookies): Readonly<Record<string, string>> {
  const pairs = [...cookies].map(([name, value]) => `${name}=${value.reveal()}`)
  return pairs.length === 0 ? {} : { cookie: pairs.join('; ') }
}
