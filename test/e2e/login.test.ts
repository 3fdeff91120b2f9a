import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home, requestCount } from '../support/homes.ts'
import { loginFiles, noTokens, personIn } from '../support/person.ts'
import { startWorld, type World } from '../support/world.ts'

const withPerson = (person: object = {}) => ({
  broker: false,
  simulator: { manifestSeconds: 0, accounts: [{ ...home(1), person }] },
})

const pending = ({ dataDir }: World) => existsSync(join(dataDir, 'pending-login.json'))

test('from an empty directory to the first request ID, with the code in a later run', async () => {
  await using world = await startWorld({ ...withPerson(), broker: true })
  const anna = personIn(world)

  const first = await anna.signIn(undefined, ['--json'])
  expect(first.code).toBe(77)
  expect(JSON.parse(first.stdout)).toMatchObject({
    state: 'code_wanted',
    phone: '+49xxxxxxx34',
    method: 'sms',
  })
  expect(statSync(join(world.dataDir, 'pending-login.json')).mode & 0o777).toBe(0o600)

  const second = await anna.enter()
  expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('Signed in: account 8021') })
  expect(pending(world)).toBe(false)
  expect(world.cloud.codesSent(8021)).toBe(1)

  const once = await world.finish(['once', '--json'], noTokens)
  expect(once.code).toBe(0)
  expect(JSON.parse(once.stdout)).toMatchObject({ outcome: 'requested', account_id: 8021 })
})

test('a wrong code leaves the sign-in as it is, and sends no other', async () => {
  await using world = await startWorld(withPerson({ challenge: 412 }))
  const anna = personIn(world)
  await anna.signIn()

  const wrong = await anna.enter('111111')
  const right = await anna.enter()

  expect(wrong).toMatchObject({ code: 77, stderr: expect.stringContaining('not the code that was sent') })
  expect(right.code).toBe(0)
  expect(world.cloud.codesSent(8021)).toBe(1)
})

test('a second sign-in while a code is on its way sends no other, unless wanted', async () => {
  await using world = await startWorld(withPerson())
  const anna = personIn(world)
  await anna.signIn()

  const again = await anna.signIn()
  const another = await anna.signIn(undefined, ['--new-code', '--json'])

  expect(again.code).toBe(77)
  expect(another.code).toBe(75)
  expect(JSON.parse(another.stdout)).toMatchObject({ state: 'failed', error: { code: 'too_quick' } })
  expect(world.cloud.codesSent(8021)).toBe(1)
  expect((await anna.enter()).code).toBe(0)
})

test.each<[what: string, person: object, fault: object | undefined, code: number, says: RegExp]>([
  ['an account of Amazon', { amazon: true }, undefined, 77, /by way of Amazon/],
  ['the edge', {}, { kind: 'edge', path: '/oauth/v2/authorize' }, 75, /edge of the cloud.*HTTP 406/],
  [
    'an old app',
    {},
    { kind: 'status', status: 426, path: '/oauth/v2/authorize' },
    77,
    /retired the app version/,
  ],
  [
    'a lock',
    {},
    { kind: 'status', status: 400, body: { code: 106 }, path: '/signin', method: 'POST' },
    75,
    /Not before/,
  ],
  [
    'no answer',
    {},
    { kind: 'reset_before', path: '/oauth' },
    75,
    /broke the connection|closed the connection/,
  ],
  ['a page that is another', {}, { kind: 'html', path: '/oauth/v2/signin' }, 75, /not what we know/],
  [
    'lost cookies',
    {},
    { kind: 'status', status: 400, body: { error_cause: 'empty_cookies' }, method: 'POST' },
    77,
    /lost track/,
  ],
])('%s has its own sentence and keeps nothing', async (_, person, fault, code, says) => {
  await using world = await startWorld(withPerson(person))
  if (fault) world.cloud.misbehave(fault as Parameters<typeof world.cloud.misbehave>[0])

  const refused = await personIn(world).signIn()

  expect(refused).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) })
  expect(refused.stderr).not.toMatch(/ at .*\.[jt]s:\d+/)
  expect(loginFiles(world).size).toBe(0)
})

test('a wrong password has its sentence; a lock is kept: the next try sends no request', async () => {
  await using world = await startWorld(withPerson())
  const stranger = personIn(world, { ...world.cloud.person(), password: 'wrong' })
  expect(await stranger.signIn()).toMatchObject({
    code: 77,
    stderr: expect.stringContaining('does not accept this e-mail address and password'),
  })

  world.cloud.misbehave({ kind: 'status', status: 400, body: { code: 106 }, path: '/signin', method: 'POST' })
  await personIn(world).signIn()
  const callsBefore = world.cloud.calls.length
  const next = await personIn(world).signIn()

  expect(next).toMatchObject({ code: 75, stderr: expect.stringMatching(/locked.*Not before \d\d:\d\d/s) })
  expect(world.cloud.calls.length).toBe(callsBefore)
})

test('without a terminal and without files nothing is requested', async () => {
  await using world = await startWorld(withPerson())

  const bare = await world.finish(['login'], noTokens)
  const half = await world.finish(['login'], { ...noTokens, BLINK_EMAIL: 'anna@example.com' })

  expect(bare).toMatchObject({ code: 64, stderr: expect.stringContaining('BLINK_EMAIL') })
  expect(half).toMatchObject({ code: 64, stderr: expect.stringContaining('--password-file') })
  expect(world.cloud.calls).toEqual([])
})

test('a sign-in without a region is kept, and the daemon looks it up', async () => {
  await using world = await startWorld(withPerson())
  world.cloud.misbehave({ kind: 'status', status: 503, path: 'tier_info', count: 1 })

  const kept = await personIn(world).signIn(world.cloud.person().code)
  const found = await world.finish(['discover', '--json'], noTokens)

  expect(kept).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('did not say where the account is'),
  })
  expect(JSON.parse(found.stdout)).toMatchObject({ accounts: [{ account_id: 8021, state: 'ok' }] })
})

test("blinkpy's JSON and token lines are taken over, each tried once", async () => {
  await using world = await startWorld(withPerson())
  const token = decodeURIComponent(/refresh_token=([^|]+)/.exec(world.cloud.tokens())?.[1] ?? '')
  const file = join(world.directory, 'blinkpy.json')
  const json = { refresh_token: token, host: 'rest-e008.immedia-semi.com', client_id: 1234, account_id: 8021 }
  writeFileSync(file, JSON.stringify({ ...json, username: 'x', password: 'y', hardware_id: 'A-B' }))

  const taken = await world.finish(['login', '--import', file, '--json'], noTokens)
  const again = await world.finish(['login', '--import', file, '--json'], noTokens)

  expect(JSON.parse(taken.stdout)).toMatchObject({ state: 'signed_in', account_id: 8021, client_id: 'ios' })
  expect(requestCount(world.cloud, 'tier-info')).toBe(1)
  // Used up by the first: nothing of it is kept, and the login of the first stays.
  expect(again.code).toBe(77)
  expect([...loginFiles(world).keys()]).toEqual([expect.stringMatching(/^8021-import-/)])
})

test('an import while a code is on its way leaves that sign-in where it is', async () => {
  await using world = await startWorld({
    ...withPerson(),
    simulator: { accounts: [{ ...home(1), person: {} }, home(1, { id: 8022 })] },
  })
  const anna = personIn(world)
  await anna.signIn()
  const file = join(world.directory, 'tokens')
  writeFileSync(file, world.cloud.tokens(8022))

  expect((await world.finish(['login', '--import', file], noTokens)).code).toBe(0)
  expect((await anna.enter()).code).toBe(0)

  expect(world.cloud.codesSent(8021)).toBe(1)
  expect(loginFiles(world).size).toBe(2)
})

test('an imported android token is taken over with a word on its future', async () => {
  await using world = await startWorld({
    broker: false,
    simulator: { accounts: [{ ...home(1), clientId: 'android' }] },
  })
  const file = join(world.directory, 'tokens')
  writeFileSync(file, world.cloud.tokens())

  const taken = await world.finish(['login', '--import', file], noTokens)

  expect(taken).toMatchObject({ code: 0, stdout: expect.stringContaining('issued to the client android') })
})
