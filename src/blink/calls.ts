/**
 * The calls we make to Blink's cloud, one row each; nothing else leaves the program.
 *
 * The account belongs to somebody. Erasing, formatting and ejecting a drive are one path away from what we
 * ask for, so a request whose method or path is not on this list is a bug and is never sent.
 */

/** What the daemon asks for by itself. */
export type CallKind = 'token' | 'tier_info' | 'homescreen' | 'manifest_request'

/** The steps of a person's sign-in, in their order. */
export type SignInKind =
  | 'authorize'
  | 'signin_page'
  | 'signin'
  | 'two_factor'
  | 'authorized'
  | 'code_exchange'

export type AnyCallKind = CallKind | SignInKind

export interface HttpCall {
  readonly kind: AnyCallKind
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

interface CallRow {
  /** What the call is, in the words of our messages. */
  readonly says: string
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  /** Whether a success makes something at the cloud, so that a lost answer leaves us not knowing. */
  readonly creates: boolean
  /** Whether the address may go on behind a `?`. */
  readonly query?: boolean
  /** Fields of which a good answer has at least one. */
  readonly fields: readonly string[]
}

export const calls: Readonly<Record<AnyCallKind, CallRow>> = {
  // A token more or less harms nobody: asking again is safe even when the answer was lost.
  token: {
    says: 'token refresh',
    method: 'POST',
    path: allowed('/oauth/token'),
    creates: false,
    fields: ['access_token', 'token'],
  },
  tier_info: {
    says: 'tier information',
    method: 'GET',
    path: allowed('/api/v1/users/tier_info'),
    creates: false,
    fields: ['tier', 'account_id'],
  },
  homescreen: {
    says: 'home screen',
    method: 'GET',
    path: allowed('/api/v3/accounts/{id}/homescreen'),
    creates: false,
    fields: ['sync_modules', 'networks'],
  },
  manifest_request: {
    says: 'manifest request',
    method: 'POST',
    path: allowed('/api/v1/accounts/{id}/networks/{id}/sync_modules/{id}/local_storage/manifest/request'),
    creates: true,
    fields: ['id'],
  },
  authorize: {
    says: 'sign-in page',
    method: 'GET',
    path: allowed('/oauth/v2/authorize'),
    creates: false,
    query: true,
    fields: [],
  },
  // Wherever the first page leads to, on the same host.
  signin_page: {
    says: 'sign-in page',
    method: 'GET',
    path: /^(?:\/[\w.~-]+)*\/oauth\/v2(?:\/[\w-]+)+$/,
    creates: false,
    query: true,
    fields: [],
  },
  // Has a code sent, so that an answer that was lost leaves open whether one is on its way.
  signin: {
    says: 'sign-in',
    method: 'POST',
    path: allowed('/oauth/v2/signin'),
    creates: true,
    fields: [],
  },
  two_factor: {
    says: 'sign-in code',
    method: 'POST',
    path: allowed('/oauth/v2/2fa/verify'),
    creates: true,
    fields: [],
  },
  authorized: {
    says: 'end of the sign-in',
    method: 'GET',
    path: allowed('/oauth/v2/authorize'),
    creates: true,
    fields: [],
  },
  code_exchange: {
    says: 'token exchange',
    method: 'POST',
    path: allowed('/oauth/token'),
    creates: true,
    fields: ['access_token', 'token'],
  },
}

/** A path of the cloud, below whatever base path the settings name. */
function allowed(path: string): RegExp {
  return new RegExp(`^(?:/[\\w.~-]+)*${path.replaceAll('{id}', '[1-9]\\d*')}$`)
}

/**
 * Where a call goes.
 *
 * @throws Error when the call is not one of ours, which is a bug
 */
export function targetOf(call: HttpCall): URL {
  const { method, path, says, query } = calls[call.kind]
  const url = new URL(call.url)
  const isPlain =
    (query || url.search === '') && url.hash === '' && url.username === '' && url.password === ''
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:'
  if (!isPlain || !isHttp || !path.test(url.pathname)) {
    throw new Error(`${says}: ${method} ${url.pathname} is not a call we make`)
  }
  return url
}
