import { expect, test } from 'vitest'
import { home } from '../support/homes.ts'
import { loginFiles, noTokens, signedIn } from '../support/person.ts'
import { startWorld } from '../support/world.ts'

const simulator = { manifestSeconds: 0, accounts: [home(1), home(1, { id: 8022, region: 'u011' })] }
const withoutBroker = { simulator, broker: false }

test('two accounts sign in, and each is listed with state, region and last refresh', async () => {
  await using world = await startWorld(withoutBroker)
  await signedIn(world)
  await signedIn(world, 8022)

  const { stdout } = await world.finish(['accounts', '--json'], noTokens)

  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { account_id: number })
  expect(lines.sort((one, other) => one.account_id - other.account_id)).toMatchObject([
    { account_id: 8021, state: 'ok', region: 'e008', client_id: 'ios', source: 'login' },
    { account_id: 8022, state: 'ok', region: 'u011', refreshed_at: expect.stringMatching(/^20.*Z$/) },
  ])
  expect(stdout).not.toMatch(/sim-refresh|password/)
})

test('a second sign-in to an account takes the place of the first', async () => {
  await using world = await startWorld({
    simulator: { accounts: [{ ...home(1), person: { challenge: 'none' } }] },
    broker: false,
  })
  await signedIn(world)
  const [before] = loginFiles(world).keys()
  await signedIn(world)

  expect([...loginFiles(world).keys()]).not.toContain(before)
  expect(loginFiles(world).size).toBe(1)
})

test('logout removes one account; an unknown one is answered with those there are', async () => {
  await using world = await startWorld(withoutBroker)
  await signedIn(world)
  await signedIn(world, 8022)

  const gone = await world.finish(['logout', '8021'], noTokens)
  const unknown = await world.finish(['logout', '8021'], noTokens)

  expect(gone).toMatchObject({ code: 0, stdout: 'Logged out: 8021.\n' })
  expect(unknown).toMatchObject({ code: 64, stderr: expect.stringContaining('there is 8022') })
  expect(loginFiles(world).size).toBe(1)
})

test('after a logout an unchanged BLINK_TOKENS does not bring the account back', async () => {
  await using world = await startWorld(withoutBroker)
  expect((await world.finish(['discover'])).code).toBe(0)
  const callsBefore = world.cloud.calls.length

  const out = await world.finish(['logout', '8021'])
  const after = await world.finish(['discover'])

  expect(out.stderr).toContain('BLINK_TOKENS')
  expect(after.code).toBe(77)
  expect(world.cloud.calls.length).toBe(callsBefore)
})

test('a sign-in outlives the BLINK_TOKENS of the same account', async () => {
  await using world = await startWorld(withoutBroker)
  await world.finish(['discover'])
  await signedIn(world)

  expect((await world.finish(['discover'])).code).toBe(0)
  expect([...loginFiles(world).keys()]).toEqual([expect.stringMatching(/^8021-login-/)])
})
