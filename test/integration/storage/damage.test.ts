/** A database that is damaged, at the start or while it is used, and what is recovered of it. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Outbox } from '../../../src/domain/ports.ts'
import {
  cutOff,
  filled,
  item,
  logFile,
  opened,
  overwrite,
  quarantined,
  sizeOf,
  stateFile,
} from '../../support/database-fixture.ts'
import { aModule, anItem, requested, start } from '../../support/samples.ts'

const page = 4096

const waitingIn = async (outbox: Outbox) => (await outbox.waiting(1_000, [])).map(({ event }) => event.body)
const idsIn = async (outbox: Outbox) => (await waitingIn(outbox)).map(({ requestId }) => requestId)

/** Overwrites the root pages of tables and indexes, and with them all of small ones; five items wait. */
function damage(directory: string, ...names: readonly string[]): void {
  const bare = new DatabaseSync(stateFile(directory))
  bare.exec('DELETE FROM outbox WHERE seq > 5')
  const rootOf = bare.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?')
  const roots = names.map((name) => Number(rootOf.get(name)?.rootpage))
  bare.close()
  for (const root of roots) overwrite(stateFile(directory), (root - 1) * page, Buffer.alloc(page, 0xa5))
}

test('a damaged database is quarantined, logged once, and replaced by a fresh one', async () => {
  const directory = await filled(200)
  const before = readFileSync(stateFile(directory))
  overwrite(stateFile(directory), 0, Buffer.alloc(page, 0xa5))

  const { outbox, ledger, log } = opened(directory)

  expect(await outbox.count()).toBe(0)
  await ledger.record(requested())
  expect(await outbox.count()).toBe(1)
  expect(quarantined(directory)).toEqual(['state.db.damaged'])
  expect(sizeOf(`${stateFile(directory)}.damaged`)).toBe(before.length)
  expect(log.lines).toEqual([
    {
      level: 'error',
      message: 'database was damaged: quarantined and recovered',
      fields: expect.objectContaining({
        quarantined: expect.any(String),
        remedy: expect.any(String),
      }) as unknown,
    },
  ])
})

test('what can be read is kept: ids, their order, event ids, counters', async () => {
  const directory = await filled(500)
  // A page in the middle, where the items are.
  overwrite(stateFile(directory), 60 * page, Buffer.alloc(page, 0xa5))

  const { outbox, ledger } = opened(directory)

  const waiting = await waitingIn(outbox)
  expect(waiting.length).toBeGreaterThan(400)
  const numbers = waiting.map(({ requestId }) => Number(requestId) - 670_000_000)
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  expect(waiting).toEqual(numbers.map(item))
  expect(await ledger.count()).toBeGreaterThan(0)
})

test('sequence numbers of lost items are not given out again', async () => {
  const directory = await filled(20)
  const { database, outbox, ledger } = opened(directory)
  overwrite(stateFile(directory), 0, Buffer.alloc(sizeOf(stateFile(directory)), 0xa5))
  database.sql.exec('PRAGMA shrink_memory')

  await ledger.record(requested())

  expect((await outbox.waiting(1, []))[0]?.seq).toBeGreaterThan(20)
})

test('where the outbox cannot be read, all live items are delivered again', async () => {
  const directory = await filled(20)
  damage(directory, 'outbox', 'outbox_by_kind')

  expect(await opened(directory).outbox.count()).toBe(20)
})

test.each([
  'modules',
  'outbox',
])('with a damaged table of %s, only what waited is delivered', async (name) => {
  const directory = await filled(20)
  damage(directory, name)

  expect(await opened(directory).outbox.count()).toBe(5)
})

test('a file that is no database is quarantined, and one emptied beside its log', async () => {
  const noDatabase = await filled(0)
  writeFileSync(stateFile(noDatabase), 'no database at all'.repeat(1_000))
  const emptied = await filled(20, { killed: true })
  expect(sizeOf(logFile(emptied))).toBeGreaterThan(0)
  cutOff(stateFile(emptied), 0)

  for (const directory of [noDatabase, emptied]) {
    expect(await opened(directory).outbox.count()).toBe(0)
    expect(quarantined(directory).length).toBeGreaterThan(0)
  }
})

test('a flipped bit in a work item is met when it is read, and costs that item only', async () => {
  const directory = await filled(20)
  const bare = new DatabaseSync(stateFile(directory))
  bare.exec(`UPDATE events SET body = replace(body, '"requestId"', '"sequestId"') WHERE seq = 8`)
  bare.close()

  const ids = await idsIn(opened(directory).outbox)

  const all = Array.from({ length: 20 }, (_, index) => String(670_000_000 + index))
  expect(ids).toEqual(all.filter((id) => id !== '670000007'))
  expect(quarantined(directory)).toEqual(['state.db.damaged'])
})

test('an event of an unknown kind is damage, and costs that event only', async () => {
  const directory = await filled(3)
  const { database, outbox } = opened(directory)
  database.sql.exec("UPDATE events SET kind = 'manifest_requestee' WHERE seq = 1")
  database.sql.exec("UPDATE outbox SET kind = 'manifest_requestee' WHERE seq = 2")

  expect(await idsIn(outbox)).toEqual(['670000001', '670000002'])
})

test('a write that meets damage is done on the recovered file', async () => {
  const directory = await filled(500)
  const { database, outbox, ledger, log } = opened(directory)
  // As a failing disk does it, under the hands of the running program.
  const pages = Math.floor(sizeOf(stateFile(directory)) / page)
  overwrite(stateFile(directory), page, Buffer.alloc((pages - 1) * page, 0xa5))
  database.sql.exec('PRAGMA shrink_memory')

  await ledger.record(requested(anItem({ requestId: '901' })))

  expect(await idsIn(outbox)).toContain('901')
  expect(await ledger.read(aModule())).toMatchObject({ requestsTotal: 1 })
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  expect(quarantined(directory).length).toBeGreaterThan(0)
})

test('a read that meets damage is done on the recovered file', async () => {
  const directory = await filled(500)
  const { database, outbox, ledger } = opened(directory)
  overwrite(stateFile(directory), page, Buffer.alloc(sizeOf(stateFile(directory)) - page, 0xa5))
  database.sql.exec('PRAGMA shrink_memory')

  expect(await ledger.keys()).toEqual([])
  expect(await ledger.modulesOf('8021')).toEqual([])
  expect(await outbox.waiting(16, [])).toEqual([])
  expect(await outbox.sweep(start, [])).toEqual(new Map())
})

test('only the newest damaged file is kept: we do not fill a failing disk', async () => {
  const directory = await filled(20)
  let last = 0
  for (let time = 0; time < 3; time++) {
    overwrite(stateFile(directory), 0, Buffer.alloc(page, 0xa5 + time))
    last = 0xa5 + time
    await opened(directory).database.close()
  }

  expect(quarantined(directory)).toEqual(['state.db.damaged'])
  expect(readFileSync(`${stateFile(directory)}.damaged`)[0]).toBe(last)
})

test('a recovery that a crash cut short between its renames is completed', async () => {
  const directory = await filled(20)
  renameSync(stateFile(directory), `${stateFile(directory)}.recovered`)
  expect(await opened(directory).outbox.count()).toBe(20)

  const another = await filled(5)
  copyFileSync(stateFile(directory), `${stateFile(another)}.recovered`)
  expect(await opened(another).outbox.count()).toBe(5)
})

test('a recovery that cannot be written is tried again later', async () => {
  const directory = await filled(20)
  const path = stateFile(directory)
  damage(directory, 'modules')
  const damaged = readFileSync(path)
  mkdirSync(`${path}.recovered`)

  expect(() => opened(directory)).toThrow(StoreFailed)
  expect(readFileSync(path)).toEqual(damaged)

  rmdirSync(`${path}.recovered`)
  expect(await opened(directory).outbox.count()).toBe(5)
})
