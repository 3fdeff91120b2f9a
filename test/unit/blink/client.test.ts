import { expect, test } from 'vitest'
import type { HttpCall } from '../../../src/blink/api.ts'
import {
  AccountThrottled,
  CloudChanged,
  CloudRefused,
  CloudUnreachable,
  ModuleBusy,
} from '../../../src/domain/errors.ts'
import type { Reply } from '../../support/blink-scripted.ts'
import { cloudFixture, homescreen, manifestPath, module, tier } from '../../support/cloud-fixture.ts'
import { calm } from '../../support/peer.ts'

test("a manifest is requested in the account's region, with the place to fetch it", async () => {
  const { cloud, http } = cloudFixture(() => [200, { id: 670555852, network_id: 44107 }])

  const request = await cloud.requestManifest(module, calm())

  expect(request).toEqual({
    requestId: '670555852',
    pollPath: `${manifestPath}/670555852`,
    pollUrl: `https://rest-e008.immedia-semi.com${manifestPath}/670555852`,
  })
  expect(http.calls[1]).toEqual({
    kind: 'manifest_request',
    url: `https://rest-e008.immedia-semi.com${manifestPath}`,
    headers: {
      authorization: 'Bearer access-1',
      'content-type': 'application/json',
      accept: 'application/json',
    },
  })
})

test('an id too long for a number is passed on with all its digits', async () => {
  const { cloud } = cloudFixture(() => [200, '{"id":9223372036854775807}'])

  expect((await cloud.requestManifest(module, calm())).pollPath).toBe(`${manifestPath}/9223372036854775807`)
})

test('an address without regions is used as it is, and no region is requested', async () => {
  const { cloud, http, asked } = cloudFixture(() => homescreen, {
    restUrl: 'http://127.0.0.1:8080/blink/',
    login: { region: undefined },
  })

  expect((await cloud.discover(calm())).length).toBe(1)
  expect(asked()).toEqual(['token api.oauth.blink.com', 'homescreen 127.0.0.1'])
  expect(http.calls[1]?.url).toBe('http://127.0.0.1:8080/blink/api/v3/accounts/8021/homescreen')
})

test('an account known by its token alone is found, and what was learned is kept', async () => {
  const { cloud, saved, asked } = cloudFixture(
    (call) => (call.kind === 'tier_info' ? tier('U011') : homescreen),
    {
      login: { accountId: undefined, region: undefined },
    },
  )

  await cloud.discover(calm())
  await cloud.discover(calm())

  expect(asked()).toEqual([
    'token api.oauth.blink.com',
    'tier_info rest-prod.immedia-semi.com',
    'homescreen rest-u011.immedia-semi.com',
    'homescreen rest-u011.immedia-semi.com',
  ])
  expect(saved).toMatchObject([{ accountId: '8021', region: 'u011' }])
})

test('a region that could lead a token elsewhere is not believed', async () => {
  const answered = cloudFixture(() => tier('evil.example/'), { login: { region: undefined } })
  const stored = cloudFixture((call) => (call.kind === 'tier_info' ? tier('e008') : homescreen), {
    login: { region: 'evil.example/' },
  })

  await expect(answered.cloud.discover(calm())).rejects.toThrow(CloudChanged)
  await stored.cloud.discover(calm())

  expect([...answered.asked(), ...stored.asked()].join()).not.toContain('evil')
})

test('a refused token is renewed and the call sent once more', async () => {
  const { cloud, http } = cloudFixture((call) =>
    bearerOf(call) === 'access-1' ? [401, { code: 101 }] : [200, { id: 7 }],
  )

  expect((await cloud.requestManifest(module, calm())).requestId).toBe('7')
  expect(http.calls.map(({ kind }) => kind)).toEqual([
    'token',
    'manifest_request',
    'token',
    'manifest_request',
  ])
})

test('a cloud that refuses a new token as well gets no further requests', async () => {
  const { cloud, http } = cloudFixture(() => [401, { code: 101 }])

  const error = await cloud.requestManifest(module, calm()).catch((reason: unknown) => reason)

  expect(error).toBeInstanceOf(CloudRefused)
  expect(error).toMatchObject({ status: 401, bodyCode: 101, outcome: 'not-done', retryable: false })
  expect(http.calls.length).toBe(4)
})

test('a cloud that goes on refusing new tokens costs one refresh a minute', async () => {
  const { cloud, http, clock } = cloudFixture(() => [401, { code: 101 }])
  const askTen = async () => {
    const counted = http.calls.length
    for (let modules = 0; modules < 10; modules++) {
      await expect(cloud.requestManifest(module, calm())).rejects.toThrow(CloudRefused)
    }
    const kinds = http.calls.slice(counted).map(({ kind }) => kind)
    return { tokens: kinds.filter((kind) => kind === 'token').length, all: kinds.length }
  }

  expect(await askTen()).toEqual({ tokens: 2, all: 13 })
  await clock.advance(60_000)
  expect(await askTen()).toEqual({ tokens: 1, all: 12 })
})

test('a new token that was accepted and is then refused as well is renewed at once', async () => {
  const refusedAt = [1, 4]
  let asked = 0
  const { cloud, http } = cloudFixture(() => (refusedAt.includes(++asked) ? [401, ''] : [200, { id: 7 }]))

  for (let calls = 0; calls < 3; calls++) await cloud.requestManifest(module, calm())

  expect(http.calls.filter(({ kind }) => kind === 'token').length).toBe(3)
})

test('many calls refused with one token renew it once', async () => {
  const { cloud, http } = cloudFixture((call) =>
    bearerOf(call) === 'access-1' ? [401, ''] : [200, { id: 7 }],
  )

  await Promise.all(Array.from({ length: 20 }, () => cloud.requestManifest(module, calm())))

  expect(http.calls.filter(({ kind }) => kind === 'token').length).toBe(2)
})

test.each([
  ['busy', [409, { code: 307 }], ModuleBusy],
  ['asked to slow down', [406, 'Not Acceptable'], AccountThrottled],
  ['left without an answer', [502, '<html>'], CloudUnreachable],
  ['given something else', [200, { message: 'sesame' }], CloudChanged],
] as const)('who is %s sends nothing a second time', async (_, reply, type) => {
  const { cloud, asked } = cloudFixture(() => reply)

  await expect(cloud.requestManifest(module, calm())).rejects.toThrow(type)

  expect(asked().length).toBe(2)
})

test('an account id that came with the credentials is kept', async () => {
  const { cloud } = cloudFixture(() => [200, { tier: 'e008', account_id: 1 }], {
    login: { region: undefined },
  })

  expect(await cloud.identify(calm())).toEqual({ accountId: '8021', region: 'e008' })
})

test('entries that cannot be read are logged once, not in every run', async () => {
  const { cloud, log } = cloudFixture(() => [
    200,
    { sync_modules: [{ id: 1, network_id: 2 }, { id: 'sesame' }] },
  ])

  await cloud.discover(calm())
  await cloud.discover(calm())

  expect(log.lines.filter((line) => line.startsWith('entries of the home screen'))).toEqual([
    'entries of the home screen without usable ids {"account_id":"8021","unreadable":1}',
  ])
})

test('whoever wants the home screen, it rests for two seconds after it failed', async () => {
  const answers: Reply[] = [[500, {}], homescreen]
  const { cloud, clock, asked } = cloudFixture(() => answers.shift() ?? homescreen)
  const homes = () => asked().filter((call) => call.startsWith('homescreen')).length
  await expect(cloud.clips.cameras(calm())).rejects.toThrow(CloudUnreachable)

  await expect(cloud.clips.cameras(calm())).rejects.toThrow(CloudUnreachable)
  const listed = cloud.discover(calm())
  await clock.advance(1_900)
  expect(homes()).toBe(1)
  await clock.advance(200)

  expect(await listed).toHaveLength(1)
  expect(homes()).toBe(2)
})

test('a home screen that came for its cameras serves a run that begins in the next two seconds', async () => {
  const { cloud, clock, asked } = cloudFixture(() => homescreen)
  const homes = () => asked().filter((call) => call.startsWith('homescreen')).length

  await cloud.clips.cameras(calm())
  await clock.advance(1_900)
  expect(await cloud.discover(calm())).toHaveLength(1)
  expect(homes()).toBe(1)

  expect(await cloud.discover(calm())).toHaveLength(1)
  expect(homes()).toBe(2)
})

test('no log line holds a token', async () => {
  const { cloud, log } = cloudFixture((call) => (call.kind === 'tier_info' ? tier('e008') : homescreen), {
    login: { region: undefined },
  })

  await cloud.discover(calm())

  expect(log.lines.length).toBeGreaterThan(0)
  expect(log.lines.join()).not.toMatch(/access-|refresh-0/)
})

function bearerOf({ headers: { authorization } }: HttpCall): string | undefined {
  return authorization?.replace('Bearer ', '')
}
