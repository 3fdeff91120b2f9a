/**
 * What no client of ours may ever send: erasing, formatting, ejecting, deleting.
 *
 * The simulator does nothing of the kind and says so; the call is on record under the kind `forbidden`, so
 * that a test can show that none was sent. No bearer token is asked for: the attempt counts.
 */
import { json } from './answer.ts'
import type { Route } from './router.ts'

const STORAGE = '/api/v1/accounts/{a}/networks/{n}/sync_modules/{s}/local_storage'

const patterns: readonly (readonly [method: string, pattern: string])[] = [
  ['DELETE', '.*'],
  ['*', `${STORAGE}/format`],
  ['*', `${STORAGE}/eject`],
  ['*', `${STORAGE}/mount`],
  ['*', `${STORAGE}/manifest/{m}/clip/delete/{c}`],
  ['*', '/api/v1/accounts/{a}/media/delete'],
]

export const forbiddenRoutes: readonly Route[] = patterns.map(([method, pattern]) => ({
  kind: 'forbidden',
  method,
  pattern,
  access: 'public',
  handle: () =>
    json(403, { message: 'The simulated cloud does not erase, format, eject or delete', code: 403 }),
}))
