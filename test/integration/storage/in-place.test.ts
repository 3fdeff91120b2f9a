/** What is kept on disk is removed, replaced or open to all while the daemon uses it. */
import { chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { StoreFailed } from '../../../src/domain/errors.ts'
import { keepInPlace, openStores } from '../../../src/storage/open.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, anItem, readableLog, requested, temporaryDirectory } from '../../support/samples.ts'

async function opened() {
  const dataDir = join(temporaryDirectory(), 'data')
  const log = readableLog()
  const stores = await openStores(dataDir, systemClock, log)
  onTestFinished(() => stores.database.close())
  await stores.ledger.seen('8021', [aModule()])
  await stores.ledger.record(requested(anItem({ requestId: '501', expiresAt: Date.now() + 600_000 })))
  return { ...stores, stores, log, dataDir }
}

const waitingIn = async (dataDir: string) => {
  const stores = await openStores(dataDir, systemClock, readableLog())
  try {
    return stores.outbox.waiting(9, []).map(({ item }) => item.requestId)
  } finally {
    await stores.database.close()
  }
}

test('nothing is done while all is in its place', async () => {
  const { inPlace, log, ledger } = await opened()

  for (const requestId of ['502', '503']) {
    inPlace()
    await ledger.record(requested(anItem({ requestId })))
  }

  expect(log.lines).toEqual([])
})

test.each([
  [['state.db']],
  [['state.db-wal']],
  [['state.db', 'state.db-wal', 'state.db-shm']],
])('a database of which %j was removed is written anew with all that was in it', async (names) => {
  const { inPlace, log, ledger, dataDir, database } = await opened()
  inPlace()
  for (const name of names) rmSync(join(dataDir, name), { force: true })

  inPlace()
  await ledger.record(requested(anItem({ requestId: '502', expiresAt: Date.now() + 600_000 })))

  expect(log.lines).toMatchObject([{ level: 'error', message: 'database was removed: written anew' }])
  expect(ledger.modulesOf('8021')).toEqual([aModule()])
  inPlace()
  expect(log.lines).toHaveLength(1)
  await database.close()
  expect(await waitingIn(dataDir)).toEqual(['501', '502'])
})

test('a database that was replaced ends the work with a sentence', async () => {
  const { inPlace, dataDir } = await opened()
  const path = join(dataDir, 'state.db')
  cpSync(path, `${path}.backup`)
  renameSync(`${path}.backup`, path)

  expect(inPlace).toThrow('was replaced by another file while it was in use')
})

test.each([
  ['removed', (path: string) => rmSync(path, { recursive: true }), 'was removed while it was in use'],
  [
    'replaced',
    (path: string) => {
      renameSync(path, `${path}.old`)
      mkdirSync(path)
    },
    'was replaced by another one',
  ],
])('a directory that was %s ends the work with a sentence within a minute', async (_, change, said) => {
  for (const name of ['.', 'logins']) {
    const { stores, dataDir } = await opened()
    const clock = fakeClock()
    const over = new AbortController()
    const ended = keepInPlace(stores, clock, over.signal).catch((error: unknown) => error)
    change(join(dataDir, name))

    await clock.advance(60_000)

    const error = await Promise.race([ended, Promise.resolve('still at work')])
    expect(error).toBeInstanceOf(StoreFailed)
    expect(String(error)).toContain(said)
    expect(existsSync(join(dataDir, 'state.db'))).toBe(name === 'logins')
  }
})

test('directories that every user may write are warned of', async () => {
  const dataDir = temporaryDirectory()
  const logins = join(dataDir, 'logins')
  mkdirSync(logins)
  chmodSync(dataDir, 0o777)
  chmodSync(logins, 0o775)
  const log = readableLog()

  const stores = await openStores(dataDir, systemClock, log)
  onTestFinished(() => stores.database.close())

  expect(log.lines).toEqual([
    {
      level: 'warn',
      message: 'directory can be written by every user of this machine',
      fields: { directory: dataDir, mode: '777', remedy: `chmod o-w ${dataDir}` },
    },
  ])
})
