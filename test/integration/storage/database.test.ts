/** The database file: locked, closed to others, written in groups that are on disk together or not at all. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { AlreadyRunning, type DaemonError, StoreFailed } from '../../../src/domain/errors.ts'
import type { Database } from '../../../src/storage/database.ts'
import { opened as openedWithTables } from '../../support/database-fixture.ts'
import { temporaryDirectory } from '../../support/samples.ts'

/** A database with a table of lines. */
function opened(directory?: string): Database {
  const { database } = openedWithTables(directory)
  database.sql.exec('CREATE TABLE IF NOT EXISTS lines (line TEXT)')
  return database
}

/** What opening throws. */
function refusal(directory: string): DaemonError {
  try {
    opened(directory)
  } catch (error) {
    if (error instanceof StoreFailed || error instanceof AlreadyRunning) return error
    throw error
  }
  return expect.fail('it was opened')
}

const add = (database: Database, line: string) =>
  database.write(() => {
    database.sql.prepare('INSERT INTO lines VALUES (?)').run(line)
  })
const linesIn = ({ sql }: Database) =>
  sql
    .prepare('SELECT line FROM lines ORDER BY rowid')
    .all()
    .map(({ line }) => line)

/** Lets the file grow by a few pages only, as a disk does that is nearly full. */
function nearlyFull({ sql }: Database): { makeRoom(): void } {
  const pages = Number(sql.prepare('PRAGMA page_count').get()?.page_count)
  sql.exec(`PRAGMA max_page_count = ${pages + 1}`)
  return { makeRoom: () => sql.exec('PRAGMA max_page_count = 1000000') }
}

test('what was written is there after closing and opening again', async () => {
  const directory = temporaryDirectory()
  const first = opened(directory)
  await add(first, 'a')
  await first.close()

  expect(linesIn(opened(directory))).toEqual(['a'])
})

test('a commit is notified with the time it took, one that failed is not', async () => {
  const took: number[] = []
  const { database } = openedWithTables(undefined, undefined, { storeWritten: (ms) => took.push(ms) })
  const fail = () => {
    throw new StoreFailed('refused')
  }

  await Promise.all([database.write(() => 1), database.write(() => 2)])
  await database.write(fail).catch(() => undefined)

  expect(took).toHaveLength(1)
  expect(took[0]).toBeGreaterThan(0)
})

test('only its owner can read the database and its log, whatever the umask', async () => {
  const before = process.umask(0)
  onTestFinished(() => void process.umask(before))
  const database = opened()
  await add(database, 'a')

  expect(statSync(database.path).mode & 0o777).toBe(0o600)
  expect(statSync(`${database.path}-wal`).mode & 0o777).toBe(0o600)
})

test('a database that others could read is closed to them when it is opened', async () => {
  const directory = temporaryDirectory()
  await opened(directory).close()
  chmodSync(join(directory, 'state.db'), 0o644)

  expect(statSync(opened(directory).path).mode & 0o777).toBe(0o600)
})

test('a second daemon on the same directory is refused with a remedy', async () => {
  const directory = temporaryDirectory()
  const first = opened(directory)

  const error = refusal(directory)

  expect(error).toBeInstanceOf(AlreadyRunning)
  expect(error.message).toContain(directory)
  expect(error.remedy).toContain('dataDir')
  await add(first, 'still works')
  expect(linesIn(first)).toEqual(['still works'])
})

test('a daemon in another process is refused, and not once the first has closed', async () => {
  const directory = temporaryDirectory()
  const source = new URL('../../../src/storage/database.ts', import.meta.url)
  const program = `
    import { openDatabase } from ${JSON.stringify(source.href)}
    try { openDatabase(${JSON.stringify(directory)}, { clock: { elapsed: () => 0 } }); console.log('opened') } catch (e) { console.log(e.name) }`
  const elsewhere = () =>
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).trim()
  const first = opened(directory)

  expect(elsewhere()).toBe('AlreadyRunning')
  await first.close()
  expect(elsewhere()).toBe('opened')
})

test('a database of a newer version is left alone, with a sentence that says so', async () => {
  const directory = temporaryDirectory()
  const first = opened(directory)
  await add(first, 'a')
  first.sql.exec('PRAGMA user_version = 99')
  await first.close()

  const error = refusal(directory)

  expect(error.message).toContain('newer version')
  expect(error.remedy).toBeDefined()
  // No start will make it older.
  expect(error).toMatchObject({ isLasting: true })
  const sql = new DatabaseSync(join(directory, 'state.db'))
  expect(sql.prepare('SELECT line FROM lines').all()).toHaveLength(1)
  sql.close()
})

test('a refused opening holds no lock', async () => {
  const directory = temporaryDirectory()
  const first = opened(directory)
  const version = Number(first.sql.prepare('PRAGMA user_version').get()?.user_version)
  first.sql.exec('PRAGMA user_version = 99')
  await first.close()
  refusal(directory)

  const sql = new DatabaseSync(join(directory, 'state.db'), { timeout: 0 })
  sql.exec(`PRAGMA user_version = ${version}`)
  sql.close()

  expect(linesIn(opened(directory))).toEqual([])
})

test('an empty file, as a crash at the first start leaves it, becomes a database', () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'state.db'), '')

  expect(linesIn(opened(directory))).toEqual([])
})

test('a directory that is not there is refused with a sentence', () => {
  const error = refusal(join(temporaryDirectory(), 'nowhere'))

  expect(error).toBeInstanceOf(StoreFailed)
  expect(error.message).toContain('cannot open')
})

test('writes of the same moment share a commit and are all kept', async () => {
  const database = opened()
  const numbers = Array.from({ length: 10_000 }, (_, index) => index)

  const answers = await Promise.all(numbers.map((number) => add(database, String(number)).then(() => number)))

  expect(answers).toEqual(numbers)
  expect(linesIn(database)).toEqual(numbers.map(String))
})

test('a write resolves with its result once it is on disk', async () => {
  const database = opened()
  let on = 'not yet'
  const writing = database.write(() => {
    database.sql.exec("INSERT INTO lines VALUES ('a')")
    on = database.sql.isTransaction ? 'in the transaction' : 'outside'
    return 42
  })
  expect(on).toBe('not yet')

  expect(await writing).toBe(42)
  expect(on).toBe('in the transaction')
  expect(database.sql.isTransaction).toBe(false)
})

test('a full disk is a failure with a remedy, and ends when there is room', async () => {
  const database = opened()
  const disk = nearlyFull(database)

  const failures = await Promise.allSettled([add(database, 'small'), add(database, 'x'.repeat(1_000_000))])

  for (const failure of failures) {
    expect(failure).toMatchObject({ status: 'rejected', reason: { code: 'store_failed' } })
    expect(failure).toHaveProperty('reason.remedy', 'The disk is full: make room.')
  }
  expect(linesIn(database)).toEqual([])

  disk.makeRoom()
  await add(database, 'x'.repeat(1_000_000))
  expect(linesIn(database)).toHaveLength(1)
})

test('a bug in a write is reported as a bug, keeps nothing, and the next write works', async () => {
  const database = opened()
  const bug = new TypeError('x is not a function')
  const writing = database.write(() => {
    database.sql.exec("INSERT INTO lines VALUES ('a')")
    throw bug
  })

  await expect(writing).rejects.toBe(bug)
  await add(database, 'b')
  expect(linesIn(database)).toEqual(['b'])
})

test('closing writes what waits, refuses what comes after, and may be done twice', async () => {
  const directory = temporaryDirectory()
  const database = opened(directory)
  const writing = add(database, 'a')

  await Promise.all([database.close(), database.close()])
  await writing

  await expect(add(database, 'b')).rejects.toThrow(StoreFailed)
  expect(existsSync(`${database.path}-wal`)).toBe(false)
  expect(linesIn(opened(directory))).toEqual(['a'])
})
