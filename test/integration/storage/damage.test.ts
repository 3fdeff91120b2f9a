/** A database that is damaged: at the start and in the middle of the work, and what is saved of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { DaemonError } from '../../../src/domain/errors.ts'
import { openDatabase } from '../../../src/storage/database.ts'
import type { openOutbox } from '../../../src/storage/outbox.ts'
import {
  asides,
  cutOff,
  filled,
  item,
  logFile,
  opened,
  overwrite,
  sizeOf,
  stateFile,
} from '../../support/damaged.ts'
import { aModule, anItem, requested, start } from '../../support/samples.ts'

const page = 4096
const requestIds = (outbox: ReturnType<typeof openOutbox>) =>
  outbox.waiting(1_000, []).map(({ item: { requestId } }) => requestId)

test('a damaged database is quarantined, logged once, and a fresh one takes over', async () => {
  const directory = await filled(200)
  const before = readFileSync(stateFile(directory))
  overwrite(stateFile(directory), 0, Buffer.alloc(page, 0xa5))

  const { outbox, ledger, log } = opened(directory)

  expect(outbox.count()).toBe(0)
  await ledger.record(requested())
  expect(outbox.count()).toBe(1)
  expect(asides(directory)).toEqual(['state.db.damaged-2026-11-23T09-00-00.000Z'])
  expect(sizeOf(`${stateFile(directory)}.damaged-2026-11-23T09-00-00.000Z`)).toBe(before.length)
  expect(log.lines).toEqual([
    {
      level: 'error',
      message: 'database was damaged: set aside, and started fresh',
      fields: expect.objectContaining({
        set_aside: expect.any(String),
        remedy: expect.any(String),
      }) as unknown,
    },
  ])
})

test('what can be read of a damaged database is kept: ids, order, event ids, counters', async () => {
  const directory = await filled(500)
  // A page in the middle, where the items are.
  overwrite(stateFile(directory), 60 * page, Buffer.alloc(page, 0xa5))

  const { outbox, ledger } = opened(directory)

  const waiting = outbox.waiting(1_000, [])
  expect(waiting.length).toBeGreaterThan(400)
  const numbers = waiting.map((row) => Number(row.item.requestId) - 670_000_000)
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  expect(waiting.map((row) => row.item)).toEqual(numbers.map(item))
  expect(ledger.count()).toBeGreaterThan(0)
})

test('numbers of lost items are not given again: somebody may still hold one', async () => {
  const directory = await filled(20)
  const { database, outbox, ledger } = opened(directory)
  overwrite(stateFile(directory), 0, Buffer.alloc(sizeOf(stateFile(directory)), 0xa5))
  database.sql.exec('PRAGMA shrink_memory')

  await ledger.record(requested())

  expect(outbox.waiting(1, [])[0]?.seq).toBeGreaterThan(20)
})

test('where the list of what waits cannot be read, all live items are delivered again', async () => {
  const directory = await filled(20)
  const bare = new DatabaseSync(stateFile(directory))
  bare.exec('DELETE FROM outbox WHERE seq > 5')
  const root = Number(
    bare.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'").get()?.rootpage,
  )
  bare.close()
  overwrite(stateFile(directory), (root - 1) * page, Buffer.alloc(page, 0xa5))

  expect(opened(directory).outbox.count()).toBe(20)
})

test('what was acknowledged before the damage is not delivered again', async () => {
  const directory = await filled(20)
  const bare = new DatabaseSync(stateFile(directory))
  bare.exec('DELETE FROM outbox WHERE seq > 5')
  const root = Number(
    bare.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'modules'").get()?.rootpage,
  )
  bare.close()
  overwrite(stateFile(directory), (root - 1) * page, Buffer.alloc(page, 0xa5))

  expect(opened(directory).outbox.count()).toBe(5)
})

test('a file that is no database is quarantined, and one emptied beside its log', async () => {
  const noDatabase = await filled(0)
  writeFileSync(stateFile(noDatabase), 'no database at all'.repeat(1_000))
  const emptied = await filled(20, { killed: true })
  expect(sizeOf(logFile(emptied))).toBeGreaterThan(0)
  cutOff(stateFile(emptied), 0)

  for (const directory of [noDatabase, emptied]) {
    expect(opened(directory).outbox.count()).toBe(0)
    expect(asides(directory).length).toBeGreaterThan(0)
  }
})

test('a flipped bit in a work item is met when it is read, and costs that item only', async () => {
  const directory = await filled(20)
  const bare = new DatabaseSync(stateFile(directory))
  bare.exec(`UPDATE items SET item = replace(item, '"requestId"', '"sequestId"') WHERE seq = 8`)
  bare.close()

  const { outbox } = opened(directory)

  expect(requestIds(outbox)).toEqual(
    Array.from({ length: 20 }, (_, index) => String(670_000_000 + index)).filter((id) => id !== '670000007'),
  )
  expect(asides(directory)).toHaveLength(1)
})

test('damage met in the middle of the work is mended there, and the work is done', async () => {
  const directory = await filled(500)
  const { database, outbox, ledger, log } = opened(directory)
  // As a failing disk does it, under the hands of the running program.
  const pages = Math.floor(sizeOf(stateFile(directory)) / page)
  overwrite(stateFile(directory), page, Buffer.alloc((pages - 1) * page, 0xa5))
  database.sql.exec('PRAGMA shrink_memory')

  await ledger.record(requested(anItem({ requestId: '901' })))

  expect(requestIds(outbox)).toContain('901')
  expect(ledger.read(aModule())).toMatchObject({ requestsTotal: 1 })
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  expect(asides(directory).length).toBeGreaterThan(0)
})

test('those who only read meet damage without an error as well', async () => {
  const directory = await filled(500)
  const { database, outbox, ledger } = opened(directory)
  overwrite(stateFile(directory), page, Buffer.alloc(sizeOf(stateFile(directory)) - page, 0xa5))
  database.sql.exec('PRAGMA shrink_memory')

  expect(ledger.keys()).toEqual([])
  expect(ledger.modulesOf('8021')).toEqual([])
  expect(outbox.waiting(16, [])).toEqual([])
  expect(await outbox.dropExpired(start, [])).toBe(0)
})

test('damaged again and again, only the newest files are kept', async () => {
  const directory = await filled(20)
  for (let day = 0; day < 6; day++) {
    overwrite(stateFile(directory), 0, Buffer.alloc(page, 0xa5))
    const now = () => start + day * 86_400_000
    await openDatabase(directory, { now, log: opened(await filled(0)).log }).close()
  }

  expect(asides(directory).map((name) => name.slice(17, 27))).toEqual([
    '2026-11-26',
    '2026-11-27',
    '2026-11-28',
  ])
})

test('without a recovery, damage is an error with a remedy, and the file stays', async () => {
  const directory = await filled(20)
  overwrite(stateFile(directory), 0, Buffer.alloc(page, 0xa5))

  expect(() => openDatabase(directory)).toThrow(DaemonError)
  expect(asides(directory)).toEqual([])
})
