import { expect, test } from 'vitest'
import {
  afterAuthorize,
  afterCode,
  afterPassword,
  authorizationCodeOf,
  csrfOf,
  exchangedOf,
} from '../../../src/blink/sign-in-responses.ts'
import { CloudChanged, CloudUnreachable, DaemonError } from '../../../src/domain/errors.ts'
import { sample } from '../../support/visitor.ts'

const now = Date.parse('2026-11-23T09:00:00Z')
const minute = 60_000
const hour = 60 * minute

const answer = (status: number, body: unknown = '', location?: string) => ({
  status,
  text: typeof body === 'string' ? body : JSON.stringify(body),
  retryAfter: undefined,
  ...(location !== undefined && { location }),
})

/** The error that is thrown, in short. */
function thrown(work: () => unknown): unknown {
  try {
    return { returned: work() }
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error
    return error
  }
}

const password = (...args: Parameters<typeof answer>) => thrown(() => afterPassword(answer(...args), now))
const code = (ageMs: number, ...args: Parameters<typeof answer>) =>
  thrown(() => afterCode(answer(...args), { now, sentAt: now - ageMs }))

test('both 202 and 412 mean that a code is wanted, with or without details', () => {
  const { status, body } = sample('oauth-signin-2fa-202')

  expect(afterPassword(answer(status ?? 0, body), now).challenge).toEqual({
    phone: '+49xxxx',
    method: 'sms',
    resendAfterMs: minute,
  })
  expect(afterPassword(answer(412), now).challenge).toEqual({ resendAfterMs: minute })
  const totp = { phone: 'time-based OTP', tsv_state: 'totp', next_time_in_secs: 90 }
  expect(afterPassword(answer(412, totp), now).challenge).toMatchObject({
    method: 'totp',
    resendAfterMs: 90_000,
  })
})

test('a redirect after the password means that no code is wanted', () => {
  expect(afterPassword(answer(302, '', '/oauth/v2/authorize'), now).challenge).toBeUndefined()
  expect(afterPassword(answer(200), now).challenge).toBeUndefined()
})

test.each<[what: string, code: string, args: Parameters<typeof answer>]>([
  ['a wrong password', 'wrong_password', [401, { error: 'invalid_grant' }]],
  ['a wrong password, in other words', 'wrong_password', [400, { error: 'bad_request' }]],
  ['an account of Amazon', 'amazon_account', [302, '', 'https://www.amazon.co.uk/ap/signin']],
  ['lost cookies', 'cookies_lost', [400, sample('oauth-signin-empty-cookies-400').body]],
  ['a form that was not ours', 'cookies_lost', [403, { error: 'access_denied' }]],
  ['the edge', 'edge_refused', [406, 'Not Acceptable']],
  ['the edge with its other number', 'edge_refused', [403, '<html>']],
  ['an app that is too old', 'app_too_old', [426, { code: 105, message: 'An app update is required' }]],
  ['an account that is locked', 'too_many_codes', [400, { code: 106, message: 'Login limit' }]],
  ['haste', 'too_quick', [429, { error: 'too_many_requests', next_time_in_secs: 600 }]],
])('%s has its own error', (_, expected, args) => {
  const error = password(...args)

  expect(error).toMatchObject({ code: expected, status: args[0], retryable: false })
  expect((error as DaemonError).remedy).toBeTruthy()
})

test('a lock lasts an hour, and haste as long as the cloud says', () => {
  expect(password(400, { code: 106 })).toMatchObject({ retryAfterMs: hour, retryAt: now + hour })
  expect(password(429, { next_time_in_secs: 600 })).toMatchObject({ retryAfterMs: 10 * minute })
  expect(password(429)).toMatchObject({ retryAfterMs: minute })
})

test('an address that only looks like Amazon is not taken for it', () => {
  expect(password(302, '', 'https://amazon.evil.example/')).toEqual({ returned: { challenge: undefined } })
})

test('trouble at the cloud is nothing that the person did', () => {
  expect(password(503, 'x')).toBeInstanceOf(CloudUnreachable)
  expect(code(0, 502)).toBeInstanceOf(CloudUnreachable)
})

test('a right code has the status 201 or 200, a wrong one 412 or 400', () => {
  expect(code(0, 201, sample('oauth-2fa-verified-201').body)).toEqual({ returned: undefined })
  expect(code(0, 200)).toEqual({ returned: undefined })
  for (const status of [400, 401, 412, 422]) expect(code(0, status)).toMatchObject({ code: 'wrong_code' })
})

test('a code refused after ten minutes is too old rather than wrong', () => {
  expect(code(10 * minute, 412)).toMatchObject({ code: 'wrong_code' })
  expect(code(10 * minute + 1, 412)).toMatchObject({ code: 'code_expired' })
  expect(code(0, 410)).toMatchObject({ code: 'code_expired' })
})

test('what the code step shares with the others keeps its name there', () => {
  expect(code(0, 400, { code: 106 })).toMatchObject({ code: 'too_many_codes' })
  expect(code(0, 429)).toMatchObject({ code: 'too_quick' })
  expect(code(0, 400, { error_cause: 'empty_cookies' })).toMatchObject({ code: 'cookies_lost' })
})

test('the token of the form is found however the page is written', () => {
  const page = (script: string) => thrown(() => csrfOf(answer(200, `<html>${script}</html>`), now))
  const read = (script: string) => (page(script) as { returned: { reveal(): string } }).returned.reveal()

  expect(read('<script id="oauth-args" type="application/json">{"csrf-token":"a.b"}</script>')).toBe('a.b')
  expect(read('<SCRIPT type=\'x\' id=\'oauth-args\'>\n {"csrf-token": "c", "x": {}}\n</SCRIPT>')).toBe('c')
  for (const none of [
    '',
    '<script id="oauth-args">nonsense</script>',
    '<script id="oauth-args">{}</script>',
  ]) {
    expect(page(none)).toBeInstanceOf(CloudChanged)
  }
})

test.each([
  ['opens the script again and again', '<script id=oauth-args '],
  ['ends none of its scripts', '<script id=oauth-args>'],
  ['names the script and opens none', ' id=oauth-args'],
  ['opens scripts without a name', '<script '],
])('a page that %s is not searched for ever', (_, part) => {
  const page = part.repeat(100_000 / part.length)

  expect(thrown(() => csrfOf(answer(200, page), now))).toMatchObject({ code: 'cloud_changed' })
})

test('the authorization code is taken from the redirect to the app, and from no other', () => {
  const of = (location: string) => thrown(() => authorizationCodeOf(answer(302, '', location), now))
  const app = 'immedia-blink://applinks.blink.com/signin/callback'
  const found = of(`${app}?code=a%2Bb&state=`) as { returned: { reveal(): string } }

  expect(found.returned.reveal()).toBe('a+b')
  expect(of('https://evil.example/?code=1')).toMatchObject({ code: 'cookies_lost' })
  expect(of('/oauth/v2/signin')).toMatchObject({ code: 'cookies_lost' })
  expect(thrown(() => authorizationCodeOf(answer(200), now))).toBeInstanceOf(CloudChanged)
})

test('an exchange that is refused has its own error', () => {
  expect(exchangedOf(answer(200, { access_token: 'a' }), now)).toEqual({ access_token: 'a' })
  const refused = thrown(() => exchangedOf(answer(400, sample('oauth-invalid-grant').body), now))
  expect(refused).toMatchObject({ code: 'not_accepted' })
  expect(thrown(() => exchangedOf(answer(200, '<html>'), now))).toBeInstanceOf(CloudChanged)
})

test('the first page is there, leads on, or is something else', () => {
  expect(afterAuthorize(answer(200), now)).toEqual({ redirect: undefined })
  expect(afterAuthorize(answer(302, '', '/x'), now)).toEqual({ redirect: '/x' })
  expect(thrown(() => afterAuthorize(answer(404), now))).toBeInstanceOf(CloudChanged)
})

test('no sentence repeats what the cloud has sent', () => {
  for (const status of [400, 403, 406, 412, 429, 500]) {
    const error = code(0, status, { error: 'top-secret', message: 'top-secret', phone: 'top-secret' })
    expect(JSON.stringify([String(error), (error as DaemonError).remedy])).not.toContain('top-secret')
  }
})
