/**
 * A browser for the simulator's sign-in pages: keeps every cookie, follows no redirect by itself.
 */
import { createHash } from 'node:crypto'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { type Reply, reply } from './visitor.ts'

const verifier = 'a-code-verifier-that-is-long-enough-for-the-rfc'
const redirect_uri = 'immedia-blink://applinks.blink.com/signin/callback'
type Fields = Readonly<Record<string, string>>

export interface Browser {
  readonly cookies: Map<string, string>
  get(path: string): Promise<Reply>
  post(path: string, form: Fields): Promise<Reply>
  /** The first request, filled in as the app would unless told otherwise. */
  authorize(query?: Fields): Promise<Reply>
  /** The pages up to the form; returns its CSRF token. */
  open(): Promise<string>
  signIn(csrf: string, form?: Fields): Promise<Reply>
  code(csrf: string, code?: string): Promise<Reply>
  /** The authorization code of a sign-in that is done. */
  authorized(): Promise<string>
  exchange(code: string, form?: Fields): Promise<Reply>
}

export function browse(simulator: Simulator): Browser {
  const cookies = new Map<string, string>()
  const ask = async (path: string, init: RequestInit = {}) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(simulator.oauthUrl + path, {
      ...init,
      headers: { cookie },
      redirect: 'manual',
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    return reply(response)
  }
  const post: Browser['post'] = (path, form) => ask(path, { method: 'POST', body: new URLSearchParams(form) })
  const { email, password, code: right } = simulator.person()
  const browser: Browser = {
    cookies,
    get: (path) => ask(path),
    post,
    authorize: (query = {}) =>
      ask(
        `/oauth/v2/authorize?${new URLSearchParams({
          app_version: '50.1',
          client_id: 'ios',
          code_challenge: createHash('sha256').update(verifier).digest('base64url'),
          code_challenge_method: 'S256',
          hardware_id: '6C5DB6B0-7A0B-4F8E-9D62-0C7D0B6E1F11',
          redirect_uri,
          response_type: 'code',
          scope: 'client',
          ...query,
        })}`,
      ),
    async open() {
      await browser.authorize()
      await ask('/oauth/v2/signin?client_id=ios')
      const { text } = await ask('/oauth/v2/signin')
      return /"csrf-token":"([^"]+)"/.exec(text)?.[1] ?? ''
    },
    signIn: (csrf, form = {}) =>
      post('/oauth/v2/signin', { username: email, password, 'csrf-token': csrf, ...form }),
    code: (csrf, code = right) =>
      post('/oauth/v2/2fa/verify', { '2fa_code': code, 'csrf-token': csrf, remember_me: 'false' }),
    async authorized() {
      const location = (await ask('/oauth/v2/authorize')).headers.get('location') ?? ''
      return new URL(location, simulator.url).searchParams.get('code') ?? ''
    },
    exchange: (code, form = {}) =>
      post('/oauth/token', {
        grant_type: 'authorization_code',
        client_id: 'ios',
        code,
        code_verifier: verifier,
        redirect_uri,
        ...form,
      }),
  }
  return browser
}
