/**
 * What the daemon keeps on disk, opened in the order in which it can be refused: directory, lock, identity.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import { type Logins, openLogins } from './credentials.ts'
import { type Database, openDatabase } from './database.ts'
import { openReserve } from './disk-reserve.ts'
import { modeOf, placeOf } from './file-trouble.ts'
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
  /**
   * Makes the database's file again when somebody has removed it.
   *
   * @throws StoreFailed when it, or a directory, was removed or replaced, so that what we keep would be kept nowhere
   */
  inPlace(): void
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
    const inPlace = inPlaceOf([dataDir, logins.directory], database)
    for (const directory of [dataDir, logins.directory]) warnWhenOpen(directory, log)
    return { inPlace, database, items, outbox, ledger, logins, pauses, install, starts, lastRun }
  } catch (error) {
    await database.close()
    throw error
  }
}

function inPlaceOf(directories: readonly string[], database: Database): () => void {
  const places = directories.map((path) => ({ path, place: placeOf(path) }))
  return () => {
    for (const { path, place } of places) {
      const found = placeOf(path)
      if (found === place) continue
      const what = found === undefined ? 'removed' : 'replaced by another one'
      throw new StoreFailed(`the directory ${path} was ${what} while it was in use`, {
        remedy: 'Is the disk still mounted? Put the directory back, and start again.',
      })
    }
    database.keepPlace()
  }
}

/** Whoever may write there may take over each login. Groups are left alone: containers are given theirs. */
function warnWhenOpen(directory: string, log: Log): void {
  const mode = modeOf(directory)
  if (!(mode & 0o002)) return
  const fields = { directory, mode: mode.toString(8), remedy: `chmod o-w ${directory}` }
  log.warn(fields, 'directory can be written by every user of this machine')
}

/** How often it is looked whether all is still in its place. */
const lookEveryMs = 20_000

/** Looks until `signal` is aborted. @throws StoreFailed when something is gone that cannot be made again */
export async function keepInPlace(
  stores: Pick<Stores, 'inPlace'>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    stores.inPlace()
    await clock.sleep(lookEveryMs, signal).catch(() => undefined)
  }
}
