/** Who may write what of an account: its owner under the fence, a person at any time, and nobody who has lost it. */
import { beforeEach, expect, test } from 'vitest'
import { LeaseLost, StoreFailed } from '../../../../src/domain/errors.ts'
import { Secret } from '../../../../src/domain/secret.ts'
import type { Database } from '../../../../src/storage/postgres/database.ts'
import { openOn } from '../../../../src/storage/postgres/open.ts'
import { someCredentials } from '../../../support/blink-scripted.ts'
import { fakeClock } from '../../../support/fake-clock.ts'
import { liteDatabase } from '../../../support/postgres-database.ts'
import { storeKey } from '../../../support/postgres-place.ts'
import { readableLog, start } from '../../../support/samples.ts'

const login = someCredentials({ key: '8021-login-1', source: 'login', hardwareId: 'A-B' })
const rotated = { ...login, refreshToken: new Secret('refresh-1'), refreshedAt: start }
const snapshot = {
  accountId: '8021',
  status: 'ok',
  since: start,
  detail: undefined,
  retryAt: undefined,
} as const
const leaseMs = 60_000

let database: Database
beforeEach(async () => {
  database = await liteDatabase()
})

const open = async (isInstance: boolean, key = storeKey) =>
  (await openOn(database, { key, isInstance, clock: fakeClock(), log: readableLog() })).storage

/** Two instances, the first of which has lost the account to the second without knowing, and a person. */
async function overtaken() {
  const person = await open(false)
  await person.credentials.save(login)
  const [before, after] = [await open(true), await open(true)]
  await before.leases.acquire('8021', leaseMs)
  await database.query(`UPDATE ${database.tables.lease} SET lease_until = now() - interval '1 s'`)
  await after.leases.acquire('8021', leaseMs)
  const lost: string[] = []
  before.leases.onLost((accountId) => lost.push(accountId))
  return { person, before, after, lost }
}

const tokensIn = async ({ credentials }: Awaited<ReturnType<typeof open>>) =>
  (await credentials.list()).map(({ refreshToken }) => refreshToken.reveal())

test("what an account's owner of before writes is refused, and it learns of its loss", async () => {
  const { before, after, lost } = await overtaken()
  await after.credentials.save(rotated)

  const late = before.credentials.save({ ...login, refreshToken: new Secret('late') })

  await expect(late).rejects.toThrow(LeaseLost)
  expect(lost).toEqual(['8021'])
  expect(await tokensIn(after)).toEqual(['refresh-1'])
  await expect(before.limits.saveBreaker('8021', { failures: 0, openUntil: undefined })).rejects.toThrow(
    LeaseLost,
  )
  await expect(before.limits.saveSpent('8021-clips', { day: 1, requests: 1, limit: 1 })).rejects.toThrow(
    LeaseLost,
  )
})

test('a limit that the owner of before writes is refused, that of the owner stays', async () => {
  const { person, before, after, lost } = await overtaken()
  const open = { failures: 2, openUntil: start + 900_000 }
  await after.limits.saveBreaker('8021', open)

  const late = before.limits.saveBreaker('8021', { failures: 0, openUntil: undefined })

  await expect(late).rejects.toThrow(LeaseLost)
  expect(lost).toEqual(['8021'])
  expect(await person.limits.breaker('8021')).toEqual(open)
  expect(await after.limits.breaker('8021')).toEqual(open)
})

test('a sign-in takes the account from its owner, whoever that is', async () => {
  const { person, after } = await overtaken()
  const again = someCredentials({ key: '8021-login-2', source: 'login', refreshedAt: start })

  await person.credentials.save(again)
  await person.credentials.forget(login.key)

  await expect(after.credentials.save(rotated)).rejects.toThrow(LeaseLost)
  expect((await person.credentials.list()).map(({ key }) => key)).toEqual(['8021-login-2'])
  const next = await after.leases.acquire('8021', leaseMs)
  expect(next).toMatchObject({ credentials: { key: '8021-login-2' }, access: undefined, isFresh: true })
})

test('to give up what a sign-in has replaced does not take the account away again', async () => {
  const { person, after } = await overtaken()
  await person.credentials.save(someCredentials({ key: '8021-login-2', refreshedAt: start }))
  await after.leases.acquire('8021', leaseMs)

  await person.credentials.forget(login.key)

  await after.limits.saveModuleCount('8021', 3)
  expect(await person.limits.moduleCount('8021')).toBe(3)
})

test('a sign-out takes the account away, and what limited it comes back with a sign-in', async () => {
  const { person, after } = await overtaken()
  const open = { failures: 2, openUntil: start + 900_000 }
  await after.limits.saveBreaker('8021', open)

  await person.credentials.forget(login.key)

  await expect(after.limits.saveModuleCount('8021', 3)).rejects.toThrow(LeaseLost)
  expect(await after.leases.acquire('8021', leaseMs)).toBeUndefined()
  expect(await person.limits.breaker('8021')).toEqual(open)
  await person.credentials.save(someCredentials({ key: '8021-login-2' }))
  await after.leases.acquire('8021', leaseMs)
  expect(await after.limits.breaker('8021')).toEqual(open)
})

test('a token that was renewed makes the access token of before worth nothing', async () => {
  const { after } = await overtaken()
  const access = { accessToken: new Secret('access'), expiresAt: start + 3_600_000 }
  await after.leases.release('8021', { snapshot, access, run: undefined })
  expect(await after.leases.acquire('8021', leaseMs)).toMatchObject({ access })

  await after.credentials.save(rotated)

  await database.query(`UPDATE ${database.tables.lease} SET lease_until = now() - interval '1 s'`)
  const next = await (await open(true)).leases.acquire('8021', leaseMs)
  expect(next).toMatchObject({ credentials: { refreshedAt: start }, access: undefined })
})

test('a good token still comes in after the cloud has refused the one before it', async () => {
  const { before, after } = await overtaken()
  await after.credentials.save({ ...login, refusedAt: start, refusedFor: 'login_required' })

  await before.credentials.save(rotated)

  expect(await tokensIn(after)).toEqual(['refresh-1'])
  expect(await after.credentials.list()).toMatchObject([{ refusedAt: undefined }])
})

test('what is found out of unknown credentials does not shorten a pause at the owner', async () => {
  const { person, after } = await overtaken()
  const open = { failures: 2, openUntil: start + 900_000 }
  await person.limits.saveBreaker('8021', open)
  await person.limits.saveBreaker('login-9', { failures: 1, openUntil: start + 1 })

  await after.limits.move('login-9', '8021')

  expect(await person.limits.breaker('8021')).toEqual(open)
})

test('another store.key is refused with its name, and no account is lost', async () => {
  await (await open(false)).credentials.save(login)
  const other = new Secret(Buffer.alloc(32, 8).toString('base64'))

  const opening = open(false, other)

  await expect(opening).rejects.toThrow(StoreFailed)
  await expect(opening).rejects.toThrow('it was sealed with another store.key')
  await expect(opening).rejects.toMatchObject({ isLasting: true })
  expect(await tokensIn(await open(false))).toEqual(['refresh-0'])
})

test('one row that cannot be unsealed is an account to sign in to, the others go on', async () => {
  const { credentials } = await open(false)
  await credentials.save(login)
  await credentials.save(someCredentials({ key: '9000-login-1', accountId: '9000' }))

  const table = database.tables.credential
  await database.query(`UPDATE ${table} SET account_id = '9000' WHERE account_id = '8021'`)

  expect(await credentials.list()).toMatchObject([
    { key: '8021-login-1', refusedFor: 'login_required', unusable: {} },
    { key: '9000-login-1', refusedAt: undefined },
  ])
})

test('nothing secret stands in the database', async () => {
  await (await open(false)).credentials.save(login)

  const { rows } = await database.query(`SELECT * FROM ${database.tables.credential}`)

  const bytes = rows.map(({ token }) => Buffer.from(token as Uint8Array).toString('latin1'))
  for (const secret of ['refresh-0', 'A-B']) {
    expect(JSON.stringify(rows)).not.toContain(secret)
    expect(bytes.join()).not.toContain(secret)
  }
})
