/**
 * What the daemon keeps on disk, opened in the order in which it can be refused: directory, lock, identity.
 */
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'
import { type Logins, openLogins } from './credentials.ts'
import { type Database, openDatabase } from './database.ts'
import { openReserve } from './disk-reserve.ts'
import { type Install, openInstall } from './installation.ts'
import { type Items, openItems } from './items.ts'
import { openLastRun, type StoredRun } from './last-run.ts'
import { openLedger, type StoredLedger } from './ledger.ts'
import { openOutbox, type StoredOutbox } from './outbox.ts'
import { openPauses, type Pauses } from './pauses.ts'
import { openStarts, type Starts } from './start-throttle.ts'
import { makeDirectory, sweepDrafts } from './state-files.ts'

export interface Stores {
  readonly database: Database
  readonly items: Items
  readonly outbox: StoredOutbox
  readonly ledger: StoredLedger
  readonly logins: Logins
  readonly pauses: Pauses
  readonly install: Install
  readonly starts: Starts
  readonly lastRun: StoredRun
}

/**
 * Opens everything below the data directory and locks it. A damaged database is set aside and told of.
 *
 * @throws AlreadyRunning when another daemon holds it
 * @throws StoreFailed when a file or the directory cannot be made, read or written, or a file is not what we wrote
 */
export async function openStores(dataDir: string, clock: Clock, log: Log): Promise<Stores> {
  await makeDirectory(dataDir)
  const reserve = openReserve(dataDir, clock)
  await reserve.hold()
  const database = openDatabase(dataDir, { now: () => clock.now(), log, reserve })
  try {
    const outbox = openOutbox(database)
    const items = openItems(database)
    const ledger = openLedger(database, items, outbox)
    const install = await openInstall(dataDir, clock)
    const logins = await openLogins(dataDir)
    for (const directory of [dataDir, logins.directory]) await sweepDrafts(directory, clock.now())
    const pauses = await openPauses(logins.directory)
    const starts = await openStarts(dataDir, clock)
    const lastRun = await openLastRun(dataDir)
    return { database, items, outbox, ledger, logins, pauses, install, starts, lastRun }
  } catch (error) {
    await database.close()
    throw error
  }
}
