import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Credentials } from '../../../src/domain/model.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { openLogins } from '../../../src/storage/credentials.ts'
import { start, temporaryDirectory } from '../../support/samples.ts'

const token = 'eyJ-a-refresh-token'

function aLogin(differing: Partial<Credentials> = {}): Credentials {
  return {
    key: 'login-1',
    source: 'login',
    fingerprint: undefined,
    clientId: 'ios',
    refreshToken: new Secret(token),
    accountId: '8021',
    region: 'e008',
    hardwareId: undefined,
    refusedAt: undefined,
    ...differing,
  }
}

/** Logins in a fresh directory with these files. */
async function openedWith(files: Readonly<Record<string, string>> = {}) {
  const dataDir = temporaryDirectory()
  const logins = await openLogins(dataDir)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dataDir, 'logins', name), text)
  return { dataDir, logins, directory: join(dataDir, 'logins') }
}

const revealed = (logins: readonly Credentials[]) =>
  logins.map((login) => ({ ...login, refreshToken: login.refreshToken.reveal() }))

test('logins are kept over restarts, with all that is known of them', async () => {
  const { dataDir, logins } = await openedWith()
  const full = aLogin({
    key: 'environment-ab12',
    source: 'environment',
    fingerprint: 'ab12',
    hardwareId: 'A-B',
    refusedAt: start,
    refusedFor: 'two_factor_required',
  })
  await logins.save(full)
  await logins.save(aLogin({ accountId: undefined, region: undefined }))

  const kept = await (await openLogins(dataDir)).list()

  expect(revealed(kept)).toEqual(revealed([full, aLogin({ accountId: undefined, region: undefined })]))
})

test('a rotated token takes the place of the old one', async () => {
  const { logins, directory } = await openedWith()
  await logins.save(aLogin())

  await logins.save(aLogin({ refreshToken: new Secret('rotated') }))

  expect(revealed(await logins.list())).toMatchObject([{ refreshToken: 'rotated' }])
  expect(readFileSync(join(directory, 'login-1.login.json'), 'utf8')).not.toContain(token)
})

test('a token is in the file, which only its owner may read, and nowhere else', async () => {
  const { logins, directory } = await openedWith()
  await logins.save(aLogin())
  const path = join(directory, 'login-1.login.json')
  const [login] = await logins.list()

  expect(readFileSync(path, 'utf8')).toContain(token)
  expect([statSync(path).mode & 0o777, statSync(directory).mode & 0o777]).toEqual([0o600, 0o700])
  const shown = [
    JSON.stringify(login),
    inspect(login, { showHidden: true, depth: 9 }),
    `${login?.refreshToken}`,
  ]
  for (const text of shown) expect(text).not.toContain(token)
})

test('a forgotten login takes its breaker along and leaves the others', async () => {
  const { logins, directory } = await openedWith()
  await logins.save(aLogin())
  await logins.save(aLogin({ key: 'login-2' }))
  await logins.saveBreaker('login-1', { failures: 2, openUntil: start })
  await logins.saveSpent('login-1', { day: 1, requests: 2, limit: 3 })
  await logins.saveModuleCount('login-1', 4)

  await logins.remove('login-1')

  expect(readdirSync(directory)).toEqual(['login-2.login.json'])
  expect(await logins.breaker('login-1')).toEqual(closedBreaker)
})

test('forgetting what is not there is no failure', async () => {
  const { logins } = await openedWith()

  await logins.remove('login-9')

  expect(await logins.list()).toEqual([])
})

const damagedTexts = {
  'wrong fields': JSON.stringify({ source: 'login', client_id: '', refresh_token: token }),
  'cut off': JSON.stringify({ source: 'login', client_id: 'ios', refresh_token: token }).slice(0, 60),
  empty: '',
  zeros: '\0'.repeat(300),
  'no object': `"${token}"`,
}

test.each(
  Object.entries(damagedTexts),
)('a damaged login (%s) waits for a sign-in, the others go on', async (_, text) => {
  const { dataDir, directory, logins } = await openedWith({ 'a.login.json': text })
  await logins.save(aLogin())

  for (const opened of [logins, await openLogins(dataDir)]) {
    const [damaged, good] = await opened.list()

    expect(good).toEqual(aLogin())
    expect(damaged).toMatchObject({ key: 'a', refusedFor: 'login_required', refusedAt: expect.any(Number) })
    expect(damaged?.unusable?.message).toContain(`set aside as ${directory}/a.login.json.damaged`)
    expect(inspect(damaged, { depth: 9, showHidden: true })).not.toContain(token)
  }
  expect(readFileSync(join(directory, 'a.login.json.damaged'), 'utf8')).toBe(text)
})

test('the account of a damaged login is known from what lies beside it', async () => {
  const { directory, logins } = await openedWith()
  await logins.save(aLogin())
  await logins.saveModuleCount('login-1', 2, '8021')
  writeFileSync(join(directory, 'login-1.login.json'), '')

  expect(await logins.list()).toMatchObject([{ key: 'login-1', accountId: '8021' }])
})

test('a damaged login is over when it is saved again or forgotten', async () => {
  const { directory, logins } = await openedWith({ 'login-1.login.json': '', 'b.login.json': '' })
  expect(await logins.list()).toHaveLength(2)

  await logins.save(aLogin())
  await logins.forget('b')

  expect(await logins.list()).toEqual([aLogin()])
  expect(readdirSync(directory)).not.toContain('b.login.json.damaged')
})

test('a login whose file cannot be read says why, and is not set aside', async () => {
  const { directory, logins } = await openedWith()
  await logins.save(aLogin())
  mkdirSync(join(directory, 'a.login.json'))

  const [unread, good] = await logins.list()

  expect(good).toEqual(aLogin())
  expect(unread?.unusable).toEqual({
    message: `cannot read ${directory}/a.login.json`,
    remedy: 'It is a directory, not a file: move it away.',
  })
  expect(readdirSync(directory)).toContain('a.login.json')
})

test('files of others in the directory, drafts of a crash among them, are no logins', async () => {
  const { logins } = await openedWith({
    '.login-1.login.json.77.new': '{"half":',
    'notes.txt': 'x',
    'login-1.breaker.json': '{"failures": 0}',
  })

  expect(await logins.list()).toEqual([])
})

test('a breaker is kept over restarts, open or closed', async () => {
  const { dataDir, logins } = await openedWith()
  await logins.saveBreaker('login-1', { failures: 3, openUntil: start + 1 })
  await logins.saveBreaker('login-2', closedBreaker)

  const again = await openLogins(dataDir)

  expect(await again.breaker('login-1')).toEqual({ failures: 3, openUntil: start + 1 })
  expect(await again.breaker('login-2')).toEqual(closedBreaker)
  expect(await again.breaker('login-3')).toEqual(closedBreaker)
})

test('the number of modules is kept over restarts, and a damaged one counts as none', async () => {
  const { dataDir, logins } = await openedWith({ 'login-2.modules.json': '{"modules": "many"}' })
  await logins.saveModuleCount('login-1', 3)

  const again = await openLogins(dataDir)

  expect(await again.moduleCount('login-1')).toBe(3)
  expect(await again.moduleCount('login-2')).toBeUndefined()
  expect(await again.moduleCount('login-3')).toBeUndefined()
})

test('a damaged breaker counts as closed', async () => {
  const { logins } = await openedWith({ 'login-1.breaker.json': '{"failures": -1}' })

  expect(await logins.breaker('login-1')).toEqual(closedBreaker)
})

test('a directory that has gone is a failure of the store, whatever is done', async () => {
  const { logins, directory } = await openedWith()
  rmSync(directory, { recursive: true })
  writeFileSync(directory, 'a file in its place')

  await expect(logins.list()).rejects.toThrow(StoreFailed)
  await expect(logins.save(aLogin())).rejects.toThrow(StoreFailed)
  await expect(logins.breaker('login-1')).rejects.toThrow(StoreFailed)
  await expect(logins.remove('login-1')).rejects.toThrow(StoreFailed)
})
