import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSignInHttp } from '../../../src/blink/http.ts'
import { createSignIn } from '../../../src/blink/sign-in.ts'
import { systemClock } from '../../../src/domain/clock.ts'
import { CloudError } from '../../../src/domain/errors.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { demoAccount } from '../../../src/simulator/demo-account.ts'
import { startSimulator } from '../../../src/simulator/simulator.ts'
import { calm, httpPeer } from '../../support/peer.ts'
import { FakeTime } from '../../support/visitor.ts'

/** A person in front of a simulated cloud. */
async function person(
  options: { readonly challenge?: 202 | 412 | 'none'; readonly hardwareId?: string } = {},
) {
  const { challenge = 202, hardwareId = '6C5DB6B0-7A0B-4F8E-9D62-0C7D0B6E1F11' } = options
  const time = new FakeTime()
  const simulator = await startSimulator({ time, accounts: [{ ...demoAccount, person: { challenge } }] })
  const http = createSignInHttp({ clock: systemClock, timeoutMs: 60_000, concurrency: 1 })
  const signIn = createSignIn({ http, oauthUrl: simulator.oauthUrl, hardwareId, clock: systemClock })
  const { email, password } = simulator.person()
  return {
    simulator,
    time,
    begin: (word = password) => signIn.begin({ email, password: new Secret(word) }, calm()),
    enter: (pending: Awaited<ReturnType<typeof signIn.begin>>, code = simulator.person().code) =>
      signIn.enterCode(pending, new Secret(code), calm()),
    finish: (pending: Awaited<ReturnType<typeof signIn.begin>>) => signIn.finish(pending, calm()),
    kinds: () => simulator.calls.map(({ kind }) => kind),
    async [Symbol.asyncDispose]() {
      await http.close({ graceMs: 0 })
      await simulator.close()
    },
  }
}

test('a person signs in with password and code, and gets tokens', async () => {
  await using anna = await person()

  const pending = await anna.begin()
  const tokens = await anna.finish(await anna.enter(pending))

  expect(pending.challenge).toEqual({ phone: '+49xxxxxxx34', method: 'sms', resendAfterMs: 60_000 })
  expect(tokens.refreshToken?.reveal()).toMatch(/^sim-refresh-/)
  expect(anna.kinds()).toEqual([
    'authorize',
    'signin-page',
    'signin-page',
    'signin-page',
    'signin',
    'two-factor',
    'authorize',
    'token',
  ])
})

test('412 without details is a wish for a code as well', async () => {
  await using anna = await person({ challenge: 412 })

  const pending = await anna.begin()

  expect(pending.challenge).toEqual({ resendAfterMs: 60_000 })
  expect((await anna.finish(await anna.enter(pending))).refreshToken).toBeDefined()
})

test('where no code is wanted, the password is enough', async () => {
  await using anna = await person({ challenge: 'none' })

  const pending = await anna.begin()

  expect(pending.challenge).toBeUndefined()
  expect((await anna.finish(pending)).refreshToken).toBeDefined()
})

test('after a wrong code the right one is taken, and no further code was sent', async () => {
  await using anna = await person()
  const pending = await anna.begin()

  await expect(anna.enter(pending, '000000')).rejects.toMatchObject({ code: 'wrong_code' })
  expect((await anna.finish(await anna.enter(pending))).refreshToken).toBeDefined()
  expect(anna.simulator.codesSent(8021)).toBe(1)
})

test('a wrong password has no code sent', async () => {
  await using anna = await person()

  await expect(anna.begin('not it')).rejects.toMatchObject({ code: 'wrong_password', status: 401 })
  expect(anna.simulator.codesSent(8021)).toBe(0)
})

test('a hardware id that others share is refused before the password is sent', async () => {
  await using anna = await person({ hardwareId: 'Blinkpy' })

  await expect(anna.begin()).rejects.toMatchObject({ code: 'edge_refused', status: 406 })
  expect(anna.kinds()).toEqual(['authorize'])
})

test('a sign-in that is begun again too quickly has no second code sent', async () => {
  await using anna = await person()
  await anna.begin()

  await expect(anna.begin()).rejects.toMatchObject({ code: 'too_quick', retryAfterMs: 60_000 })
  anna.time.advance(60_000)
  await anna.begin()
  expect(anna.simulator.codesSent(8021)).toBe(2)
})

test('five wrong codes end in a lock, which names the hour', async () => {
  await using anna = await person()
  const pending = await anna.begin()
  for (let tries = 0; tries < 4; tries++) {
    await expect(anna.enter(pending, '1')).rejects.toMatchObject({ code: 'wrong_code' })
  }

  await expect(anna.enter(pending, '1')).rejects.toMatchObject({
    code: 'too_many_codes',
    bodyCode: 106,
    retryAfterMs: 3_600_000,
  })
})

test('a finish without the code is reported as a lost sign-in', async () => {
  await using anna = await person()

  await expect(anna.finish(await anna.begin())).rejects.toMatchObject({ code: 'cookies_lost' })
})

test.each([
  ['https://evil.example/oauth/v2/signin', 'somewhere we do not follow'],
  ['/oauth/token', 'somewhere we do not follow'],
  ['/oauth/v2/authorize', 'without end'],
  ['/a//oauth/v2/signin', 'somewhere we do not follow'],
  ['/;x/oauth/v2/signin', 'somewhere we do not follow'],
  ['/a%20b/oauth/v2/signin', 'somewhere we do not follow'],
  ['/oauth/v2/%73ignin', 'somewhere we do not follow'],
  ['http://ann:pw@{host}/oauth/v2/signin', 'somewhere we do not follow'],
  ['http://{host}:99999/oauth/v2/signin', 'somewhere we do not follow'],
  ['javascript:/oauth/v2/signin', 'somewhere we do not follow'],
  ['', 'without end'],
  ['/oauth/v2/signin#top', 'without end'],
])('the pages are not followed to %s for ever', async (location, says) => {
  await using peer = await httpPeer((request, response) => {
    response.writeHead(302, { location: location.replace('{host}', request.headers.host ?? '') }).end()
  })
  const http = createSignInHttp({ clock: systemClock, timeoutMs: 60_000, concurrency: 1 })
  const signIn = createSignIn({ http, oauthUrl: peer.url, hardwareId: 'X', clock: systemClock })

  const begun = signIn.begin({ email: 'anna@example.com', password: new Secret('pw') }, calm())

  await expect(begun).rejects.toThrow(says)
  expect(peer.seen.every(({ body }) => body === '')).toBe(true)
  await http.close({ graceMs: 0 })
})

test('whatever a page redirects to, a sign-in ends with a sentence', async () => {
  let location = ''
  await using peer = await httpPeer((_, response) => response.writeHead(302, { location }).end())
  const http = createSignInHttp({ clock: systemClock, timeoutMs: 60_000, concurrency: 1 })
  const signIn = createSignIn({ http, oauthUrl: peer.url, hardwareId: 'X', clock: systemClock })
  const part = fc.constantFrom(
    'oauth',
    'v2',
    'signin',
    '',
    '.',
    '..',
    ';x',
    'a%2Fb',
    ' ',
    '@',
    '?',
    '#',
    '\\',
    ':',
  )
  const start = fc.constantFrom('', '/', '//', peer.url, peer.url.replace('//', '//u:p@'), 'https://')

  await fc.assert(
    fc.asyncProperty(start, fc.array(part, { maxLength: 6 }), async (begin, parts) => {
      location = `${begin}${parts.map((each) => `/${each}`).join('')}/oauth/v2/signin`
      const begun = signIn.begin({ email: 'anna@example.com', password: new Secret('pw') }, calm())
      await expect(begun, location).rejects.toBeInstanceOf(CloudError)
    }),
    { numRuns: 200 },
  )
  expect(peer.seen.filter(({ method }) => method !== 'GET')).toEqual([])
  await http.close({ graceMs: 0 })
})
