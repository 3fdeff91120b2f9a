import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { document, fast, home, manifestPath, requestCount } from '../support/homes.ts'
import { mosquittoTest } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(2)] }
const withoutBroker = { simulator, broker: false }
const quietly = { SCHEDULE_CRON: '0 0 1 1 *' }

/** The login files below the data directory: mode and text. */
function logins({ dataDir }: World): readonly { readonly mode: string; readonly text: string }[] {
  const directory = join(dataDir, 'logins')
  const files = readdirSync(directory).filter((name) => name.endsWith('.login.json'))
  return files.map((name) => {
    const path = join(directory, name)
    return { mode: (statSync(path).mode & 0o777).toString(8), text: readFileSync(path, 'utf8') }
  })
}

function refreshToken({ cloud }: World): string {
  return decodeURIComponent(/refresh_token=([^|]+)/.exec(cloud.tokens())?.[1] ?? '')
}

test('a rotated refresh token is on disk before the new access token is used', async () => {
  await using world = await startWorld(withoutBroker)
  const before = refreshToken(world)
  world.cloud.misbehave({ kind: 'hang', path: '/homescreen' })

  const daemon = world.start(['run'], quietly)
  await until('the first question', () => requestCount(world.cloud, 'homescreen') === 1, {
    state: daemon.stderr,
  })

  expect(refreshToken(world)).not.toBe(before)
  expect(logins(world)).toEqual([{ mode: '600', text: expect.stringContaining(refreshToken(world)) }])
  expect((statSync(world.dataDir).mode & 0o777).toString(8)).toBe('700')
})

test('BLINK_TOKENS may stay as it is: after a restart the rotated token is used', async () => {
  await using world = await startWorld(withoutBroker)
  const first = await world.finish(['discover'])

  const again = await world.finish(['discover'])

  expect([first.code, again.code]).toEqual([0, 0])
  expect(requestCount(world.cloud, 'token')).toBe(2)
  expect(logins(world)).toHaveLength(1)
})

test('a changed BLINK_TOKENS is new credentials, which take the place of the old ones', async () => {
  await using world = await startWorld(withoutBroker)
  world.cloud.revoke(8021)
  expect((await world.finish(['discover'])).code).toBe(77)
  // Remembered: nobody asks again with a token that was refused.
  expect((await world.finish(['discover'])).code).toBe(77)
  expect(requestCount(world.cloud, 'token')).toBe(1)

  world.cloud.signIn(8021)
  const renewed = await world.finish(['discover'], { BLINK_TOKENS: world.cloud.tokens() })

  expect(renewed.code).toBe(0)
  expect(logins(world)).toEqual([{ mode: '600', text: expect.stringContaining(refreshToken(world)) }])
})

mosquittoTest('with a withdrawn token the daemon stays up, says so and requests nothing', async () => {
  await using world = await startWorld({ simulator })
  const observer = await world.observer()
  world.cloud.revoke(8021)

  const daemon = world.start(['run'], fast)
  const topic = 'blink-manifestd/account/8021/state'
  await until('the state', () => observer.latest(topic)?.includes('login_required'), {
    state: daemon.stderr,
  })
  await daemon.says('run done', 3)

  expect(document(observer.latest(topic))).toMatchObject({ detail: expect.stringMatching(/sign in/i) })
  expect(world.cloud.calls.map(({ kind }) => kind)).toEqual(['token'])
  expect(daemon.logged().filter(({ level }) => level === 50)).toHaveLength(1)
  expect((await daemon.stop()).code).toBe(0)
})

test('an access token that expires during a run costs one refresh and one repetition', async () => {
  await using world = await startWorld(withoutBroker)
  world.cloud.misbehave({ kind: 'slow', delayMs: 4_000, path: manifestPath(1), count: 1 })

  const daemon = world.start(['run'], quietly)
  await until('the first module', () => requestCount(world.cloud, 'manifest-request') === 1, {
    state: daemon.stderr,
  })
  world.cloud.expireAccessTokens()
  const done = await daemon.says('run done')

  expect(done).toMatchObject({ requested: 2, failed: 0 })
  expect(requestCount(world.cloud, 'token')).toBe(2)
  expect(
    world.cloud.calls.filter(({ kind }) => kind === 'manifest-request').map(({ status }) => status),
  ).toEqual([200, 401, 200])
})

test('credentials without account and region look both up at the cloud, once', async () => {
  await using world = await startWorld(withoutBroker)
  const BLINK_TOKENS = `refresh_token=${encodeURIComponent(refreshToken(world))}|client_id=ios`

  const first = await world.finish(['discover', '--json'], { BLINK_TOKENS })
  const again = await world.finish(['discover', '--json'], { BLINK_TOKENS })

  expect([first.code, again.code]).toEqual([0, 0])
  expect(JSON.parse(first.stdout)).toMatchObject({ accounts: [{ account_id: 8021, state: 'ok' }] })
  expect(requestCount(world.cloud, 'tier-info')).toBe(1)
})

test('a region that is no longer the right one is corrected', async () => {
  await using world = await startWorld(withoutBroker)
  const BLINK_TOKENS = world.cloud.tokens().replace(/(?<=\b(?:region_id|host)=(?:rest-)?)e008/g, 'u099')
  expect(BLINK_TOKENS).toContain('u099')

  const { code, stdout } = await world.finish(['discover', '--json'], { BLINK_TOKENS })

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ accounts: [{ account_id: 8021, state: 'ok' }] })
  expect(requestCount(world.cloud, 'tier-info')).toBe(1)
})
