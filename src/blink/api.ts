/**
 * The calls we make to Blink's cloud, one row each; nothing else leaves the program.
 *
 * The account belongs to somebody. Erasing, formatting and ejecting a drive are one path away from what we
 * ask for, so a request whose method or path is not on this list is a bug and is never sent.
 */

import { pathBelow, requestable } from '../domain/request-url.ts'

/** What the daemon asks for by itself. */
export type CallKind = 'token' | 'tier_info' | 'homescreen' | 'manifest_request' | ClipCallKind

/** What follows a manifest request on its way to the clips. */
export type ClipCallKind = 'manifest' | 'media' | 'clip_request' | 'command' | 'clip' | 'storage_status'

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

const storage = '/api/v1/accounts/{id}/networks/{id}/sync_modules/{id}/local_storage'

export const calls: Readonly<Record<CallKind, CallRow>> = {
  // A token more or less harms nobody: asking again is safe even when the answer was lost.
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
