/** What can leave the program: the calls of the list, and of all else not one byte, whoever asks for it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CallKind, calls, type HttpCall } from '../../../src/blink/api.ts'
import { open } from '../../support/http-client.ts'
import { answering, calm } from '../../support/peer.ts'

const kinds = Object.keys(calls) as CallKind[]
const storage = '/api/v1/accounts/8021/networks/44107/sync_modules/350221/local_storage'

/** What erases, formats, ejects, mounts, deletes, signs in or commands. */
const destructive = [
  storage,
  `${storage}/format`,
  `${storage}/eject`,
  `${storage}/mount`,
  `${storage}/manifest/8977/clip/delete/12`,
  `${storage}/manifest/8977/clip/request`,
  `${storage}/media`,
  '/api/v1/accounts/8021/media/delete',
  '/api/v5/account/login',
  '/oauth/v2/signin',
  '/oauth/v2/authorize',
  '/oauth/v2/2fa/verify',
  '/network/44107/update',
  '/network/44107/arm',
  '/network/44107/command/7/done',
  '/api/v1/accounts/8021/networks/44107/state/arm',
]

/** The methods and paths of all there is, written down a second time; the settings may name a path they lie below. */
const allowed = [
  /^POST (\/[\w.~-]+)*\/oauth\/token$/,
  /^GET (\/[\w.~-]+)*\/api\/v1\/users\/tier_info$/,
  /^GET (\/[\w.~-]+)*\/api\/v3\/accounts\/\d+\/homescreen$/,
  /^POST (\/[\w.~-]+)*\/api\/v1\/accounts\/\d+\/networks\/\d+\/sync_modules\/\d+\/local_storage\/manifest\/request$/,
  /^GET (\/[\w.~-]+)*\/api\/v1\/accounts\/\d+\/networks\/\d+\/sync_modules\/\d+\/local_storage\/manifest\/request\/\d+$/,
  /^GET (\/[\w.~-]+)*\/api\/v1\/accounts\/\d+\/networks\/\d+\/sync_modules\/\d+\/local_storage\/media\/\d+(\?.*)?$/,
  /^(POST|GET) (\/[\w.~-]+)*\/api\/v1\/accounts\/\d+\/networks\/\d+\/sync_modules\/\d+\/local_storage\/manifest\/\d+\/clip\/request\/\d+$/,
  /^GET (\/[\w.~-]+)*\/network\/\d+\/command\/\d+$/,
  /^GET (\/[\w.~-]+)*\/api\/v1\/accounts\/\d+\/networks\/\d+\/sync_modules\/\d+\/local_storage\/status$/,
]

test('no call can erase, format, eject, delete or sign in', async () => {
  await using peer = await answering(200, {})
  await using http = open()
  for (const path of destructive) {
    for (const kind of kinds) {
      for (const odd of [path, `${path}/`, `${path}?x=/oauth/token`, `${path}#/oauth/token`, `//x${path}`]) {
        const call: HttpCall = { kind, url: peer.url + odd, headers: {} }
        await expect(http.request(call, calm()), `${kind} ${odd}`).rejects.toThrow('is not a call we make')
      }
    }
  }

  expect(peer.seen).toEqual([])
})

test('whatever path and method are wished for, only the calls of the list arrive', async () => {
  await using peer = await answering(200, {})
  await using http = open({ concurrency: 8 })
  const part = fc.oneof(
    fc.constantFrom(
      ...['api', 'v1', 'v3', 'accounts', 'networks', 'sync_modules', 'local_storage', 'manifest'],
      ...['clip', 'delete', 'media', 'network', 'command', 'done', 'status'],
    ),
    fc.constantFrom(
      'request',
      'format',
      'homescreen',
      'users',
      'tier_info',
      'oauth',
      'token',
      '..',
      '%2e%2e',
    ),
    fc.constantFrom('8021', '0', '-1', '%2F', ';', ' ', '\n', '\\', '@', 'manifest/request', ''),
  )
  const good = fc.constantFrom(
    '/oauth/token',
    '/api/v1/users/tier_info',
    '/api/v3/accounts/8021/homescreen',
    `${storage}/manifest/request`,
    `${storage}/manifest/request/670555852`,
    `${storage}/manifest/8977/clip/request/12`,
    `${storage}/media/670555852`,
    `${storage}/status`,
    '/network/44107/command/670555852',
  )
  const path = fc.oneof(
    { weight: 3, arbitrary: fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join('/')}`) },
    { weight: 1, arbitrary: fc.tuple(good, part).map(([stem, more]) => stem + more) },
    { weight: 1, arbitrary: good },
  )
  const wish = fc.record({
    kind: fc.constantFrom(...kinds),
    path,
    // The type does not let a method through; a caller without types gets no further.
    method: fc.constantFrom('DELETE', 'PUT', 'PATCH', 'POST', 'GET'),
  })
  let sent = 0

  await fc.assert(
    fc.asyncProperty(wish, async ({ kind, path: wished, method }) => {
      const call = { kind, url: peer.url + wished, headers: {}, method }
      const answer = await http.request(call, calm()).catch(() => undefined)
      if (!answer) return
      sent++
      const last = peer.seen.at(-1)
      expect(
        allowed.some((form) => form.test(`${last?.method} ${last?.path}`)),
        last?.path,
      ).toBe(true)
      expect(last?.method).toBe(calls[kind].method)
    }),
    { numRuns: 500 },
  )

  expect(peer.seen.length).toBe(sent)
  expect(sent).toBeGreaterThan(0)
})
