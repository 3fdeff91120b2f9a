/** A data directory of an earlier version becomes one of this, with everything that is in it. */
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import type { Storage } from '../../../src/domain/ports.ts'
import { closedBreaker } from '../../../src/domain/retry-policy.ts'
import { openCredentials } from '../../../src/storage/credentials.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import {
  aModule,
  anItem,
  failed,
  newRecord,
  readableLog,
  start,
  temporaryDirectory,
} from '../../support/samples.ts'

const minute = 60_000

function copyOfFixture(): string {
  const directory = join(temporaryDirectory(), 'data')
  cpSync(join(import.meta.dirname, '../../fixtures/data-directory/a113488'), directory, { recursive: true })
  return directory
}

async function opened(directory = copyOfFixture()): Promise<Storage> {
  const log = readableLog()
  const storage = await openStorage(directory, fakeClock(start + 2 * minute), log)
  onTestFinished(() => storage.close())
  expect(log.lines).toEqual([])
  return storage
}

test('what waited in the outbox still waits, in its order', async () => {
  const { outbox } = await opened()

  expect((await outbox.waiting(9, [])).map(({ seq, event }) => [seq, event.body])).toEqual([
    [2, anItem({ requestId: '502', requestedAt: start + 1_000 })],
    [3, anItem({ accountId: '9000', requestId: '9223372036854775807' })],
  ])
})

test('modules keep their counters, their request IDs and the lists that missed them', async () => {
  const { ledger } = await opened()

  expect(await ledger.read(aModule())).toMatchObject({
    module: aModule(),
    missing: 0,
    requestsTotal: 2,
    failuresInARow: 1,
    lastAttemptAt: start + 2_000,
    lastOutcome: 'error',
    lastFailure: failed().failure,
    lastAccepted: { requestId: '502', expiresAt: start + 601_000 },
    recent: [{ requestId: '501' }, { requestId: '502' }],
  })
  const barn = aModule({ syncModuleId: '9', name: 'Barn', serial: undefined, storage: undefined })
  expect(await ledger.read(barn)).toEqual({ ...newRecord(barn), missing: 1 })
  expect(await ledger.count()).toBe(3)
})

test('credentials stay, known account or not, and the forgotten stay forgotten', async () => {
  const { credentials } = await opened()

  const kept = await credentials.list()

  expect(kept.map((one) => ({ ...one, refreshToken: one.refreshToken.reveal() }))).toMatchObject([
    {
      key: 'environment-a1b2c3d4e5f60718',
      source: 'environment',
      fingerprint: 'a1b2c3d4e5f60718',
      accountId: '9000',
      region: 'e002',
      hardwareId: '5F0A2F6C-8D0C-4B3A-9E1D-000000009000',
      refusedAt: start,
      refusedFor: 'two_factor_required',
      refreshToken: 'made-up-9000',
    },
    { key: 'import-0197a100-0001', accountId: undefined, refreshToken: 'made-up-unknown' },
    { key: 'login-0197a100-0000', accountId: '8021', refreshedAt: start, refreshToken: 'made-up-8021' },
  ])
  expect(await credentials.forgotten()).toEqual(new Set(['login-0197a100-0002']))
})

test('limits follow their account, and stay with the key where that is not known', async () => {
  const { limits } = await opened()

  expect(await limits.breaker('8021')).toEqual({ failures: 2, openUntil: start + 60 * minute })
  expect(await limits.spent('8021')).toEqual({ day: 20_780, requests: 40, limit: 300 })
  expect(await limits.moduleCount('8021')).toBe(2)
  expect(await limits.spent('9000')).toEqual({ day: 20_780, requests: 7, limit: 200 })
  const unknown = { failures: 1, openUntil: start + 5 * minute }
  expect(await limits.breaker('import-0197a100-0001')).toEqual(unknown)
  expect(await limits.breaker('login-0197a100-0000')).toEqual(closedBreaker)
})

test('limits follow their account when a command opens the directory first', async () => {
  const { limits } = await openCredentials(copyOfFixture())

  expect(await limits.breaker('8021')).toEqual({ failures: 2, openUntil: start + 60 * minute })
})

test('starts follow their account, and stay with the key where that is not known', async () => {
  const directory = copyOfFixture()
  const { starts } = await opened(directory)

  expect(await starts.lastAt('8021')).toBe(start + minute)
  expect(await starts.lastAt('import-0197a100-0001')).toBe(start + minute)
  await starts.note('9000')
  const kept: unknown = JSON.parse(readFileSync(join(directory, 'starts.json'), 'utf8'))
  expect(Object.keys(Object(kept)).sort()).toEqual(['8021', '9000', 'import-0197a100-0001'])
})

test('pauses, the installation and the discovery prefix stay', async () => {
  const { pauses, installation, discoveryPrefix, lastRun } = await opened()

  expect(await pauses.isPaused(aModule({ syncModuleId: '9' }))).toBe(true)
  expect(await pauses.isPaused(aModule())).toBe(false)
  expect(installation).toEqual({
    installId: '297d422f',
    hardwareId: 'A0A1F15F-A121-481C-97F9-97E6429B5B51',
  })
  expect(await discoveryPrefix.prefix()).toBe('homeassistant')
  expect(lastRun.at).toBeUndefined()
})

test('a directory that was taken over is the same after another start', async () => {
  const directory = copyOfFixture()
  await (await opened(directory)).close()
  const names = readdirSync(join(directory, 'logins')).sort()

  const { outbox, limits } = await opened(directory)

  expect(await outbox.count()).toBe(2)
  expect(await limits.spent('8021')).toMatchObject({ requests: 40 })
  expect(readdirSync(join(directory, 'logins')).sort()).toEqual(names)
})

test('what waits in a damaged database of that version is recovered as well', async () => {
  const directory = copyOfFixture()
  const bare = new DatabaseSync(join(directory, 'state.db'))
  bare.exec('DROP TABLE modules')
  bare.close()

  const storage = await openStorage(directory, fakeClock(), readableLog())
  onTestFinished(() => storage.close())

  expect((await storage.outbox.waiting(9, [])).map(({ seq, event }) => [seq, event.body.requestId])).toEqual([
    [2, '502'],
    [3, '9223372036854775807'],
  ])
})
