/** What is kept on disk is removed, replaced or open to all while the daemon uses it. */
import { chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { StoreFailed } from '../../../src/domain/errors.ts'
import type { Log } from '../../../src/domain/ports.ts'
import { openStorage } from '../../../src/storage/open.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { aModule, anItem, readableLog, requested, temporaryDirectory } from '../../support/samples.ts'

async function openedIn(dataDir: string, log: Log = readableLog()) {
  const clock = fakeClock()
  const storage = await openStorage(dataDir, clock, log)
  onTestFinished(() => storage.close())
  return { storage, clock }
}

/** Storage with one work item in it, which is watched. */
async function watched() {
  const dataDir = join(temporaryDirectory(), 'data')
  const log = readableLog()
  const { storage, clock } = await openedIn(dataDir, log)
  await storage.ledger.seen('8021', [aModule()])
  await storage.ledger.record(requested(anItem({ requestId: '501' })))
  const stopping = new AbortController()
  onTestFinished(() => stopping.abort(new Error('over')))
  const ended = storage.watch(stopping.signal).catch((error: unknown) => error)
  const check = () => clock.advance(20_000)
  return { storage, clock, log, dataDir, ended, check }
}

const waitingIn = async (dataDir: string) => {
  const { storage } = await openedIn(dataDir)
  return (await storage.outbox.waiting(9, [])).map(({ event }) => event.body.requestId)
}

test('nothing is done while all is in its place', async () => {
  const { check, log, storage } = await watched()

  for (const requestId of ['502', '503']) {
    await check()
    await storage.ledger.record(requested(anItem({ requestId })))
  }

  expect(log.lines).toEqual([])
})

test.each([
  [['state.db']],
  [['state.db-wal']],
  [['state.db', 'state.db-wal', 'state.db-shm']],
])('a database of which %j was removed is written anew with all in it', async (names) => {
  const { check, log, storage, dataDir } = await watched()
  await check()
  for (const name of names) rmSync(join(dataDir, name), { force: true })

  await check()
  await storage.ledger.record(requested(anItem({ requestId: '502' })))

  expect(log.lines).toMatchObject([{ level: 'error', message: 'database was removed: written anew' }])
  expect(await storage.ledger.modulesOf('8021')).toEqual([aModule()])
  await check()
  expect(log.lines).toHaveLength(1)
  await storage.close()
  expect(await waitingIn(dataDir)).toEqual(['501', '502'])
})

test('a removed database that cannot be written anew ends the work', async () => {
  const { check, ended, storage, dataDir } = await watched()
  rmSync(join(dataDir, 'state.db'))
  mkdirSync(join(dataDir, 'state.db.recovered'))

  await check()

  expect(await ended).toBeInstanceOf(StoreFailed)
  expect(await storage.outbox.count()).toBe(1)
})

test('a database that was replaced ends the work with a sentence', async () => {
  const { check, ended, dataDir } = await watched()
  const path = join(dataDir, 'state.db')
  cpSync(path, `${path}.backup`)
  renameSync(`${path}.backup`, path)

  await check()

  expect(String(await ended)).toContain('was replaced by another file while it was in use')
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
])('a directory that was %s ends the work with a sentence', async (_, change, sentence) => {
  for (const name of ['.', 'logins']) {
    const { check, ended, dataDir } = await watched()
    change(join(dataDir, name))

    await check()

    const error = await Promise.race([ended, Promise.resolve('still at work')])
    expect(error).toBeInstanceOf(StoreFailed)
    expect(String(error)).toContain(sentence)
    expect(existsSync(join(dataDir, 'state.db'))).toBe(name === 'logins')
  }
})

test('a directory that every user may write to is logged with a remedy', async () => {
  const dataDir = temporaryDirectory()
  const logins = join(dataDir, 'logins')
  mkdirSync(logins)
  chmodSync(dataDir, 0o777)
  chmodSync(logins, 0o775)
  const log = readableLog()

  await openedIn(dataDir, log)

  expect(log.lines).toEqual([
    {
      level: 'warn',
      message: 'directory can be written by every user of this machine',
      fields: { directory: dataDir, mode: '777', remedy: `chmod o-w ${dataDir}` },
    },
  ])
})
