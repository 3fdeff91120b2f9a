import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fast, home, moduleOf } from '../support/homes.ts'
import { noTokens, signedIn } from '../support/person.ts'
import { until } from '../support/until.ts'
import { startWorld, type World } from '../support/world.ts'

const options = { simulator: { manifestSeconds: 0, accounts: [home(2)] }, broker: false }
const running = { ...fast, ...noTokens }

/** The lines of `accounts --json`. */
async function listed(world: World): Promise<readonly unknown[]> {
  const { stdout } = await world.finish(['accounts', '--json'], noTokens)
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]))
}

const filesIn = ({ dataDir }: World) => readdirSync(join(dataDir, 'logins'))

/** The file in which an account's number of modules is. */
function countFile(world: World): string {
  const name = filesIn(world).find((found) => found.endsWith('.modules.json'))
  return join(world.dataDir, 'logins', name ?? 'none yet')
}

test('accounts shows the number of modules, which is written only when it changes', async () => {
  await using world = await startWorld(options)
  await signedIn(world)
  expect(await listed(world)).toMatchObject([{ account_id: 8021, modules: null }])

  const daemon = world.start(['run'], running)
  await daemon.says('run done')
  expect(await listed(world)).toMatchObject([{ account_id: 8021, state: 'ok', modules: 2 }])
  const { ino } = statSync(countFile(world))
  await daemon.says('run done', 3)
  expect(statSync(countFile(world)).ino).toBe(ino)

  world.cloud.addNetwork(8021, { id: 44_003, name: 'New' })
  world.cloud.addModule(8021, moduleOf(3))
  await until('the new file', () => statSync(countFile(world)).ino !== ino, { state: daemon.stderr })
  const table = await world.finish(['accounts'], noTokens)
  expect(table.stdout).toMatch(/Region +Modules +Client/)
  expect(table.stdout).toMatch(/8021 +ok +e008 +3 +ios/)
})

test('discover counts modules, a new sign-in keeps the number, logout deletes it', async () => {
  await using world = await startWorld({
    ...options,
    simulator: { ...options.simulator, accounts: [{ ...home(2), person: { challenge: 'none' as const } }] },
  })
  await signedIn(world)
  await world.finish(['discover'], noTokens)
  expect(await listed(world)).toMatchObject([{ modules: 2 }])

  await signedIn(world)
  expect(await listed(world)).toMatchObject([{ modules: 2 }])

  await world.finish(['logout', '8021'], noTokens)
  expect(filesIn(world).filter((name) => !name.endsWith('.forgotten'))).toEqual([])
})

test('discover has a line for an account without modules, and for an unreachable one', async () => {
  await using world = await startWorld({
    ...options,
    simulator: { ...options.simulator, accounts: [home(0), home(1, { id: 9001 })] },
  })
  world.cloud.misbehave({ kind: 'status', status: 429, path: '/accounts/9001/homescreen' })

  const BLINK_TOKENS = [8021, 9001].map((id) => world.cloud.tokens(id)).join('\n')

  const { code, stdout } = await world.finish(['discover'], { BLINK_TOKENS })

  expect(code).toBe(75)
  expect(stdout).toMatch(/^8021 .* no sync module *$/m)
  expect(stdout).toMatch(/^9001 .* no: throttled *$/m)
})
