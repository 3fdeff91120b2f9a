/** Taking over logins when something comes in between: the only good token of each must be somewhere. */
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home, requestCount } from '../support/homes.ts'
import { killedAtTheEnd, loginFiles, noTokens } from '../support/person.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const two = {
  broker: false,
  simulator: { manifestSeconds: 0, accounts: [{ ...home(1), person: {} }, home(1, { id: 8022 })] },
}
const note = ({ dataDir }: World) => join(dataDir, 'pending-login.json')

/** Writes the lines of these accounts down and says how they are taken over. */
function importOf(world: World, ...accounts: readonly number[]): readonly string[] {
  const file = join(world.directory, 'tokens')
  const lines = accounts.map((account) => world.cloud.tokens(account).trim())
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 })
  return ['login', '--import', file]
}

/** Whether each account's login works. */
async function states(world: World): Promise<readonly unknown[]> {
  const { stdout } = await world.finish(['discover', '--json'], noTokens)
  const { accounts } = JSON.parse(stdout) as { accounts: readonly { account_id: number; state: string }[] }
  return accounts.map(({ account_id, state }) => [account_id, state]).sort()
}

const bothWork = [
  [8021, 'ok'],
  [8022, 'ok'],
]

test('credentials that cannot be kept end the import, which continues later', async () => {
  await using world = await startWorld(two)
  const command = importOf(world, 8021, 8022)
  const logins = join(world.dataDir, 'logins')
  mkdirSync(world.dataDir)
  // Nobody may make a file there, the superuser neither.
  symlinkSync('/proc/self/task', logins)

  const stopped = await world.finish(command, noTokens)
  expect(stopped).toMatchObject({ code: 78, stderr: expect.stringMatching(/not tried: line 2\b/) })
  expect(requestCount(world.cloud, 'token')).toBe(1)
  expect(existsSync(note(world))).toBe(true)

  rmSync(logins)
  expect((await world.finish(command, noTokens)).code).toBe(0)
  expect(await states(world)).toEqual(bothWork)
  expect(existsSync(note(world))).toBe(false)
})

test('an import first ends a sign-in that was killed right before its end', async () => {
  await using world = await startWorld(two)
  await killedAtTheEnd(world)

  const taken = await world.finish(importOf(world, 8022), noTokens)

  expect(taken).toMatchObject({ code: 0, stdout: expect.stringMatching(/account 8021.*account 8022/s) })
  expect(await states(world)).toEqual(bothWork)
})

test('an import tries nothing while the sign-in that was killed cannot be ended', async () => {
  await using world = await startWorld(two)
  await killedAtTheEnd(world)
  const command = importOf(world, 8022)
  const before = requestCount(world.cloud, 'token')
  world.cloud.misbehave({ kind: 'status', status: 503, path: '/oauth/token' })

  expect((await world.finish(command, noTokens)).code).toBe(75)
  expect(requestCount(world.cloud, 'token')).toBe(before + 1)

  world.cloud.calm()
  expect((await world.finish(command, noTokens)).code).toBe(0)
  expect(await states(world)).toEqual(bothWork)
})

test('a killed sign-in that is worthless by now does not block an import', async () => {
  await using world = await startWorld(two)
  await killedAtTheEnd(world)
  world.cloud.revoke(8021)

  const taken = await world.finish(importOf(world, 8022), noTokens)

  expect(taken).toMatchObject({ code: 77, stdout: expect.stringContaining('account 8022') })
  expect(existsSync(note(world))).toBe(false)
})

test('an import stopped during the refresh waits for it, and the next continues', async () => {
  await using world = await startWorld(two)
  const command = importOf(world, 8022)
  world.cloud.misbehave({ kind: 'slow', delayMs: 1_500, path: '/oauth/token', count: 1 })
  const login = world.start(command, noTokens)
  await until('the refresh', () => requestCount(world.cloud, 'token') === 1, { state: login.stderr })

  expect(await login.stop('SIGINT')).toEqual({ code: 77, signal: null })
  expect(login.stderr()).toMatch(/Stopping[\s\S]*goes on where this ended\.\n$/)

  expect(await world.finish(command, noTokens)).toMatchObject({ code: 0 })
  expect(await states(world)).toEqual([[8022, 'ok']])
  expect(loginFiles(world).size).toBe(1)
})

test('an import is not waited for longer than one request may take', async () => {
  await using world = await startWorld(two)
  world.cloud.misbehave({ kind: 'hang', path: '/oauth/token' })
  const login = world.start(importOf(world, 8022), { ...noTokens, BLINK_TIMEOUT_SECONDS: '2' })
  await until('the refresh', () => requestCount(world.cloud, 'token') === 1, { state: login.stderr })

  expect(await login.stop('SIGINT')).toEqual({ code: 77, signal: null })
  expect(login.stderr()).toMatch(/Stopped\. Nothing was kept\.\n$/)
})
