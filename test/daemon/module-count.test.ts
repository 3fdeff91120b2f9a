/** The number of an account's sync modules, for who may not open the database. */
import { expect, test } from 'vitest'
import { countingModules } from '../../src/accounts/module-count.ts'
import type { AccountCloud } from '../../src/blink/client.ts'
import { StoreFailed } from '../../src/domain/errors.ts'
import type { SyncModule } from '../../src/domain/model.ts'
import { aModule, readableLog } from '../samples.ts'

const never = new AbortController().signal
const numbered = (...ids: readonly string[]) => ids.map((syncModuleId) => aModule({ syncModuleId }))

/** An account whose list a test changes, on a disk that a test may fill. */
async function aWorld(onDisk?: number) {
  const world = { modules: numbered('1') as readonly SyncModule[], full: false }
  const written: number[] = []
  const log = readableLog()
  const identity = { accountId: '8021', region: 'e008' }
  const cloud: AccountCloud = {
    discover: async () => world.modules,
    requestManifest: async () => ({ requestId: '501', pollPath: '/', pollUrl: 'https://rest.test/' }),
    identify: async () => identity,
    check: async () => identity,
  }
  const logins = {
    moduleCount: async () => onDisk,
    async saveModuleCount(_: string, count: number) {
      if (world.full) throw new StoreFailed('disk full')
      written.push(count)
    },
  }
  const counting = await countingModules(cloud, { loginKey: 'login-1', logins, log })
  return { world, written, log, list: () => counting.discover(never) }
}

test('the number is written when it has changed, and not at each list', async () => {
  const { world, written, list } = await aWorld()
  await list()
  await list()
  world.modules = numbered('1', '2', '2')
  await list()
  await list()
  world.modules = []
  await list()

  expect(written).toEqual([1, 2, 0])
})

test('a restart writes nothing that is on disk already', async () => {
  const { written, list } = await aWorld(1)

  expect(await list()).toHaveLength(1)
  expect(written).toEqual([])
})

test('a disk that is full costs no list, is told once, and the number is written as soon as there is room', async () => {
  const { world, written, log, list } = await aWorld()
  world.full = true
  expect(await list()).toHaveLength(1)
  expect(await list()).toHaveLength(1)
  expect(log.lines.map(({ level }) => level)).toEqual(['warn'])

  world.full = false
  await list()
  expect(written).toEqual([1])
})
