/** Which login of an account stays, and what the cloud asked of the one before. */
import { expect, test } from 'vitest'
import { inherit, replacedBy, settleRivals, takeRoster } from '../../../src/accounts/credentials.ts'
import { parseTokenLines } from '../../../src/blink/credentials-file.ts'
import type { Credentials } from '../../../src/domain/model.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { openLogins } from '../../../src/storage/credentials.ts'
import { listLog, someCredentials } from '../../support/blink-scripted.ts'
import { start, temporaryDirectory } from '../../support/samples.ts'

const ofPerson = someCredentials({ key: 'login-1', source: 'login', fingerprint: undefined })
const ofEnvironment = someCredentials({ key: 'environment-1' })
/** As in a process that uses none of the logins. */
const idle = () => ({ handOver: () => Promise.resolve(), log: listLog() })
const keys = (logins: readonly Credentials[]) => logins.map(({ key }) => key)

/** A directory with these logins. */
async function aHouse(...there: readonly Credentials[]) {
  const logins = await openLogins(temporaryDirectory())
  for (const login of there) await logins.save(login)
  return logins
}

test.each([
  ['login', ofPerson],
  ['import', { ...ofPerson, key: 'import-1', source: 'import' as const }],
])('a text of the environment that turns out to be of an account with a working %s is put aside for good', async (_, person) => {
  const [line] = parseTokenLines('refresh_token=a').logins
  const logins = await aHouse(person)
  const taken = await takeRoster(logins, line ? [line] : [], listLog())
  const environment = { ...someCredentials(), key: taken[1]?.key ?? '', accountId: '8021' }

  await settleRivals(logins, environment, idle())

  expect(keys(await logins.list())).toEqual([person.key])
  expect(keys(await takeRoster(logins, line ? [line] : [], listLog()))).toEqual([person.key])
})

test.each([
  ['a sign-in that was refused', { ...ofPerson, refusedAt: start }],
  ['an older text of the environment', someCredentials({ key: 'environment-0', fingerprint: 'f0' })],
])('%s gives way to a text of the environment that has just proved to work', async (_, older) => {
  const logins = await aHouse(older, ofEnvironment)

  await settleRivals(logins, ofEnvironment, idle())

  expect(keys(await logins.list())).toEqual(['environment-1'])
  expect(await logins.forgotten()).toEqual(new Set([older.key]))
})

test('a sign-in of which the cloud told the account late takes the place of the others, and leaves those of other accounts', async () => {
  const stranger = someCredentials({ key: 'environment-2', accountId: '8022' })
  const logins = await aHouse(ofPerson, ofEnvironment, stranger)

  await settleRivals(logins, ofPerson, idle())

  expect(keys(await logins.list())).toEqual(['environment-2', 'login-1'])
})

test('a sign-in takes the place of its account, or else of the only refused login that nobody can name', () => {
  const nameless = (key: string) => someCredentials({ key, accountId: undefined, refusedAt: start })
  const working = someCredentials({ key: 'environment-9', accountId: undefined })

  expect(keys(replacedBy(ofPerson, [ofPerson, ofEnvironment, nameless('a')]))).toEqual(['environment-1'])
  expect(keys(replacedBy(ofPerson, [ofPerson, nameless('a'), working]))).toEqual(['a'])
  expect(keys(replacedBy(ofPerson, [nameless('a'), nameless('b')]))).toEqual([])
  expect(
    keys(replacedBy(ofPerson, [working, someCredentials({ key: 'c', accountId: '8022', refusedAt: start })])),
  ).toEqual([])
})

test('of two logins of one account the daemon takes the one that works, and then the one refreshed last', async () => {
  const at = (key: string, refreshedAt: number | undefined, more: Partial<Credentials> = {}) =>
    someCredentials({ key, source: 'login', fingerprint: undefined, refreshedAt, ...more })
  const taken = async (...there: readonly Credentials[]) => {
    const logins = await aHouse(...there)
    const roster = keys(await takeRoster(logins, [], listLog()))
    expect(keys(await logins.list())).toEqual(roster)
    return roster
  }

  expect(await taken(at('a', 5, { refusedAt: 6 }), at('b', 1))).toEqual(['b'])
  expect(await taken(at('a', 5), at('b', 1), at('c', undefined))).toEqual(['a'])
  expect(await taken(at('a', 5), at('b', 5))).toHaveLength(1)
  expect(
    await taken(at('a', 5), at('b', 1, { accountId: '8022' }), at('c', 1, { accountId: undefined })),
  ).toHaveLength(3)
})

test('the longest pause and the most requests of the day go on with the new login', async () => {
  const logins = await aHouse()
  const [one, two] = [someCredentials({ key: 'one' }), someCredentials({ key: 'two' })]
  await logins.saveBreaker('one', { failures: 1, openUntil: start + 9_000 })
  await logins.saveSpent('one', { day: 7, requests: 10, limit: 50 })
  await logins.saveBreaker('two', { failures: 1, openUntil: start + 1_000 })
  await logins.saveSpent('two', { day: 7, requests: 20, limit: 50 })

  await inherit(logins, one, ofPerson)
  await inherit(logins, two, ofPerson)

  expect(await logins.breaker('login-1')).toEqual({ failures: 1, openUntil: start + 9_000 })
  expect(await logins.spent('login-1')).toEqual({ day: 7, requests: 20, limit: 50 })
})

test('neither what was spent on an earlier day nor a shorter pause takes the place of what counts now', async () => {
  const logins = await aHouse()
  await logins.saveBreaker('environment-1', { failures: 5, openUntil: start + 1_000 })
  await logins.saveSpent('environment-1', { day: 6, requests: 400, limit: 500 })
  const now = { failures: 1, openUntil: start + 9_000 }
  await logins.saveBreaker('login-1', now)
  await logins.saveSpent('login-1', { day: 7, requests: 1, limit: 50 })

  await inherit(logins, ofEnvironment, ofPerson)

  expect(await logins.breaker('login-1')).toEqual(now)
  expect(await logins.spent('login-1')).toEqual({ day: 7, requests: 1, limit: 50 })
})

test.each([
  ['the text that was changed', ofEnvironment, someCredentials({ key: 'environment-0' }), 'environment-1'],
  ['the sign-in that was there', ofEnvironment, ofPerson, 'login-1'],
])('when the cloud tells the account late, pause and budget of the day go on with %s', async (_, learned, older, stays) => {
  const logins = await aHouse(older, learned)
  const goes = [older, learned].find(({ key }) => key !== stays)?.key ?? ''
  const [open, spent] = [
    { failures: 2, openUntil: start + 60_000 },
    { day: 7, requests: 40, limit: 50 },
  ]
  await logins.saveBreaker(goes, open)
  await logins.saveSpent(goes, spent)
  const handedOver: unknown[] = []
  const handOver = async (from: Credentials, to: Credentials) => {
    handedOver.push([from.key, to.key, await logins.breaker(goes)])
  }

  await settleRivals(logins, learned, { handOver, log: listLog() })

  expect(keys(await logins.list())).toEqual([stays])
  expect([await logins.breaker(stays), await logins.spent(stays)]).toEqual([open, spent])
  expect(handedOver).toEqual([[goes, stays, open]])
})

test('of two logins of one account on disk the one that stays goes on with the pause of the other', async () => {
  const logins = await aHouse(ofPerson, { ...ofEnvironment, refusedAt: start })
  const open = { failures: 2, openUntil: start + 60_000 }
  await logins.saveBreaker('environment-1', open)

  expect(keys(await takeRoster(logins, [], listLog()))).toEqual(['login-1'])

  expect(await logins.breaker('login-1')).toEqual(open)
})

test('a login that was given up in the meantime has no say any more', async () => {
  const logins = await aHouse(ofPerson, ofEnvironment)
  await logins.forget('environment-1')

  await settleRivals(logins, { ...ofEnvironment, source: 'import' }, idle())

  expect(keys(await logins.list())).toEqual(['login-1'])
})

test('a changed text of the environment does not end the pause of its account either', async () => {
  const logins = await aHouse(ofEnvironment)
  const open = { failures: 2, openUntil: start + 60_000 }
  await logins.saveBreaker('environment-1', open)
  const { logins: lines } = parseTokenLines('refresh_token=b|account_id=8021')

  const [taken, ...others] = await takeRoster(logins, lines, listLog())

  expect(others).toEqual([])
  expect(await logins.breaker(taken?.key ?? '')).toEqual(open)
  expect(await logins.breaker('environment-1')).toEqual(closedBreaker)
})
