/** The whole way of an answer, from the socket to the module list: whatever the bytes, no crash and no leak. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCloud } from '../../../src/blink/client.ts'
import { createSession } from '../../../src/blink/session.ts'
import { systemClock } from '../../../src/domain/clock.ts'
import { DaemonError } from '../../../src/domain/errors.ts'
import type { ClipCloud } from '../../../src/domain/ports.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { startSimulator } from '../../../src/simulator/simulator.ts'
import { listLog, scripted, someCredentials } from '../../support/blink-scripted.ts'
import { anyCharacter } from '../../support/characters.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { open } from '../../support/http-client.ts'
import { calm } from '../../support/peer.ts'
import { rotating, sessionFixture } from '../../support/session-fixture.ts'

/** Stands in every text that is answered, and may stand nowhere else. */
const mark = 'sesame-8471'

const text = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 200 }),
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    `"${mark}"`,
    '[[[[',
    '{"id":',
    '{"sync_modules":[{"id":1}]}',
    '\u0000',
    'null',
    '[]',
    '1e999',
  ),
  fc
    .record({ access_token: fc.anything({ maxDepth: 1 }), expires_in: fc.anything({ maxDepth: 1 }) })
    .map(asJson),
  fc
    .record({ sync_modules: fc.anything({ maxDepth: 4 }), networks: fc.anything({ maxDepth: 2 }) })
    .map(asJson),
  fc.record({ id: fc.anything({ maxDepth: 2 }), code: fc.anything({ maxDepth: 1 }) }).map(asJson),
)

const anything = fc.anything({ maxDepth: 2 })
const clipEntry = fc.record(
  { id: anything, size: anything, camera_name: anything, created_at: anything, clip_start_millis: anything },
  { requiredKeys: [] },
)
/** Manifests of both shapes, states of commands and of drives, with anything in them. */
const clipText = fc.oneof(
  text,
  fc
    .record(
      {
        manifest_id: fc.oneof(anything, fc.constantFrom(7, '8977')),
        clips: fc.oneof(anything, fc.array(clipEntry, { maxLength: 5 })),
        media: fc.oneof(anything, fc.array(clipEntry, { maxLength: 5 })),
        pagination_key: anything,
      },
      { requiredKeys: ['manifest_id'] },
    )
    .map(asJson),
  fc.record({ complete: anything, status: anything, status_code: anything }).map(asJson),
  fc.record({ usb_state: anything, usb_storage_used: anything, storage_warning: anything }).map(asJson),
)

function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return ''
  }
}

/** With the mark behind it, or in its texts, where it stays JSON. */
const markedOf = (said: fc.Arbitrary<string>) =>
  fc.oneof(
    said.map((each) => each + mark),
    said.map((each) => each.replaceAll(/"([^"\\]*)"(?=[,}\]])/g, `"$1${mark}"`)),
  )
const marked = markedOf(text)

/** One of our errors, if it is one at all, and the mark in none of them. */
function expectOurs(end: unknown): void {
  if (!(end instanceof Error)) return
  expect(end).toBeInstanceOf(DaemonError)
  const { message, remedy } = end as DaemonError
  expect(`${message} ${remedy}`).not.toContain(mark)
}

test('any bytes as an answer are a value or one of our errors, and nothing leaks', async () => {
  await using cloud = await startSimulator()
  await using http = open()
  const refreshToken = decodeURIComponent(/refresh_token=([^|]+)/.exec(cloud.tokens())?.[1] ?? '')
  cloud.rotateRefreshTokens('never')
  const places = fc.constantFrom('/oauth/token', '/homescreen', '/manifest/request')

  await fc.assert(
    fc.asyncProperty(
      places,
      marked,
      fc.constantFrom(200, 202, 400, 403, 409, 500),
      async (path, said, status) => {
        const log = listLog()
        const login = someCredentials({ refreshToken: new Secret(refreshToken), region: 'e008' })
        const session = createSession({
          ...{ credentials: login, hardwareId: 'X', oauthUrl: cloud.oauthUrl, http, clock: systemClock, log },
          save: () => Promise.resolve(),
        })
        const account = createCloud({ session, http, restUrl: cloud.restUrl, clock: systemClock, log })
        cloud.calm()
        cloud.misbehave({ kind: 'status', status, text: said, path })
        const ends = [
          await account.discover(calm()).catch((error: unknown) => error),
          await account
            .requestManifest({ accountId: '8021', networkId: '44107', syncModuleId: '350221' }, calm())
            .catch((error: unknown) => error),
        ]
        for (const end of ends) expectOurs(end)
        expect(log.lines.join('\n')).not.toContain(mark)
        expect(log.lines.join('\n')).not.toContain(refreshToken)
      },
    ),
    { numRuns: 150 },
  )
})

test('any bytes as an answer on the way to a clip are a value or one of our errors', async () => {
  await using cloud = await startSimulator()
  await using http = open()
  const refreshToken = new Secret(decodeURIComponent(/refresh_token=([^|]+)/.exec(cloud.tokens())?.[1] ?? ''))
  cloud.rotateRefreshTokens('never')
  const log = listLog()
  const session = createSession({
    ...{ credentials: someCredentials({ refreshToken, region: 'e008' }), hardwareId: 'X', http, log },
    ...{ oauthUrl: cloud.oauthUrl, clock: systemClock, save: () => Promise.resolve() },
  })
  const module = { accountId: '8021', networkId: '44107', syncModuleId: '350221' }
  const address = { manifestId: '1', clipId: '2' }
  const calls: readonly ((clips: ClipCloud) => Promise<unknown>)[] = [
    (clips) => clips.manifest(module, '1', calm()),
    (clips) => clips.requestClip(module, address, { mayBegin: () => true, signal: calm() }),
    (clips) => clips.command(module, '1', calm()),
    (clips) => clips.storageStatus(module, calm()),
    (clips) => clips.fetchClip(module, address, { sink: () => Promise.resolve(), signal: calm() }),
    (clips) => clips.cameras(calm()),
  ]

  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...calls),
      markedOf(clipText),
      fc.constantFrom(200, 202, 400, 404, 409, 500),
      fc.constantFrom('application/json', 'video/mp4', 'text/html'),
      async (call, said, status, type) => {
        // A new one each time: whether there is a list of cameras is remembered.
        const { clips } = createCloud({ session, http, restUrl: cloud.restUrl, clock: systemClock, log })
        cloud.calm()
        const headers = { 'Content-Type': type }
        cloud.misbehave({
          kind: 'status',
          status,
          text: said,
          headers,
          path: /local_storage|command|homescreen/,
        })
        expectOurs(await call(clips).catch((error: unknown) => error))
      },
    ),
    { numRuns: 200 },
  )
  expect(log.lines.join('\n')).not.toContain(mark)
})

test('whatever life an access token claims, it is used and renewed in time', async () => {
  const life = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.constantFrom(0, -1, -3600, 1e300, '3600', '-5', '1e9', null, 'soon', {}, [], true, undefined),
  )
  const jump = fc.integer({ min: -400, max: 400 }).map((days) => days * 86_400_000)
  await fc.assert(
    fc.asyncProperty(life, fc.array(jump, { maxLength: 5 }), async (expires_in, jumps) => {
      const clock = fakeClock()
      const started = clock.now()
      const { http, token } = sessionFixture(
        (_, index) => [200, { access_token: `access-${index + 1}`, refresh_token: 'refresh-0', expires_in }],
        { clock },
      )
      expect(await token()).toBe('access-1')
      expect(await token()).toBe('access-1')

      for (const ms of jumps) {
        clock.setWall(started + ms)
        expect(await token()).toMatch(/^access-\d+$/)
      }
      // A jump costs one refresh at most, and never a loop of them.
      expect(http.calls.length).toBeLessThanOrEqual(1 + jumps.length)

      const before = http.calls.length
      await clock.advance(86_400_000)
      await token()
      expect(http.calls.length).toBe(before + 1)
    }),
    { numRuns: 200 },
  )
})

test('a clock that is a day off when the token comes causes no second refresh', async () => {
  for (const days of [-1, 1]) {
    const clock = fakeClock()
    clock.setWall(clock.now() + days * 86_400_000)
    const { http, token } = sessionFixture(rotating, { clock })
    await token()
    await clock.advance(1_000)
    await token()
    expect(http.calls.length).toBe(1)
  }
})

test('a refresh token is sent to the token endpoint only, whatever is answered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(200, 302, 401, 404, 503), text), { maxLength: 6 }),
      async (said) => {
        const http = scripted((call, index) => {
          if (call.kind === 'token') return [200, { access_token: `access-${index}` }]
          return said[index % Math.max(1, said.length)] ?? [200, '']
        })
        const clock = fakeClock()
        const session = createSession({
          ...{
            credentials: someCredentials(),
            hardwareId: 'X',
            oauthUrl: 'https://oauth.test',
            http,
            clock,
            log: listLog(),
          },
          save: () => Promise.resolve(),
        })
        const account = createCloud({
          session,
          http,
          restUrl: 'https://rest-{region}.test',
          clock,
          log: listLog(),
        })
        await account.discover(calm()).catch(() => undefined)

        for (const { kind, url, headers, body } of http.calls) {
          const all = JSON.stringify([url, headers, body])
          expect(all.includes('refresh-0')).toBe(kind === 'token')
          if (kind === 'token') expect(new URL(url).host).toBe('oauth.test')
        }
      },
    ),
    { numRuns: 200 },
  )
})
