/**
 * The calls we make to Blink's cloud, one row each; nothing else leaves the program.
 *
 * The account belongs to somebody. Erasing, formatting and ejecting a drive are one path away from what we
 * request, so a request whose method or path is not on this list is a bug and is never sent.
 */

import { pathBelow, requestable } from '../domain/request-url.ts'

/** What the daemon requests by itself. */
export type CallKind = 'token' | 'tier_info' | 'homescreen' | 'manifest_request' | ClipCallKind

/** What follows a manifest request on its way to the clips. */
export type ClipCallKind = 'manifest' | 'media' | 'clip_request' | 'command' | 'clip' | 'storage_status'

export interface HttpCall<Kind extends string = CallKind> {
  readonly kind: Kind
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Takes a good answer that is no JSON piece by piece, so that it is never in memory as a whole. */
  readonly sink?: Sink
}

/** Where a long answer goes. */
export interface Sink {
  /** Nothing more is received before it resolves. */
  write(chunk: Uint8Array): Promise<void>
  readonly mostBytes: number
  /** For the whole of it, in milliseconds; the client's own limit counts from piece to piece. */
  readonly timeoutMs: number
}

/** An answer as it came; `text` is somebody's data and belongs in no message. */
export interface HttpAnswer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
  /** Of an answer that went to a sink, in place of `text`; `announced` by its Content-Length. */
  readonly bytes?: { readonly received: number; readonly announced: number | undefined }
  /** Where a redirect points; whether to go there is the caller's affair. */
  readonly location?: string
  readonly setCookies?: readonly string[]
}

/** What the app calls itself at the token endpoint. @see blinkpy e33bdef, blinkpy/helpers/constants.py, OAUTH_TOKEN_USER_AGENT */
export const appUserAgent = 'Blink/2511191620 CFNetwork/3860.200.71 Darwin/25.1.0'

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

const storage = '/api/v1/accounts/{id}/networks/{id}/sync_modules/{id}/local_storage'

export const calls: Readonly<Record<CallKind, CallRow>> = {
  // A token more or less harms nobody: another request is safe even when the answer was lost.
  token: {
    says: 'token refresh',
    method: 'POST',
    path: pathBelow('/oauth/token'),
    creates: false,
    fields: ['access_token', 'token'],
  },
  tier_info: {
    says: 'tier information',
    method: 'GET',
    path: pathBelow('/api/v1/users/tier_info'),
    creates: false,
    fields: ['tier', 'account_id'],
  },
  homescreen: {
    says: 'home screen',
    method: 'GET',
    path: pathBelow('/api/v3/accounts/{id}/homescreen'),
    creates: false,
    fields: ['sync_modules', 'networks'],
  },
  manifest_request: {
    says: 'manifest request',
    method: 'POST',
    path: pathBelow(`${storage}/manifest/request`),
    creates: true,
    fields: ['id'],
  },
  manifest: {
    says: 'manifest',
    method: 'GET',
    path: pathBelow(`${storage}/manifest/request/{id}`),
    creates: false,
    fields: ['clips', 'media'],
  },
  // The same in the shape that newer apps read, in pages.
  media: {
    says: 'media list',
    method: 'GET',
    path: pathBelow(`${storage}/media/{id}`),
    creates: false,
    query: true,
    fields: ['media', 'clips'],
  },
  clip_request: {
    says: 'clip request',
    method: 'POST',
    path: pathBelow(`${storage}/manifest/{id}/clip/request/{id}`),
    creates: true,
    fields: ['id'],
  },
  command: {
    says: 'command status',
    method: 'GET',
    path: pathBelow('/network/{id}/command/{id}'),
    creates: false,
    fields: ['complete'],
  },
  // The file itself, at the address of the request.
  clip: {
    says: 'clip',
    method: 'GET',
    path: pathBelow(`${storage}/manifest/{id}/clip/request/{id}`),
    creates: false,
    fields: [],
  },
  storage_status: {
    says: 'storage status',
    method: 'GET',
    path: pathBelow(`${storage}/status`),
    creates: false,
    fields: ['usb_state'],
  },
}

/**
 * Where a call goes.
 *
 * @throws Error when the call is not one of ours, which is a bug
 */
export function targetOf(call: Pick<HttpCall, 'url'>, { method, path, says, query }: CallRow): URL {
  const url = requestable(call.url, { path, query })
  if (!url) throw new Error(`${says}: ${method} ${new URL(call.url).pathname} is not a call we make`)
  return url
}

/**
 * The calls of a person's sign-in, in their order. Only the client of a sign-in can send them, so that the daemon
 * cannot have a code sent, whatever goes wrong in it.
 */
export type SignInKind =
  | 'authorize'
  | 'signin_page'
  | 'signin'
  | 'two_factor'
  | 'authorized'
  | 'code_exchange'

export type AnyCallKind = CallKind | SignInKind

/** With them those that try credentials. */
export const allCalls: Readonly<Record<AnyCallKind, CallRow>> = {
  ...calls,
  authorize: {
    says: 'sign-in page',
    method: 'GET',
    path: pathBelow('/oauth/v2/authorize'),
    creates: false,
    query: true,
    fields: [],
  },
  // Wherever the first page leads to, on the same host.
  signin_page: {
    says: 'sign-in page',
    method: 'GET',
    path: pathBelow('/oauth/v2(?:/[\\w-]+)+'),
    creates: false,
    query: true,
    fields: [],
  },
  // Has a code sent; when the answer is lost, nobody can say whether one was.
  signin: {
    says: 'sign-in',
    method: 'POST',
    path: pathBelow('/oauth/v2/signin'),
    creates: true,
    fields: [],
  },
  two_factor: {
    says: 'sign-in code',
    method: 'POST',
    path: pathBelow('/oauth/v2/2fa/verify'),
    creates: true,
    fields: [],
  },
  authorized: {
    says: 'end of the sign-in',
    method: 'GET',
    path: pathBelow('/oauth/v2/authorize'),
    creates: true,
    fields: [],
  },
  code_exchange: {
    says: 'token exchange',
    method: 'POST',
    path: pathBelow('/oauth/token'),
    creates: true,
    fields: ['access_token', 'token'],
  },
}

/**
 * Where an account's region is looked up. @see blinkpy e33bdef, blinkpy/helpers/constants.py, TIER_ENDPOINT
 */
export const gatewayRegion = 'prod'

/**
 * The region of an account in lower case, or `undefined` when the text cannot be one. A host's first label, `rest-e006`, is
 * what some notes call the region.
 */
export function regionOf(text: string): string | undefined {
  const region = text.toLowerCase().replace(/^rest-/, '')
  return /^[a-z0-9][a-z0-9-]{0,19}$/.test(region) ? region : undefined
}
