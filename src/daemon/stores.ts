/**
 * What the daemon keeps on disk, opened in the order in which it can be refused: directory, lock, identity.
 */
import type { Clock } from '../clock.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { makeDirectory, sweepDrafts } from '../store/files.ts'
import { type Install, openInstall } from '../store/install.ts'
import { openLedger, type StoredLedger } from '../store/ledger.ts'
import { type Logins, openLogins } from '../store/logins.ts'
import { openOutbox, type StoredOutbox } from '../store/outbox.ts'
import { openPauses, type Pauses } from '../store/pauses.ts'

export interface Stores {
  readonly database: Database
  readonly outbox: StoredOutbox
  readonly ledger: StoredLedger
  readonly logins: Logins
  readonly pauses: Pauses
  readonly install: Install
}

/**
 * Opens everything below the data directory and locks it.
 *
 * @throws AlreadyRunning when another daemon holds it
 * @throws StoreFailed when it cannot be made, read or written
 */
export async function openStores(dataDir: string, clock: Clock): Promise<Stores> {
  await makeDirectory(dataDir)
  const database = openDatabase(dataDir)
  try {
    const outbox = openOutbox(database)
    const ledger = openLedger(database, outbox)
    const install = await openInstall(dataDir, clock)
    const logins = await openLogins(dataDir)
    await sweepDrafts(dataDir)
    await sweepDrafts(logins.directory)
    const pauses = await openPauses(logins.directory)
    return { database, outbox, ledger, logins, pauses, install }
  } catch (error) {
    await database.close()
    throw error
  }
}
