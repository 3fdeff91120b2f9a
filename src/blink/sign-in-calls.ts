/**
 * The calls of a person's sign-in, in their order. No client but that of the `login` command can send them, so that
 * the daemon cannot have a code sent, whatever goes wrong in it.
 */
import { pathBelow } from '../domain/request-url.ts'
import { type CallKind, type CallRow, calls } from './api.ts'

export type SignInKind =
  | 'authorize'
  | 'signin_page'
  | 'signin'
  | 'two_factor'
  | 'authorized'
  | 'code_exchange'

export type AnyCallKind = CallKind | SignInKind

/** With them those that try a login. */
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
  // Has a code sent, so that an answer that was lost leaves open whether one is on its way.
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
