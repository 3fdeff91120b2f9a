/** The history of attempts in a database of an earlier version, in a damaged one, and its largest number. */
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { ModuleAttempt } from '../../../src/domain/attempt.ts'
import { openAttempts } from '../../../src/storage/attempts.ts'
import { opened, overwrite, stateFile } from '../../support/database-fixture.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, requested, start, temporaryDirectory } from '../../support/samples.ts'

const { accountId, networkId, syncModuleId } = aModule()
const module = { accountId, networkId, syncModuleId }
const accepted = { requestId: '501', expiresAt: start + 600_000, deliveredAt: start + 7 }
const attempt = (at: number) => ({ at, outcome: 'requested' as const, latencyMs: 3, accepted })
const attempts = (count: number): readonly ModuleAttempt[] =>
  Array.from({ length: count }, (_, index) => ({ module, ...attempt(start + index) }))

test('a database of the version before has no attempts, and takes some', async () => {
  const directory = temporaryDirectory()
  const before = opened(directory)
  await before.ledger.record(requested())
  await before.database.close()
  const bare = new DatabaseSync(stateFile(directory))
  bare.exec('DROP TABLE attempt; PRAGMA user_version = 5')
  bare.close()

  const { database, outbox, log } = opened(directory)
  const history = openAttempts(database, fakeClock())
  expect(await history.of(module, 0)).toEqual([])
  await history.record(attempts(1), [])

  expect(await history.of(module, 0)).toEqual([attempt(start)])
  expect(await outbox.count()).toBe(1)
  expect(log.lines).toEqual([])
})

test('attempts of a damaged database that can be read are kept', async () => {
  const directory = temporaryDirectory()
  const before = opened(directory)
  await openAttempts(before.database, fakeClock()).record(attempts(3), [])
  before.database.sql.exec(`UPDATE attempt SET outcome = 'nonsense' WHERE at = ${start + 1}`)
  await before.database.close()
  const bare = new DatabaseSync(stateFile(directory))
  const root = bare.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'modules'").get()?.rootpage
  bare.close()
  overwrite(stateFile(directory), (Number(root) - 1) * 4096, Buffer.alloc(4096, 0xa5))

  const { database, log } = opened(directory)

  expect(log.lines).toMatchObject([{ message: 'database was damaged: quarantined and recovered' }])
  const kept = await openAttempts(database, fakeClock()).of(module, 0)
  expect(kept).toEqual([attempt(start), attempt(start + 2)])
})

test('an attempt that cannot be read is left out, and no reason to recover the file', async () => {
  const { database, log } = opened()
  const history = openAttempts(database, fakeClock())
  await history.record(attempts(2), [])
  database.sql.exec(`UPDATE attempt SET request_id = 'x' WHERE at = ${start}`)

  expect(await history.of(module, 0)).toEqual([attempt(start + 1)])
  expect(log.lines).toEqual([])
})

test('beyond the largest number the oldest attempts go', async () => {
  const { database } = opened()
  const history = openAttempts(database, fakeClock(), 10)

  await history.record(attempts(14), [])

  expect((await history.of(module, 0)).map(({ at }) => at - start)).toEqual([
    4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
  ])
})
