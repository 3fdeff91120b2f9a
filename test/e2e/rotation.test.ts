import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home, requestCount } from '../support/homes.ts'
import { killedAtTheEnd, loginFiles, noTokens, signedIn } from '../support/person.ts'
import { until } from '../support/until.ts'
import { startWorld } from '../support/world.ts'

const options = { simulator: { manifestSeconds: 0, accounts: [home(1)] }, broker: false }
const rarely = { SCHEDULE_CRON: '0 0 1 1 *', ...noTokens }

test('killed before the cloud has answered a refresh, nothing is lost', async () => {
  await using world = await startWorld(options)
  await signedIn(world)
  world.cloud.misbehave({ kind: 'hang', path: '/oauth/token' })
  const daemon = world.start(['run'], rarely)
  await until('a refresh under way', () => requestCount(world.cloud, 'token') === 2, { state: daemon.stderr })

  await daemon.stop('SIGKILL')
  world.cloud.calm()

  expect((await world.finish(['discover'], noTokens)).code).toBe(0)
})

test('killed when the new token is on disk and not used yet, the next start uses it', async () => {
  await using world = await startWorld(options)
  await signedIn(world)
  const [before] = loginFiles(world).values()
  world.cloud.misbehave({ kind: 'hang', path: '/homescreen' })
  const daemon = world.start(['run'], rarely)
  await until('the first use', () => requestCount(world.cloud, 'homescreen') === 1, { state: daemon.stderr })

  await daemon.stop('SIGKILL')
  world.cloud.calm()

  expect([...loginFiles(world).values()]).not.toContain(before)
  expect((await world.finish(['discover'], noTokens)).code).toBe(0)
})

test('killed between rotation and our disk, a sign-in is needed, once and for good', async () => {
  await using world = await startWorld(options)
  await signedIn(world)
  world.cloud.misbehave({ kind: 'slow', delayMs: 60_000, path: '/oauth/token' })
  const daemon = world.start(['run'], rarely)
  await until('a refresh under way', () => requestCount(world.cloud, 'token') === 2, { state: daemon.stderr })

  await daemon.stop('SIGKILL')
  world.cloud.calm()
  const first = await world.finish(['discover'], noTokens)
  const second = await world.finish(['discover'], noTokens)

  expect([first.code, second.code]).toEqual([77, 77])
  // The second time nobody is asked: a dead token that is shown again and again gets accounts locked.
  expect(requestCount(world.cloud, 'token')).toBe(3)
  expect(world.cloud.codesSent(8021)).toBe(1)
})

test('a sign-in killed after its tokens came continues without another code', async () => {
  await using world = await startWorld(options)
  await killedAtTheEnd(world)
  const again = await world.finish(['login'], noTokens)

  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('account 8021') })
  expect(world.cloud.codesSent(8021)).toBe(1)
  expect(loginFiles(world).size).toBe(1)
})

test('a sign-in killed at its end and worthless by now does not block the next', async () => {
  await using world = await startWorld(options)
  await killedAtTheEnd(world)
  world.cloud.revoke(8021)

  expect((await world.finish(['login'], noTokens)).code).toBe(77)
  world.cloud.allowAnotherCode(8021)
  await signedIn(world)

  expect(loginFiles(world).size).toBe(1)
})

test('a sign-in killed when its credentials were kept is over', async () => {
  await using world = await startWorld(options)
  await killedAtTheEnd(world)
  const note = join(world.dataDir, 'pending-login.json')
  const text = readFileSync(note, 'utf8')
  await world.finish(['login'], noTokens)
  // As if it had been killed right before it removed the note.
  writeFileSync(note, text)
  expect((await world.finish(['discover'], noTokens)).code).toBe(0)
  const callsBefore = world.cloud.calls.length

  const again = await world.finish(['login'], noTokens)

  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('account 8021') })
  expect(world.cloud.calls.length).toBe(callsBefore)
  expect(existsSync(note)).toBe(false)
  expect((await world.finish(['discover'], noTokens)).code).toBe(0)
})

test('of credentials a killed sign-in left behind, the daemon takes the newer', async () => {
  await using world = await startWorld(options)
  await signedIn(world)
  const [[before = '', text = ''] = []] = loginFiles(world)
  world.cloud.allowAnotherCode(8021)
  await signedIn(world)
  const [after = ''] = loginFiles(world).keys()
  const directory = join(world.dataDir, 'logins')
  rmSync(join(directory, before.replace('.login.json', '.forgotten')))
  writeFileSync(join(directory, before), text, { mode: 0o600 })

  expect((await world.finish(['discover'], noTokens)).code).toBe(0)

  expect([...loginFiles(world).keys()]).toEqual([after])
  expect(requestCount(world.cloud, 'homescreen')).toBe(1)
})
