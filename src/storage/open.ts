/**
 * What the daemon keeps on disk, opened in the order in which it can be refused: directory, lock, identity.
 */
import type { Clock } from '../domain/clock.ts'
import { ConfigInvalid, StoreFailed } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import { type Logins, openLogins } from './credentials.ts'
import { type Database, openDatabase } from './database.ts'
import { openReserve } from './disk-reserve.ts'
import { type Install, openInstall } from './installation.ts'
import { type Items, openItems } from './items.ts'
import { openLedger, type StoredLedger } from './ledger.ts'
import { openOutbox, type StoredOutbox } from './outbox.ts'
import { openPauses, type Pauses } from './pauses.ts'
import { openStarts, type Starts } from './start-throttle.ts'
import { isUnusable, makeDirectory, sweepDrafts } from './state-files.ts'

export interface Stores {
  readonly database: Database
  readonly items: Items
  readonly outbox: StoredOutbox
  readonly ledger: StoredLedger
  readonly logins: Logins
  readonly pauses: Pauses
  readonly install: Install
  readonly starts: Starts
}

/**
 * Opens everything below the data directory and locks it. A damaged database is set aside and told of.
 *
 * @throws AlreadyRunning when another daemon holds it
 * @throws ConfigInvalid when the directory is one that cannot be made or written
 * @throws StoreFailed when the disk is full or fails, or a file is not what we wrote
 */
export async function openStores(dataDir: string, clock: Clock, log: Log): Promise<Stores> {
  await usable(() => makeDirectory(dataDir))
  const reserve = openReserve(dataDir, clock)
  await usable(() => reserve.hold())
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
    return { database, items, outbox, ledger, logins, pauses, install, starts }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** A directory that will not be writable tomorrow either is a matter of the settings. */
async function usable(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof StoreFailed) || !isUnusable(error)) throw error
    const { message, remedy, cause } = error
    const details = { cause, ...(remedy !== undefined && { remedy }) }
    throw new ConfigInvalid([{ place: 'dataDir', message }], details)
  }
}
