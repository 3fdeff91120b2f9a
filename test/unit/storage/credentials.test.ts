/** Files of credentials and limits: readable by their owner only, and of use to others when one is damaged. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Credentials } from '../../../src/domain/model.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { openCredentials } from '../../../src/storage/credentials.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const token = 'eyJ-a-refresh-token'

const good: Credentials = {
  key: 'login-1',
  source: 'login',
  fingerprint: undefined,
  clientId: 'ios',
  refreshToken: new Secret(token),
  accountId: '8021',
  region: 'e008',
  hardwareId: undefined,
  refusedAt: undefined,
}

/** Credentials in a new directory with these files. */
async function openedWith(files: Readonly<Record<string, string>> = {}) {
  const dataDir = temporaryDirectory()
  const opened = await openCredentials(dataDir)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(opened.directory, name), text)
  return { dataDir, ...opened }
}

test('a token is in its file, which only its owner may read, and nowhere else', async () => {
  const { credentials, directory } = await openedWith()
  await credentials.save(good)
  const path = join(directory, 'login-1.login.json')
  const [one] = await credentials.list()

  expect(readFileSync(path, 'utf8')).toContain(token)
  expect([statSync(path).mode & 0o777, statSync(directory).mode & 0o777]).toEqual([0o600, 0o700])
  const shown = [JSON.stringify(one), inspect(one, { showHidden: true, depth: 9 }), `${one?.refreshToken}`]
  for (const text of shown) expect(text).not.toContain(token)
})

test('a rotated token leaves nothing of the old one on disk', async () => {
  const { credentials, directory } = await openedWith()
  await credentials.save(good)

  await credentials.save({ ...good, refreshToken: new Secret('rotated') })

  expect(readdirSync(directory)).toEqual(['login-1.login.json'])
  expect(readFileSync(join(directory, 'login-1.login.json'), 'utf8')).not.toContain(token)
})

test('forgotten credentials leave no token on disk, whoever still saves them', async () => {
  const { credentials, directory } = await openedWith()
  await credentials.save(good)

  await credentials.forget('login-1')
  await credentials.save(good)

  expect(readdirSync(directory)).toEqual(['login-1.forgotten'])
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
)('a damaged file (%s) is quarantined, the others go on', async (_, text) => {
  const { dataDir, directory, credentials } = await openedWith({ '9000-a.login.json': text })
  await credentials.save(good)

  for (const opened of [credentials, (await openCredentials(dataDir)).credentials]) {
    const [damaged, other] = await opened.list()

    expect(other).toEqual(good)
    expect(damaged).toMatchObject({
      key: '9000-a',
      accountId: '9000',
      refusedFor: 'login_required',
      refusedAt: expect.any(Number) as unknown,
    })
    expect(damaged?.unusable?.message).toContain(`quarantined as ${directory}/9000-a.login.json.damaged`)
    expect(inspect(damaged, { depth: 9, showHidden: true })).not.toContain(token)
  }
  expect(readFileSync(join(directory, '9000-a.login.json.damaged'), 'utf8')).toBe(text)
})

test('damaged credentials are over when they are saved again or forgotten', async () => {
  const { directory, credentials } = await openedWith({ 'login-1.login.json': '', 'b.login.json': '' })
  expect(await credentials.list()).toHaveLength(2)

  await credentials.save(good)
  await credentials.forget('b')

  expect(await credentials.list()).toEqual([good])
  expect(readdirSync(directory)).not.toContain('b.login.json.damaged')
})

test('a file that cannot be read says why, and is not quarantined', async () => {
  const { directory, credentials } = await openedWith()
  await credentials.save(good)
  mkdirSync(join(directory, 'a.login.json'))

  const [unread, other] = await credentials.list()

  expect(other).toEqual(good)
  expect(unread?.unusable).toEqual({
    message: `cannot read ${directory}/a.login.json`,
    remedy: 'It is a directory, not a file: move it away.',
  })
  expect(readdirSync(directory)).toContain('a.login.json')
})

test('other files in the directory, drafts of a crash among them, are no credentials', async () => {
  const { credentials } = await openedWith({
    '.login-1.login.json.77.draft': '{"half":',
    'notes.txt': 'x',
    'login-1.breaker.json': '{"failures": 0}',
  })

  expect(await credentials.list()).toEqual([])
})

test('a damaged limit counts as none', async () => {
  const { limits } = await openedWith({
    '8021.breaker.json': '{"failures": -1}',
    '8021.spent.json': '{"day": 1}',
    '8021.modules.json': '{"modules": "many"}',
  })

  expect(await limits.breaker('8021')).toEqual(closedBreaker)
  expect([await limits.spent('8021'), await limits.moduleCount('8021')]).toEqual([undefined, undefined])
})

test('a directory that is gone is a failure of storage, whatever is done', async () => {
  const { credentials, limits, directory } = await openedWith()
  rmSync(directory, { recursive: true })
  writeFileSync(directory, 'a file in its place')

  await expect(credentials.list()).rejects.toThrow(StoreFailed)
  await expect(credentials.save(good)).rejects.toThrow(StoreFailed)
  await expect(credentials.forget('login-1')).rejects.toThrow(StoreFailed)
  await expect(limits.breaker('8021')).rejects.toThrow(StoreFailed)
})
