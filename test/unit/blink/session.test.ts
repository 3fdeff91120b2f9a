import { expect, test } from 'vitest'
import { calm } from '../../support/peer.ts'
import { fieldsOf, formOf, rotating, sessionFixture } from '../../support/session-fixture.ts'

test('a refresh is sent as the app sends it', async () => {
  const { http, token } = sessionFixture(rotating)

  expect(await token()).toBe('access-1')
  expect(http.calls[0]).toMatchObject({
    kind: 'token',
    url: 'https://api.oauth.blink.com/oauth/token',
    headers: {
      'user-agent': expect.stringMatching(/^Blink\/.* CFNetwork\//),
      'content-type': 'application/x-www-form-urlencoded',
    },
  })
  expect(fieldsOf(http.calls[0])).toEqual({
    grant_type: 'refresh_token',
    refresh_token: 'refresh-0',
    client_id: 'ios',
    scope: 'client',
    hardware_id: 'OUR-OWN',
  })
})

test('credentials that came with a hardware id keep it, and their client', async () => {
  const { http, token } = sessionFixture(rotating, { login: { hardwareId: 'THEIRS', clientId: 'android' } })

  await token()

  expect(fieldsOf(http.calls[0])).toMatchObject({ hardware_id: 'THEIRS', client_id: 'android' })
})

test.each([
  [3600, 3_300_000],
  [600, 540_000],
  [86_400, 86_100_000],
])('a token of %i seconds is used for %i ms, and then renewed', async (seconds, usableMs) => {
  const { clock, token } = sessionFixture((_, index) => [
    200,
    { access_token: `a${index}`, expires_in: seconds },
  ])

  const first = await token()
  await clock.advance(usableMs - 1)
  const still = await token()
  await clock.advance(1)

  expect([first, still, await token()]).toEqual(['a0', 'a0', 'a1'])
})

test('a token is not thought good for longer because the wall clock was set back', async () => {
  const { clock, token } = sessionFixture(rotating)
  await token()

  clock.setWall(clock.now() - 365 * 86_400_000)
  await clock.advance(3_600_000)

  expect(await token()).toBe('access-2')
})

test('a computer that slept renews its token though only the wall clock went on', async () => {
  const { clock, token } = sessionFixture(rotating)
  await token()

  clock.setWall(clock.now() + 8 * 3_600_000)

  expect(await token()).toBe('access-2')
})

test('with any number of callers at once, the token is renewed once', async () => {
  const answer = Promise.withResolvers<readonly [number, unknown]>()
  const { http, token } = sessionFixture(() => answer.promise)

  const tokens = Promise.all(Array.from({ length: 50 }, token))
  answer.resolve([200, { access_token: 'a' }])

  expect(new Set(await tokens)).toEqual(new Set(['a']))
  expect(http.calls.length).toBe(1)
})

test('one who loses patience does not spoil it for the others', async () => {
  const answer = Promise.withResolvers<readonly [number, unknown]>()
  const { session, token, http } = sessionFixture(() => answer.promise)
  const impatient = new AbortController()

  const lost = session.accessToken(impatient.signal)
  const patient = token()
  impatient.abort(new Error('no time'))

  await expect(lost).rejects.toThrow('no time')
  answer.resolve([200, { access_token: 'a' }])
  expect(await patient).toBe('a')
  expect(http.calls.length).toBe(1)
})

test('a refresh whose every asker has left is finished and its token kept', async () => {
  const answer = Promise.withResolvers<readonly [number, unknown]>()
  const { session, refreshTokens } = sessionFixture(() => answer.promise)
  const impatient = new AbortController()
  const lost = session.accessToken(impatient.signal)
  impatient.abort(new Error('stopping'))
  await expect(lost).rejects.toThrow('stopping')

  answer.resolve([200, { access_token: 'a', refresh_token: 'refresh-1' }])
  await session.settled()

  expect(refreshTokens()).toEqual(['refresh-1'])
})

test('the rotated token is on disk before anybody gets the new access token', async () => {
  const disk = Promise.withResolvers<void>()
  let handedOut = false
  const { token, refreshTokens } = sessionFixture(rotating, { save: () => disk.promise })

  const asked = token().then(() => {
    handedOut = true
  })
  await new Promise(setImmediate)
  expect(handedOut).toBe(false)
  disk.resolve()
  await asked

  expect(refreshTokens()).toEqual(['refresh-1'])
})

test('each refresh uses the token that the last one brought', async () => {
  const { http, clock, token, refreshTokens } = sessionFixture(rotating)

  await token()
  await clock.advance(3_600_000)
  await token()

  expect(http.calls.map((call) => formOf(call).get('refresh_token'))).toEqual(['refresh-0', 'refresh-1'])
  expect(refreshTokens()).toEqual(['refresh-1', 'refresh-2'])
})

test('a token that is not rotated stays, and nothing is written', async () => {
  const { http, clock, token, saved } = sessionFixture(() => [200, { access_token: 'a' }])

  await token()
  await clock.advance(3_600_000)
  await token()

  expect(http.calls.map((call) => formOf(call).get('refresh_token'))).toEqual(['refresh-0', 'refresh-0'])
  expect(saved).toEqual([])
})

test('a token the cloud refuses is renewed once, however many were refused with it', async () => {
  const { session, http, token } = sessionFixture(rotating)
  const first = await session.accessToken(calm())

  session.tokenRefused(first)
  await token()
  session.tokenRefused(first)

  expect(await token()).toBe('access-2')
  expect(http.calls.length).toBe(2)
})

test('what is learned of the account outlives the next rotation', async () => {
  const { session, token, saved } = sessionFixture(rotating, {
    login: { accountId: undefined, region: undefined },
  })

  await session.learn({ accountId: '8021', region: 'e008' })
  await session.learn({ accountId: '8021', region: 'e008' })
  await token()

  expect(saved.map(({ accountId, region }) => `${accountId} ${region}`)).toEqual(['8021 e008', '8021 e008'])
  expect(session.credentials).toMatchObject({ accountId: '8021', region: 'e008' })
})

test('changes reach the disk in their order, one at a time', async () => {
  const first = Promise.withResolvers<void>()
  let writing = 0
  const { session, token, refreshTokens } = sessionFixture(rotating, {
    async save(login) {
      expect(++writing).toBe(1)
      if (login.region === 'u011') await first.promise
      writing--
    },
  })

  const learned = session.learn({ accountId: '8021', region: 'u011' })
  const asked = token()
  await new Promise(setImmediate)
  first.resolve()
  await Promise.all([learned, asked])

  expect(refreshTokens()).toEqual(['refresh-0', 'refresh-1'])
})
