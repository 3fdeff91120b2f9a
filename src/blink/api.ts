/**
 * The calls we make to Blink's cloud, one row each; nothing else leaves the program.
 *
 * The account belongs to somebody. Erasing, formatting and ejecting a drive are one path away from what we
 * ask for, so a request whose method or path is not on this list is a bug and is never sent.
 */

/** What the daemon asks for by itself. */
export type CallKind = 'token' | 'tier_info' | 'homescreen' | 'manifest_request'

export interface HttpCall<Kind extends string = CallKind> {
  readonly kind: Kind
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface CallRow {
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

export const calls: Readonly<Record<CallKind, CallRow>> = {
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
}

/** A path of the cloud, below whatever base path the settings name. */
export function allowed(path: string): RegExp {
  return new RegExp(`^(?:/[\\w.~-]+)*${path.replaceAll('{id}', '[1-9]\\d*')}$`)
}

/**
 * Where a call goes.
 *
 * @throws Error when the call is not one of ours, which is a bug
 */
export function targetOf(call: Pick<HttpCall, 'url'>, { method, path, says, query }: CallRow): URL {
  const url = new URL(call.url)
  const isPlain =
    (query || url.search === '') && url.hash === '' && url.username === '' && url.password === ''
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:'
  if (!isPlain || !isHttp || !path.test(url.pathname)) {
    throw new Error(`${says}: ${method} ${url.pathname} is not a call we make`)
  }
  return url
}
