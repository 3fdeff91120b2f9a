import { expect, test } from 'vitest'
import {
  AccountThrottled,
  CloudChanged,
  CloudRefused,
  CloudUnreachable,
  LoginNeeded,
  StoreFailed,
  TwoFactorNeeded,
} from '../../../src/domain/errors.ts'
import { formOf, rotating, sessionFixture } from '../../support/session-fixture.ts'

test('a rotated token that cannot be kept is used by nobody until it can be', async () => {
  let isFull = true
  const { http, token, refreshTokens } = sessionFixture(rotating, {
    save: () => (isFull ? Promise.reject(new StoreFailed('disk full')) : Promise.resolve()),
  })

  await expect(token()).rejects.toThrow(StoreFailed)
  await expect(token()).rejects.toThrow(StoreFailed)
  isFull = false

  expect(await token()).toBe('access-1')
  expect(refreshTokens()).toEqual(['refresh-1'])
  expect(http.calls.length).toBe(1)
})

test.each([
  [400, { error: 'invalid_grant' }],
  [401, ''],
  [401, { error: 'unsupported_grant_type' }],
])('a refused login (%i) is remembered on disk and never tried again', async (status, body) => {
  const { http, clock, token, saved } = sessionFixture(() => [status, body])

  await expect(token()).rejects.toThrow(LoginNeeded)
  await clock.advance(86_400_000)
  await expect(token()).rejects.toThrow(LoginNeeded)

  expect(http.calls.length).toBe(1)
  expect(saved.map(({ refusedAt }) => refusedAt)).toEqual([Date.parse('2026-11-23T09:00:00.000Z')])
})

test.each([
  [412, ''],
  [412, { message: 'whatever' }],
  [202, { next_time_in_secs: 60, phone: '+49xxxx', tsv_state: 'sms' }],
])('a refresh answered by the wish for a code (%i) is never tried again', async (status, body) => {
  const { http, clock, token, saved } = sessionFixture(() => [status, body])

  await expect(token()).rejects.toMatchObject({ code: 'two_factor_required' })
  await clock.advance(86_400_000)
  await expect(token()).rejects.toThrow(TwoFactorNeeded)

  expect(http.calls.length).toBe(1)
  expect(saved).toMatchObject([{ refusedAt: expect.any(Number), refusedFor: 'two_factor_required' }])
  const restarted = sessionFixture(rotating, { login: saved[0] ?? {} })
  await expect(restarted.token()).rejects.toThrow(TwoFactorNeeded)
  expect(restarted.http.calls).toEqual([])
})

test('credentials that were refused before a restart are not tried after it', async () => {
  const { http, token } = sessionFixture(rotating, { login: { refusedAt: 1 } })

  await expect(token()).rejects.toThrow(LoginNeeded)

  expect(http.calls).toEqual([])
})

test('a refusal that cannot be written down is a refusal all the same', async () => {
  const { http, token } = sessionFixture(() => [401, ''], {
    save: () => Promise.reject(new StoreFailed('disk full')),
  })

  await expect(token()).rejects.toThrow(LoginNeeded)
  await expect(token()).rejects.toThrow(LoginNeeded)

  expect(http.calls.length).toBe(1)
})

test.each([
  ['the network', new CloudUnreachable('away', { outcome: 'not-done' }), CloudUnreachable],
  ['the edge', [406, 'Not Acceptable'], AccountThrottled],
  ['a limit', [400, { code: 106 }], AccountThrottled],
  ['trouble at the cloud', [503, ''], CloudUnreachable],
  ['a page', [200, '<html>'], CloudChanged],
  ['a client id that does not fit', [400, { error: 'invalid_client' }], CloudRefused],
  ['a word of another meaning', [403, { error: 'invalid_grant' }], AccountThrottled],
  ['a code of another meaning', [400, { code: 101 }], CloudRefused],
  ['a lock that comes as 412', [412, { code: 106 }], AccountThrottled],
  ['202 without a word of a code', [202, {}], CloudChanged],
  ['an answer without a token', [200, { refresh_token: 'r' }], CloudChanged],
] as const)('a refresh that fails for %s costs nobody the login', async (_, failure, type) => {
  const { http, clock, token } = sessionFixture((call, index) =>
    index === 0 ? failure : rotating(call, index),
  )

  await expect(token()).rejects.toThrow(type)
  await clock.advance(2_000)

  expect(await token()).toBe('access-2')
  expect(formOf(http.calls[1]).get('refresh_token')).toBe('refresh-0')
})

test('a failed refresh is not repeated for each module in the next two seconds', async () => {
  const lost = new CloudUnreachable('connection lost', { outcome: 'not-done' })
  const { http, clock, token } = sessionFixture((call, index) => (index === 0 ? lost : rotating(call, index)))

  await expect(token()).rejects.toBe(lost)
  await clock.advance(1_999)
  await expect(token()).rejects.toBe(lost)
  expect(http.calls).toHaveLength(1)

  await clock.advance(1)
  expect(await token()).toBe('access-2')
  expect(http.calls).toHaveLength(2)
})
