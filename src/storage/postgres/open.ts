/**
 * Opens everything that is kept in PostgreSQL, for an instance, or for a command that works beside them.
 */
import { once } from 'node:events'
import type { Clock } from '../../domain/clock.ts'
import type { SharedStorage } from '../../domain/fleet.ts'
import type { Log, Observer } from '../../domain/ports.ts'
import type { Secret } from '../../domain/secret.ts'
import type { ModuleClips } from '../clip-snapshot.ts'
import type { PendingSignIns } from '../pending-sign-in.ts'
import { openAccountWrites } from './account-writes.ts'
import { openAttempts } from './attempts.ts'
import { openCallerLimits } from './caller-limits.ts'
import { openChanges } from './changes.ts'
import { readClips } from './clip-snapshot.ts'
import { openClipLedger } from './clips.ts'
import { openCommands } from './commands.ts'
import { openCredentials } from './credentials.ts'
import type { Database } from './database.ts'
import { type Fences, openFences } from './fences.ts'
import { openLeases } from './leases.ts'
import { openLedger } from './ledger.ts'
import { openLimits } from './limits.ts'
import { openLogLevel } from './log-level.ts'
import { migrate } from './migrations.ts'
import { openModuleRows } from './module-rows.ts'
import { openNamedLeases } from './named-leases.ts'
import { openDiscoveryPrefix, openInstallation, openLastRun, openPauses, openStartThrottle } from './notes.ts'
import { openOutbox } from './outbox.ts'
import { openPending } from './pending.ts'
import { openDatabase } from './pool.ts'
import { runnerOf } from './queue.ts'
import { repeating } from './repeating.ts'
import { reportOf } from './report.ts'
import { openRuns } from './runs.ts'
import { createSeal } from './sealed.ts'
import { openWebSessions } from './web-sessions.ts'

export interface PostgresNeeds {
  /** Of the setting `store.url`. */
  readonly url: Secret
  /** Of the setting `store.key`. */
  readonly key: Secret
  readonly schema: string
  /** False for a command, which holds no account and may write of each. */
  readonly isInstance: boolean
  readonly clock: Clock
  readonly log: Log
  readonly observer?: Pick<Observer, 'storeWritten'>
}

/** With what commands need beside the ports. */
export interface PostgresStorage extends SharedStorage {
  /** For sentences: never with the password. */
  readonly place: string
  readonly pending: PendingSignIns
  /** What is known of clips, in the order of the modules' ids. */
  readonly moduleClips: () => Promise<readonly ModuleClips[]>
}

/**
 * Connects, makes the tables or brings them to this version, and opens everything.
 *
 * @throws StoreFailed when the server cannot be used, or a newer version has written the schema
 */
export async function openPostgresStorage(needs: PostgresNeeds): Promise<PostgresStorage> {
  const database = openDatabase(needs.url.reveal(), needs.schema)
  try {
    return (await openOn(database, needs)).storage
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Longer than a database is away for an update. */
const tokensRepeatedMs = 6 * 60_000

/** The same on a database that is connected; for tests, also what it holds. */
export async function openOn(
  database: Database,
  { key, isInstance, clock, log, observer }: Omit<PostgresNeeds, 'url' | 'schema'>,
): Promise<{ readonly storage: PostgresStorage; readonly fences: Fences }> {
  database.onTrouble((trouble) => {
    if (trouble) log.error({ detail: trouble.message, remedy: trouble.remedy }, 'database cannot be used')
    else log.info({ place: database.place }, 'database can be used again')
  })
  await migrate(database)
  await warnWhenForgetful(database, log)
  const owner = clock.uuid()
  const closing = new AbortController()
  const persist = repeating({ clock, closing: closing.signal, forMs: tokensRepeatedMs })
  const seal = createSeal(key, clock)
  const fences = openFences(database)
  const outbox = openOutbox(database, fences)
  const modules = openModuleRows(database, fences)
  const writes = openAccountWrites({ database, fences, modules, clock, observer, mayWait: outbox.mayWait })
  const { ledger, marks } = openLedger({ database, modules, writes, outbox })
  const { named, instances } = openNamedLeases(database, owner)
  const storage: PostgresStorage = {
    place: database.place,
    ...{ ledger, outbox, marks, named, instances },
    attempts: openAttempts(database, clock),
    clips: openClipLedger(database, { fences, outbox, isInstance }),
    commands: openCommands(database, clock),
    credentials: openCredentials(database, { fences, isInstance, seal, ...(isInstance && { persist }) }),
    discoveryPrefix: openDiscoveryPrefix(database),
    installation: await openInstallation(database, seal, clock),
    lastRun: await openLastRun(database),
    leases: openLeases({ database, fences, outbox, seal, owner }),
    limits: openLimits(database, { fences, isInstance }),
    pauses: openPauses(database, clock),
    pending: openPending(database, seal),
    moduleClips: () => readClips(database),
    queue: runnerOf(database),
    runs: openRuns(database),
    schema: database.schema,
    starts: openStartThrottle(database, clock),
    callers: openCallerLimits(database),
    sessions: openWebSessions(database),
    logLevel: openLogLevel(database),
    changesSince: openChanges(database),
    // A server that is away is waited for, however long it takes.
    async watch(signal) {
      if (!signal.aborted) await once(signal, 'abort')
    },
    report: () => reportOf(database),
    async close() {
      closing.abort(new Error('closed'))
      await writes.close()
      await database.close()
    },
  }
  return { storage, fences }
}

/** Everything here trusts that what was committed is kept. */
async function warnWhenForgetful({ query, place }: Database, log: Log): Promise<void> {
  const { rows } = await query('SHOW synchronous_commit')
  if (rows[0]?.synchronous_commit !== 'off') return
  const remedy = 'Set synchronous_commit to on for this database or its user.'
  log.warn({ place, remedy }, 'database may lose what it has confirmed')
}
