/** Two logins of one account: which one stays, and what the cloud asked of the one before. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fast, home, requestCount } from '../support/homes.ts'
import { loginFiles, noTokens, signedIn } from '../support/person.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const person = { challenge: 'none' as const }
const options = { simulator: { manifestSeconds: 0, accounts: [{ ...home(1), person }] }, broker: false }

/** A line of the environment that does not tell its account, with a token nobody else has. */
function nameless({ cloud }: World): Readonly<Record<string, string>> {
  cloud.signIn(8021)
  return { BLINK_TOKENS: cloud.tokens().replace(/\|account_id=\d+/, '') }
}

/** The texts of the files beside the login of this ending. */
function beside({ dataDir }: World, ending: string): readonly string[] {
  const directory = join(dataDir, 'logins')
  const names = readdirSync(directory).filter((name) => name.endsWith(ending))
  return names.map((name) => readFileSync(join(directory, name), 'utf8'))
}

test('a sign-in stays when an environment line is of the same account', async () => {
  await using world = await startWorld(options)
  await signedIn(world)
  const [mine] = loginFiles(world).keys()
  const line = nameless(world)

  expect((await world.finish(['discover'], line)).code).toBe(0)
  expect([...loginFiles(world).keys()]).toEqual([mine])
  const again = await world.finish(['discover'], { ...line, LOG_LEVEL: 'info' })

  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('given up') })
  expect([...loginFiles(world).keys()]).toEqual([mine])
})

test('a daemon with the earlier credentials does not undo the new sign-in', async () => {
  await using world = await startWorld({
    ...options,
    simulator: { ...options.simulator, accessTokenSeconds: 1 },
  })
  const daemon = world.start(['run'], { ...fast, ...nameless(world) })
  await daemon.says('run done', 2)

  await signedIn(world)
  await daemon.says('account has new credentials')
  const runs = daemon.logged().filter(({ msg }) => msg === 'run done').length
  await daemon.says('run done', runs + 2)

  // A token that was on its way is written, and removed at once.
  await until('one login', () => loginFiles(world).size === 1)
  expect([...loginFiles(world).keys()]).toEqual([expect.stringMatching(/^8021-login-/)])
})

test('refused credentials without an account are given up by the sign-in that follows', async () => {
  await using world = await startWorld(options)
  const line = nameless(world)
  world.cloud.revoke(8021)
  const refused = await world.finish(['once'], line)
  expect(refused).toMatchObject({ code: 77, stderr: expect.stringMatching(/logout environment-\w+/) })

  await signedIn(world)

  expect((await world.finish(['discover'], line)).code).toBe(0)
  expect([...loginFiles(world).keys()]).toEqual([expect.stringMatching(/^8021-login-/)])
})

test('a new sign-in ends neither the pause nor the budget of the day', async () => {
  await using world = await startWorld(options)
  await signedIn(world)
  world.cloud.misbehave({ kind: 'edge', path: '/homescreen' })
  expect((await world.finish(['discover'], noTokens)).code).toBe(75)
  world.cloud.calm()
  const [paused, spent] = [beside(world, '.breaker.json'), beside(world, '.spent.json')]
  expect(spent).toHaveLength(1)

  await signedIn(world)
  const before = requestCount(world.cloud, 'homescreen')
  const listed = await world.finish(['accounts', '--json'], noTokens)
  expect((await world.finish(['discover'], noTokens)).code).toBe(75)

  expect(requestCount(world.cloud, 'homescreen')).toBe(before)
  expect(JSON.parse(listed.stdout)).toMatchObject({ state: 'throttled', retry_at: expect.any(String) })
  expect(beside(world, '.breaker.json')).toEqual(paused)
  expect(beside(world, '.spent.json')).toEqual(spent)
})

test('a pause outlives a changed line without an account id', async () => {
  await using world = await startWorld(options)
  const before = nameless(world)
  world.cloud.misbehave({ kind: 'edge', path: '/homescreen' })
  expect((await world.finish(['discover'], before)).code).toBe(75)
  world.cloud.calm()
  const paused = beside(world, '.breaker.json')
  const sent = world.cloud.calls.length

  const daemon = world.start(['run'], { ...fast, ...nameless(world) })
  await daemon.says('credentials replaced by newer ones')
  await daemon.says('run done', 3)
  await daemon.stop()

  expect(world.cloud.calls.slice(sent).map(({ kind }) => kind)).toEqual(['token', 'tier-info'])
  expect(loginFiles(world).size).toBe(1)
  expect(beside(world, '.breaker.json')).toEqual(paused)
  expect(paused).toHaveLength(1)
})

test('a line of an account with a sign-in requests no module a second time', async () => {
  await using world = await startWorld({
    ...options,
    simulator: { ...options.simulator, accounts: [{ ...home(3), person }] },
  })
  await signedIn(world)

  const daemon = world.start(['run'], { SCHEDULE_CRON: '0 0 1 1 *', ...nameless(world) })
  await daemon.says('credentials replaced by newer ones')
  await daemon.says('run done')
  await daemon.stop()

  expect(requestCount(world.cloud, 'manifest-request')).toBe(3)
})
