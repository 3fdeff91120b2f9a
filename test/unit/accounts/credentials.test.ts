/** Which credentials of an account are used, and which are given up. */
import { expect, test } from 'vitest'
import { replacedBy, settleIdentified, takeOver } from '../../../src/accounts/credentials.ts'
import { parseTokenLines } from '../../../src/blink/credentials-file.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Credentials } from '../../../src/domain/model.ts'
import { Secret } from '../../../src/domain/secret.ts'
import { memoryCredentials } from '../../support/account-fixture.ts'
import { listLog, someCredentials } from '../../support/blink-scripted.ts'
import { start } from '../../support/samples.ts'

const ofPerson = someCredentials({ key: '8021-login-1', source: 'login', fingerprint: undefined })
const ofEnvironment = someCredentials({ key: '8021-environment-1' })
const keys = (all: readonly Credentials[]) => all.map(({ key }) => key)
const linesOf = (text: string) => parseTokenLines(text).credentials

test.each([
  ['sign-in', ofPerson],
  ['import', { ...ofPerson, key: '8021-import-1', source: 'import' as const }],
])('a line that turns out to be of an account with a working %s is given up', async (_, person) => {
  const lines = linesOf('refresh_token=a')
  const store = memoryCredentials(person)
  const key = (await takeOver(store, lines, listLog()))[1]?.key ?? ''
  const credentials = { ...someCredentials({ key: `8021-${key}` }), accountId: '8021' }

  expect(await settleIdentified(store, { key, credentials }, listLog())).toBe(false)

  expect(keys(await store.list())).toEqual([person.key])
  expect(keys(await takeOver(store, lines, listLog()))).toEqual([person.key])
})

test.each([
  ['a sign-in that was refused', { ...ofPerson, refusedAt: start }],
  ['an older line', someCredentials({ key: '8021-environment-0', fingerprint: 'f0' })],
])('%s gives way to a line that has just proved to work', async (_, older) => {
  const store = memoryCredentials(older, { ...ofEnvironment, key: 'environment-1' })

  const isUsed = await settleIdentified(
    store,
    { key: 'environment-1', credentials: ofEnvironment },
    listLog(),
  )

  expect([isUsed, keys(await store.list())]).toEqual([true, ['8021-environment-1']])
  expect(await store.forgotten()).toEqual(new Set(['environment-1', older.key]))
})

test('a sign-in whose account is learned late replaces others of that account only', async () => {
  const stranger = someCredentials({ key: '8022-environment-2', accountId: '8022' })
  const store = memoryCredentials({ ...ofPerson, key: 'login-1' }, ofEnvironment, stranger)

  await settleIdentified(store, { key: 'login-1', credentials: ofPerson }, listLog())

  expect(keys(await store.list())).toEqual(['8022-environment-2', '8021-login-1'])
})

test('credentials that were given up meanwhile replace nothing', async () => {
  const store = memoryCredentials(ofPerson)
  const credentials = { ...ofEnvironment, source: 'import' as const }

  expect(await settleIdentified(store, { key: 'import-1', credentials }, listLog())).toBe(false)

  expect(keys(await store.list())).toEqual(['8021-login-1'])
})

test('a sign-in replaces its account’s, or the only refused one without an account', () => {
  const unidentified = (key: string) => someCredentials({ key, accountId: undefined, refusedAt: start })
  const working = someCredentials({ key: 'environment-9', accountId: undefined })

  expect(keys(replacedBy(ofPerson, [ofPerson, ofEnvironment, unidentified('a')]))).toEqual([
    '8021-environment-1',
  ])
  expect(keys(replacedBy(ofPerson, [ofPerson, unidentified('a'), working]))).toEqual(['a'])
  expect(keys(replacedBy(ofPerson, [ofPerson, unidentified('a'), unidentified('b')]))).toEqual([])
  const ofOther = someCredentials({ key: 'c', accountId: '8022', refusedAt: start })
  expect(keys(replacedBy(ofPerson, [ofPerson, ofOther]))).toEqual([])
})

test('of duplicate credentials the working ones win, then those refreshed last', async () => {
  const at = (key: string, refreshedAt: number | undefined, more: Partial<Credentials> = {}) =>
    someCredentials({ key, source: 'login', fingerprint: undefined, refreshedAt, ...more })
  const taken = async (...there: readonly Credentials[]) => {
    const store = memoryCredentials(...there)
    const used = keys(await takeOver(store, [], listLog()))
    expect(keys(await store.list())).toEqual(used)
    return used
  }

  expect(await taken(at('8021-a', 5, { refusedAt: 6 }), at('8021-b', 1))).toEqual(['8021-b'])
  expect(await taken(at('8021-a', 5), at('8021-b', 1), at('8021-c', undefined))).toEqual(['8021-a'])
  expect(await taken(at('8021-a', 5), at('8021-b', 5))).toHaveLength(1)
  const others = [at('8022-b', 1, { accountId: '8022' }), at('c', 1, { accountId: undefined })]
  expect(await taken(at('8021-a', 5), ...others)).toHaveLength(3)
})

test('a changed line replaces the credentials of its account, and the old text stays away', async () => {
  const store = memoryCredentials()
  const [older, newer] = [
    linesOf('refresh_token=a|account_id=8021'),
    linesOf('refresh_token=b|account_id=8021'),
  ]
  await takeOver(store, older, listLog())

  const [taken, ...others] = await takeOver(store, newer, listLog())
  expect(taken?.refreshToken.reveal()).toBe('b')
  expect(others).toEqual([])

  expect(await takeOver(store, newer, listLog())).toMatchObject([{ key: taken?.key }])
  expect(keys(await store.list())).toEqual([taken?.key])
})

test('a line takes the place of its own damaged file', async () => {
  const lines = linesOf('refresh_token=a|account_id=8021')
  const store = memoryCredentials()
  const [first] = await takeOver(store, lines, listLog())
  const damaged = {
    ...someCredentials({ key: first?.key ?? '', fingerprint: undefined, refusedAt: start }),
    unusable: { message: 'damaged', remedy: 'Sign in.' },
  }
  await store.save(damaged)

  const taken = await takeOver(store, lines, listLog())

  expect(taken).toEqual([first])
})

test('credentials of an older version get a key that names their account', async () => {
  const old = someCredentials({ key: 'login-1', source: 'login', refreshToken: new Secret('r') })
  const store = memoryCredentials(old)

  const taken = await takeOver(store, [], listLog())

  expect(taken).toEqual([{ ...old, key: '8021-login-1' }])
  expect(await store.list()).toEqual(taken)
  expect(await takeOver(store, [], listLog())).toEqual(taken)
})

test('a renaming that was killed in its middle loses no credentials', async () => {
  const old = someCredentials({ key: 'login-1', source: 'login' })
  const store = memoryCredentials(old, { ...old, key: '8021-login-1' })

  expect(keys(await takeOver(store, [], listLog()))).toEqual(['8021-login-1'])
  expect(keys(await takeOver(store, [], listLog()))).toEqual(['8021-login-1'])
})

test('on a full disk credentials of an older version keep their key', async () => {
  const old = someCredentials({ key: 'login-1', source: 'login' })
  const store = { ...memoryCredentials(old), save: () => Promise.reject(new StoreFailed('disk full')) }

  expect(await takeOver(store, [], listLog())).toEqual([old])
})
