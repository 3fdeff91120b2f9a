/** The daemon's ways to the cloud, against the simulated one. */
import { expect, onTestFinished, test } from 'vitest'
import { openClouds } from '../../../src/accounts/contexts.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { systemClock } from '../../../src/domain/clock.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { checkCron } from '../../../src/scheduler/cron.ts'
import { startSimulator } from '../../../src/simulator/simulator.ts'
import { openStores } from '../../../src/storage/open.ts'
import { listLog, someCredentials } from '../../support/blink-scripted.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const never = new AbortController().signal

test('credentials given up while in use stay given up when they are refreshed', async () => {
  const simulator = await startSimulator()
  onTestFinished(() => simulator.close())
  const cwd = temporaryDirectory()
  const env = { BLINK_OAUTH_URL: simulator.oauthUrl, BLINK_REST_URL: simulator.restUrl }
  const { settings } = loadConfig({ env, cwd, configPath: undefined, overrides: new Map(), checkCron })
  const needs = { settings, clock: systemClock, log: listLog() }
  const stores = await openStores(settings.dataDir, needs.clock, needs.log)
  onTestFinished(() => stores.database.close())
  const token = /refresh_token=([^|]+)/.exec(simulator.tokens())?.[1] ?? ''
  const unnamed = {
    accountId: undefined,
    region: undefined,
    source: 'login',
    fingerprint: undefined,
  } as const
  await stores.logins.save(someCredentials({ ...unnamed, key: 'login-a', refreshToken: new Secret(token) }))
  const clouds = await openClouds({ ...needs, stores })
  onTestFinished(() => clouds.close())
  const [way] = clouds.ways
  await way?.cloud.discover(never)

  await stores.logins.save(someCredentials({ key: 'login-b', source: 'login' }))
  await stores.logins.forget('login-a')
  simulator.expireAccessTokens()
  await way?.cloud.discover(never)

  expect(simulator.calls.filter(({ kind }) => kind === 'token')).toHaveLength(2)
  expect((await stores.logins.list()).map(({ key }) => key)).toEqual(['login-b'])
})
