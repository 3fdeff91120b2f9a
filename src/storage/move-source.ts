/**
 * A data directory as it is copied elsewhere: everything in it, with its database held, so that no daemon works on it
 * meanwhile.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type {
  CredentialStore,
  DiscoveryPrefix,
  Installation,
  LastRun,
  LimitStore,
  Log,
} from '../domain/ports.ts'
import type { Sql } from './connection.ts'
import { credentialsSuffix, limitNames, openCredentials } from './credentials.ts'
import { openDatabase } from './database.ts'
import { openDiscoveryPrefix, openInstallation, openLastRun, readPauses, readStarts } from './notes.ts'
import { openPending, type PendingSignIns } from './pending-sign-in.ts'

export interface MoveSource extends AsyncDisposable {
  readonly installation: Installation
  readonly credentials: CredentialStore
  readonly limits: LimitStore
  /** Whether the file of these credentials was damaged; else it is there, and only cannot be read. */
  readonly isQuarantined: (key: string) => boolean
  /** Under which names there are limits. */
  readonly limitNames: () => Promise<readonly string[]>
  /** Whether each scope with a rule is paused. */
  readonly pauses: () => Promise<Readonly<Record<string, boolean>>>
  /** When each account was last requested by a run at startup. */
  readonly starts: () => Promise<Readonly<Record<string, number>>>
  readonly lastRun: LastRun
  readonly discoveryPrefix: DiscoveryPrefix
  readonly pending: PendingSignIns
  readonly sql: Sql
}

/**
 * Opens a data directory and holds it.
 *
 * @throws AlreadyRunning when a daemon runs on it
 * @throws StoreFailed when there is nothing, or something cannot be read
 */
export async function openMoveSource(dataDir: string, clock: Clock, log: Log): Promise<MoveSource> {
  if (!existsSync(join(dataDir, 'install.json'))) {
    throw new StoreFailed(`there is nothing to move in ${dataDir}`, {
      remedy: 'Set dataDir to the directory of the daemon that ran until now.',
      isLasting: true,
    })
  }
  // A full disk is no hindrance to reading.
  const database = openDatabase(dataDir, { log, reserve: { spend: () => false }, clock })
  try {
    const { directory, credentials, limits } = await openCredentials(dataDir)
    return {
      ...{ credentials, limits, sql: database.sql },
      installation: await openInstallation(dataDir, clock),
      isQuarantined: (key) => !existsSync(join(directory, `${key}${credentialsSuffix}`)),
      limitNames: () => limitNames(directory),
      pauses: () => readPauses(directory),
      starts: () => readStarts(dataDir),
      lastRun: await openLastRun(dataDir),
      discoveryPrefix: openDiscoveryPrefix(dataDir),
      pending: openPending(dataDir),
      [Symbol.asyncDispose]: () => database.close(),
    }
  } catch (error) {
    await database.close()
    throw error
  }
}
