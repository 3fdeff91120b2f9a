import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CallKind } from '../../../src/blink/api.ts'
import {
  readClipRequest,
  readCommand,
  readManifest,
  readStorageStatus,
} from '../../../src/blink/clip-wire.ts'
import {
  type Answered,
  classify,
  parseJson,
  refusalIn,
  retryAfterMs,
  TokenRefused,
} from '../../../src/blink/response.ts'
import { readHomescreen, readManifestRequest, readTierInfo, readTokens } from '../../../src/blink/wire.ts'
import {
  AccountThrottled,
  CloudChanged,
  type CloudError,
  CloudRefused,
  CloudUnreachable,
  DaemonError,
  LoginNeeded,
  ModuleBusy,
} from '../../../src/domain/errors.ts'
import { opensBreaker } from '../../../src/domain/retry-policy.ts'
import { anyCharacter } from '../../support/characters.ts'

const now = Date.parse('2026-11-23T09:00:00.000Z')

/** The error an answer is classified as. */
function errorOf(kind: CallKind, status: number, body: unknown, more: Partial<Answered> = {}): CloudError {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  try {
    classify({ kind, status, text, now, ...more })
  } catch (error) {
    return error as CloudError
  }
  throw new Error('that was no error')
}

test('a good answer is its JSON', () => {
  expect(classify({ kind: 'manifest_request', status: 200, text: '{"id":1}', now })).toEqual({ id: 1 })
  expect(classify({ kind: 'manifest_request', status: 202, text: '{"id":1}', now })).toEqual({ id: 1 })
})

test('a code in a good answer is no error as long as the requested data is there', () => {
  const text = '{"message":"OK","code":103,"tier":"e008"}'

  expect(classify({ kind: 'tier_info', status: 200, text, now })).toMatchObject({ tier: 'e008' })
  expect(errorOf('tier_info', 200, { message: 'An app update is required', code: 103 })).toBeInstanceOf(
    CloudRefused,
  )
})

test('body code 402 and HTTP 402 are two different things', () => {
  expect(errorOf('manifest_request', 400, { code: 402 })).toMatchObject({
    condition: 'offline',
    bodyCode: 402,
  })
  expect(errorOf('manifest_request', 402, '')).toMatchObject({ condition: undefined, status: 402 })
})

test('406 from the edge pauses the account, 406 in a body is about one module', () => {
  expect(errorOf('manifest_request', 406, 'Not Acceptable')).toBeInstanceOf(AccountThrottled)
  expect(errorOf('manifest_request', 406, { code: 406 })).toBeInstanceOf(CloudRefused)
})

test('409 is "busy" for a manifest request, with or without a code', () => {
  expect(errorOf('manifest_request', 409, '<html>')).toBeInstanceOf(ModuleBusy)
  expect(errorOf('manifest_request', 409, { code: '307' })).toMatchObject({ bodyCode: 307, retryable: true })
  expect(errorOf('homescreen', 409, '')).toBeInstanceOf(CloudRefused)
})

test('a refused access token differs from a refused sign-in at the token endpoint', () => {
  expect(errorOf('homescreen', 401, '')).toBeInstanceOf(TokenRefused)
  expect(errorOf('manifest_request', 403, { code: 101 })).toBeInstanceOf(TokenRefused)
  expect(errorOf('token', 401, '')).toBeInstanceOf(LoginNeeded)
  expect(errorOf('token', 401, '').remedy).toContain('login')
})

test('a token endpoint that is down does not make credentials invalid', () => {
  expect(errorOf('token', 400, { error: 'invalid_grant' })).toBeInstanceOf(LoginNeeded)
  expect(errorOf('token', 502, { error: 'invalid_grant' })).toBeInstanceOf(CloudUnreachable)
  expect(errorOf('token', 403, { error: 'invalid_grant' })).toBeInstanceOf(AccountThrottled)
  expect(errorOf('token', 400, { error: 'invalid_client' })).toBeInstanceOf(CloudRefused)
  expect(errorOf('token', 400, { code: 101 })).toBeInstanceOf(CloudRefused)
  expect(errorOf('token', 400, { error: 'server_error' })).toBeInstanceOf(CloudRefused)
  expect(errorOf('homescreen', 400, { error: 'invalid_grant' })).toBeInstanceOf(CloudRefused)
})

test('a token of another client needs another remedy than a withdrawn one', () => {
  expect(errorOf('token', 400, { error: 'invalid_client' }).remedy).toContain('client_id')
  expect(errorOf('token', 400, { error: 'invalid_grant' }).remedy).not.toContain('client_id')
})

test.each([403, 406, 429])('HTTP %i pauses the account for as long as the cloud says', (status) => {
  const error = errorOf('homescreen', status, '', { retryAfter: '90' })

  expect(error).toBeInstanceOf(AccountThrottled)
  expect(error).toMatchObject({ retryAfterMs: 90_000, outcome: 'not-done' })
})

test('too many logins pause the account for an hour at least', () => {
  expect(errorOf('token', 429, { code: 106 }, { retryAfter: '5' }).retryAfterMs).toBe(3_600_000)
  expect(errorOf('token', 429, { code: 106 }, { retryAfter: '7200' }).retryAfterMs).toBe(7_200_000)
})

test.each([
  500, 502, 503, 504, 408,
])('after HTTP %i nobody can say whether a manifest was asked for', (status) => {
  expect(errorOf('manifest_request', status, '<html>')).toMatchObject({
    outcome: 'unknown',
    retryable: false,
  })
  expect(errorOf('homescreen', status, '<html>')).toMatchObject({ outcome: 'not-done', retryable: true })
})

test.each(['', ' \n'])('an empty answer where JSON is due leaves us not knowing', (text) => {
  expect(errorOf('manifest_request', 202, text)).toBeInstanceOf(CloudUnreachable)
  expect(errorOf('manifest_request', 200, text)).toMatchObject({ outcome: 'unknown' })
  expect(errorOf('homescreen', 200, text)).toMatchObject({ outcome: 'not-done', retryable: true })
})

test('a page instead of JSON is an answer we cannot read', () => {
  expect(errorOf('manifest_request', 200, '<html>')).toBeInstanceOf(CloudChanged)
  expect(errorOf('manifest_request', 200, '<html>')).toMatchObject({ outcome: 'unknown' })
})

test.each([301, 302, 304, 307, 308])('HTTP %i is a refusal and nothing to follow', (status) => {
  expect(errorOf('homescreen', status, '')).toBeInstanceOf(CloudRefused)
})

test('an app that is too old gets a remedy', () => {
  expect(errorOf('homescreen', 426, { message: 'An app update is required' }).remedy).toContain(
    'newer version',
  )
})

test('a message holds the status, the code and our own words', () => {
  const error = errorOf('manifest_request', 409, { message: 'System is busy', code: 307 })

  expect(error.message).toBe('manifest request: the system is busy (HTTP 409, code 307)')
})

const read: Record<Exclude<CallKind, 'clip'>, (json: unknown) => unknown> = {
  token: readTokens,
  tier_info: readTierInfo,
  homescreen: (json) => readHomescreen(json, '1'),
  manifest_request: readManifestRequest,
  manifest: readManifest,
  media: (json) => readManifest(json, 'media'),
  clip_request: readClipRequest,
  command: readCommand,
  storage_status: readStorageStatus,
}
const kinds = Object.keys(read) as (keyof typeof read)[]

/** JSON that looks like an answer every so often. */
const answerLike = fc.dictionary(
  fc.constantFrom(
    'id',
    'code',
    'message',
    'error',
    'tier',
    'account_id',
    'access_token',
    'expires_in',
    'sync_modules',
    'networks',
  ),
  fc.anything({ withNullPrototype: false, maxDepth: 3 }),
)
const texts = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.json(),
  answerLike.map((value) => {
    try {
      return JSON.stringify(value)
    } catch {
      return ''
    }
  }),
)

test('whatever comes back is a value or one of our errors, which repeats nothing of it', () => {
  const marked = texts.map((text) => ({ text, mark: 'sesame-8471' }))
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.integer({ min: 0, max: 999 }),
      marked,
      fc.string(),
      (kind, status, { text, mark }, retryAfter) => {
        const withMark = text.replaceAll(/"([^"\\]*)"(?=[,}\]])/g, `"$1${mark}"`)
        try {
          read[kind](classify({ kind, status, text: withMark, retryAfter, now }))
        } catch (error) {
          expect(error).toBeInstanceOf(DaemonError)
          const { message, remedy } = error as DaemonError
          expect(`${message} ${remedy}`).not.toContain(mark)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('an interceptor hears of each answer that opens the breaker, whatever its status', () => {
  const codes = fc.constantFrom(106, 110, 111, 307, 402, 5)
  const bodies = fc.oneof(
    codes.map((code) => JSON.stringify({ message: 'no', code })),
    codes.map((code) => `{ "code" :"${code}" }`),
    texts,
  )
  let opened = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.constantFrom(200, 202, 204, 403, 409, 429, 500),
      bodies,
      (kind, status, text) => {
        const answered: Answered = { kind, status, text, now }
        let error: unknown
        try {
          classify(answered)
        } catch (thrown) {
          error = thrown
        }
        expect(opensBreaker(refusalIn(answered))).toBe(opensBreaker(error))
        if (opensBreaker(error)) opened++
      },
    ),
    { numRuns: 300 },
  )
  expect(opened).toBeGreaterThan(50)
})

test('a pause is named in seconds or as a date', () => {
  expect(retryAfterMs('120', now)).toBe(120_000)
  expect(retryAfterMs(' 1 ', now)).toBe(1_000)
  expect(retryAfterMs('Mon, 23 Nov 2026 09:00:30 GMT', now)).toBe(30_000)
})

test.each([
  undefined,
  '',
  '0',
  '-5',
  '1.5',
  'soon',
  '1e9',
  'Mon, 23 Nov 2026 08:59:59 GMT',
  '2026-11-24',
  '9 9',
  'Xxx, 99 Yyy 2026 99:99:99 GMT',
])('a pause that makes no sense is none: %j', (header) => {
  expect(retryAfterMs(header, now)).toBeUndefined()
})

test('no pause is longer than a day', () => {
  expect(retryAfterMs('9'.repeat(400), now)).toBe(86_400_000)
  expect(retryAfterMs('Fri, 31 Dec 9999 23:59:59 GMT', now)).toBe(86_400_000)
})

test('an integer too long for a number keeps its digits as text', () => {
  expect(parseJson('{"id":9223372036854775807,"n":[9007199254740993,-9007199254740993]}')).toEqual({
    id: '9223372036854775807',
    n: ['9007199254740993', '-9007199254740993'],
  })
})

test('a number that is not written as an integer is not taken for one', () => {
  expect(parseJson('[1e3,4.0,-0,1E2,1.5,42]')).toEqual(['1e3', '4.0', '-0', '1E2', 1.5, 42])
})

test('anything but JSON is nothing, however deep it goes', () => {
  expect(parseJson('')).toBeUndefined()
  expect(parseJson('<html>')).toBeUndefined()
  expect(parseJson('{"id":')).toBeUndefined()
  expect(parseJson('['.repeat(2_000_000))).toBeUndefined()
  expect(() => parseJson('['.repeat(100_000) + ']'.repeat(100_000))).not.toThrow()
})

test('everything else is as JSON.parse has it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.stringify(parseJson(text))?.length).toBeGreaterThan(0)
    }),
  )
  expect(parseJson('{"a":[true,null,"9007199254740993"]}')).toEqual({ a: [true, null, '9007199254740993'] })
})
