/** The accounts of a process against the simulated cloud and a real data directory. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openRegistry } from '../../../src/accounts/registry.ts'
import { signOut } from '../../../src/commands/sign-out.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { systemClock } from '../../../src/domain/clock.ts'
import { createNotifier } from '../../../src/domain/notifier.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { startSimulator } from '../../../src/simulator/simulator.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { someCredentials } from '../../support/blink-scripted.ts'
import { readableLog, temporaryDirectory } from '../../support/samples.ts'

const never = new AbortController().signal
const unidentified = {
  accountId: undefined,
  region: undefined,
  source: 'login',
  fingerprint: undefined,
} as const

/** A simulated cloud, and processes on one data directory. */
async function fixture() {
  const simulator = await startSimulator()
  onTestFinished(() => simulator.close())
  const cwd = temporaryDirectory()
  const logins = join(cwd, 'data', 'logins')
  const env = { BLINK_OAUTH_URL: simulator.oauthUrl, BLINK_REST_URL: simulator.restUrl }
  const tokenOf = () => new Secret(/refresh_token=([^|]+)/.exec(simulator.tokens())?.[1] ?? '')
  const sent = (kind: string) => simulator.calls.filter((call) => call.kind === kind).length
  async function begin(more: Readonly<Record<string, string>> = {}) {
    const { settings } = loadConfig({
      ...{ env: { ...env, ...more }, cwd, configPath: undefined, overrides: new Map() },
    })
    const log = readableLog()
    const storage = await openStorage(settings.dataDir, systemClock, log)
    onTestFinished(() => storage.close())
    const observer = createNotifier(log)
    const removed: string[] = []
    observer.add({ accountRemoved: (accountId) => removed.push(accountId) })
    /** The registry, opened when the test has laid out the files. */
    const open = async () => {
      const registry = await openRegistry({
        settings,
        storage,
        observer,
        clock: systemClock,
        log,
      })
      onTestFinished(() => registry.close())
      return registry
    }
    return { storage, log, removed, open }
  }
  return { simulator, logins, tokenOf, sent, begin }
}

test('credentials become an account when the cloud has named it, with one refresh', async () => {
  const { tokenOf, sent, begin, logins } = await fixture()
  const { storage, open } = await begin()
  await storage.credentials.save(
    someCredentials({ ...unidentified, key: 'login-a', refreshToken: tokenOf() }),
  )
  const registry = await open()
  expect([registry.accounts, registry.unidentified]).toEqual([[], ['login-a']])

  const [account, same] = await Promise.all([
    registry.identify('login-a', never),
    registry.identify('login-a', never),
  ])
  await account?.cloud.discover(never)

  expect(same).toBe(account)
  expect(account?.accountId).toBe('8021')
  expect([registry.unidentified, registry.accounts]).toEqual([[], [account]])
  expect([sent('token'), sent('tier-info')]).toEqual([1, 1])
  const files = readdirSync(logins).filter((name) => name.endsWith('.login.json'))
  expect(files).toEqual(['8021-login-a.login.json'])
})

test('credentials that the watcher finds while they are renamed are not opened twice', async () => {
  const { tokenOf, begin, sent } = await fixture()
  const { storage, log, open } = await begin()
  await storage.credentials.save(
    someCredentials({ ...unidentified, key: 'login-a', refreshToken: tokenOf() }),
  )
  const registry = await open()

  const account = await registry.identify('login-a', never)
  const added = await storage.credentials.list()
  expect(await registry.apply({ added, removed: ['login-a'] })).toEqual([])
  await account?.cloud.discover(never)

  expect(log.lines.filter(({ message }) => message === 'account added')).toHaveLength(1)
  expect([registry.accounts.length, sent('token')]).toEqual([1, 1])
})

test('credentials given up while in use take nothing back when they are refreshed', async () => {
  const { simulator, tokenOf, sent, begin } = await fixture()
  const { storage, open } = await begin()
  await storage.credentials.save(someCredentials({ key: '8021-login-a', refreshToken: tokenOf() }))
  const registry = await open()
  const account = registry.get('8021')
  await account?.cloud.discover(never)

  await storage.credentials.save(someCredentials({ key: '8021-login-b', source: 'login' }))
  await storage.credentials.forget('8021-login-a')
  simulator.expireAccessTokens()
  await account?.cloud.discover(never)

  expect(sent('token')).toBe(2)
  expect((await storage.credentials.list()).map(({ key }) => key)).toEqual(['8021-login-b'])
})

test('a failure to find the account is thrown each time and logged once', async () => {
  const { begin, sent } = await fixture()
  const { storage, log, open } = await begin()
  await storage.credentials.save(
    someCredentials({ ...unidentified, key: 'login-a', refreshToken: new Secret('withdrawn') }),
  )
  const registry = await open()

  await expect(registry.identify('login-a', never)).rejects.toMatchObject({ code: 'login_required' })
  await expect(registry.identify('login-a', never)).rejects.toMatchObject({ code: 'login_required' })

  expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
    { fields: { credentials: 'login-a' } },
  ])
  expect([sent('token'), registry.unidentified]).toEqual([1, ['login-a']])
})

test('a removed account is reported, and its limits go on with a later sign-in', async () => {
  const { begin, tokenOf } = await fixture()
  const { storage, removed, open } = await begin()
  await storage.credentials.save(someCredentials({ key: '8021-login-a', refreshToken: tokenOf() }))
  const registry = await open()
  const account = registry.get('8021')
  await account?.breaker.adopt({ failures: 2, openUntil: Date.now() + 3_600_000 })

  await registry.apply({ added: [], removed: ['8021-login-a'] })
  expect([removed, registry.accounts, account?.removed.aborted]).toEqual([['8021'], [], true])

  const [again] = await registry.apply({ added: [someCredentials({ key: '8021-login-b' })], removed: [] })
  expect(again?.snapshot.status).toBe('throttled')
})

test('what a logout has removed does not come back, at its notice and at a stop', async () => {
  const { begin, tokenOf, logins } = await fixture()
  const { storage, open } = await begin()
  await storage.credentials.save(someCredentials({ key: '8021-login-a', refreshToken: tokenOf() }))
  const registry = await open()
  const account = registry.get('8021')
  const left = () => readdirSync(logins).filter((name) => !name.endsWith('.forgotten'))
  await account?.cloud.discover(never)
  await storage.limits.saveSpent('8021-clips', { day: 20_000, requests: 1, limit: 9 })

  await signOut(storage, '8021')
  expect(left()).toEqual([])
  for (let requests = 0; requests < 9; requests++) await account?.cloud.discover(never)
  await registry.apply({ added: [], removed: ['8021-login-a'] })
  expect(left()).toEqual([])

  await storage.credentials.save(someCredentials({ key: '8021-login-b', refreshToken: tokenOf() }))
  await registry.apply({ added: await storage.credentials.list(), removed: [] })
  await registry.get('8021')?.cloud.discover(never)
  await signOut(storage, '8021')
  await registry.close()
  expect(left()).toEqual([])
})

test('a sign-in beside the daemon brings the pause that the cloud demanded of it', async () => {
  const { begin, tokenOf } = await fixture()
  const { storage, open } = await begin()
  await storage.credentials.save(someCredentials({ key: '8021-login-a', refreshToken: tokenOf() }))
  const registry = await open()
  const account = registry.get('8021')
  const retryAt = Date.now() + 3_600_000
  await storage.limits.saveBreaker('8021', { failures: 1, openUntil: retryAt })

  const changed = await registry.apply({ added: [someCredentials({ key: '8021-login-b' })], removed: [] })
  expect(await registry.apply({ added: [], removed: ['8021-login-a'] })).toEqual([])

  expect(changed).toEqual([account])
  expect(account?.snapshot).toMatchObject({ status: 'throttled', retryAt })
  expect(account?.removed.aborted).toBe(false)
})

test('an account whose file is damaged is known by its key and waits for a sign-in', async () => {
  const { logins, begin, sent } = await fixture()
  mkdirSync(logins, { recursive: true })
  writeFileSync(join(logins, '8021-login-a.login.json'), '\0\0\0')
  const { open } = await begin()

  const registry = await open()

  expect(registry.get('8021')?.snapshot).toMatchObject({
    status: 'login_required',
    detail: expect.stringMatching(/damaged/),
  })
  expect(sent('token')).toBe(0)
  const [mended] = await registry.apply({ added: [someCredentials({ key: '8021-login-b' })], removed: [] })
  expect(mended?.snapshot.status).toBe('ok')
})

test('limits that an older version kept by the credentials’ key are those of the account', async () => {
  const { logins, begin } = await fixture()
  mkdirSync(logins, { recursive: true })
  const retryAt = Date.now() + 3_600_000
  const day = Math.floor(Date.now() / 86_400_000)
  const files = {
    'login-a.login.json': { source: 'login', client_id: 'ios', refresh_token: 'r', account_id: '8021' },
    'login-a.breaker.json': { failures: 2, open_until: retryAt },
    'login-a.spent.json': { day, requests: 77, limit: 90_000 },
    'login-a.modules.json': { modules: 5, account_id: '8021' },
  }
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(logins, name), JSON.stringify(content))
  const { storage, open } = await begin()

  const account = (await open()).get('8021')

  expect(account?.snapshot).toMatchObject({ status: 'throttled', retryAt })
  expect([account?.budget.spent, account?.budget.limit]).toEqual([77, 90_000])
  expect(await storage.limits.moduleCount('8021')).toBe(5)
  expect(existsSync(join(logins, 'login-a.breaker.json'))).toBe(false)
  expect(await storage.credentials.list()).toMatchObject([{ key: '8021-login-a' }])
})
