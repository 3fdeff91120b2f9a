/**
 * Opens everything that the daemon keeps on disk, in the order in which it can be refused: directory, lock, identity.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Log, Observer, Storage } from '../domain/ports.ts'
import { openAttempts } from './attempts.ts'
import { openClipLedger } from './clips.ts'
import { openCredentials } from './credentials.ts'
import { type Database, openDatabase } from './database.ts'
import { openReserve } from './disk-reserve.ts'
import { openLedger } from './ledger.ts'
import { refuseMoved } from './moved.ts'
import { openDiscoveryPrefix, openInstallation, openLastRun, openPauses, openStartThrottle } from './notes.ts'
import { openOutbox } from './outbox.ts'
import { reportOf } from './report.ts'
import { fileIdOf, makeDirectory, modeOf, sweepDrafts } from './state-files.ts'

/**
 * Opens everything below the data directory and locks it. A damaged database is quarantined and recovered.
 *
 * @throws AlreadyRunning when another daemon holds it
 * @throws StoreFailed when a file or the directory cannot be made, read or written, a file is not what we wrote, or the
 *   directory was moved
 */
export async function openStorage(
  dataDir: string,
  clock: Clock,
  log: Log,
  observer: Pick<Observer, 'storeWritten'> = {},
): Promise<Storage> {
  await makeDirectory(dataDir)
  await refuseMoved(dataDir)
  const reserve = openReserve(dataDir, clock)
  reserve.hold()
  const database = openDatabase(dataDir, { log, reserve, clock, observer })
  try {
    const outbox = openOutbox(database)
    const { directory, credentials, limits } = await openCredentials(dataDir)
    for (const each of [dataDir, directory]) {
      await sweepDrafts(each, clock.now())
      warnWhenOpen(each, log)
    }
    return {
      outbox,
      credentials,
      limits,
      clips: openClipLedger(database, outbox),
      attempts: openAttempts(database, clock),
      ledger: openLedger(database, outbox, reserve),
      installation: await openInstallation(dataDir, clock),
      pauses: await openPauses(directory),
      starts: await openStartThrottle(dataDir, clock, credentials),
      lastRun: await openLastRun(dataDir),
      discoveryPrefix: openDiscoveryPrefix(dataDir),
      watch: (signal) => watchPlaces([dataDir, directory], database, { clock, signal }),
      report: async () => database.read(() => reportOf(database.sql)),
      close: () => database.close(),
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** How often it is checked whether everything is still in its place. */
const checkEveryMs = 20_000

async function watchPlaces(
  directories: readonly string[],
  database: Database,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const places = directories.map((path) => ({ path, id: fileIdOf(path) }))
  while (!signal.aborted) {
    for (const { path, id } of places) {
      const found = fileIdOf(path)
      if (found === id) continue
      const what = found === undefined ? 'removed' : 'replaced by another one'
      throw new StoreFailed(`the directory ${path} was ${what} while it was in use`, {
        remedy: 'Is the disk still mounted? Put the directory back, and start again.',
      })
    }
    database.keepInPlace()
    await clock.sleep(checkEveryMs, signal).catch(() => undefined)
  }
}

/** Whoever may write there may take over each account. Groups are left alone: containers are given theirs. */
function warnWhenOpen(directory: string, log: Log): void {
  const mode = modeOf(directory)
  if (!(mode & 0o002)) return
  const fields = { directory, mode: mode.toString(8), remedy: `chmod o-w ${directory}` }
  log.warn(fields, 'directory can be written by every user of this machine')
}
