/**
 * What commands and sign-ins need of the accounts, wherever the settings have it kept. Works beside running daemons:
 * it takes no lock, and holds no account.
 */
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import type { StoreReport } from '../domain/diagnostics.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { CredentialStore, Installation, LimitStore, Log } from '../domain/ports.ts'
import { type ModuleClips, readClips } from '../storage/clip-snapshot.ts'
import { openCredentials } from '../storage/credentials.ts'
import { readCopy } from '../storage/database-copy.ts'
import { refuseMoved } from '../storage/moved.ts'
import { openInstallation } from '../storage/notes.ts'
import { openPending, type PendingSignIns } from '../storage/pending-sign-in.ts'
import { reportOf } from '../storage/report.ts'
import { makeDirectory } from '../storage/state-files.ts'

/** Each throws StoreFailed. */
export interface AccountStore extends AsyncDisposable {
  /** For sentences: the data directory, or the database without its password. */
  readonly place: string
  accounts(): Promise<{ readonly credentials: CredentialStore; readonly limits: LimitStore }>
  /** Made where there is none yet. */
  installation(): Promise<Installation>
  /** The sign-in under way. */
  readonly pending: PendingSignIns
  /** What is known of clips, in the order of the modules' ids. */
  moduleClips(): Promise<readonly ModuleClips[]>
  /** `undefined` where nothing was stored yet. */
  report(): Promise<StoreReport | undefined>
}

export interface StoreNeeds {
  readonly settings: Pick<Settings, 'dataDir' | 'store'>
  readonly clock: Clock
  /** Absent where whatever goes wrong ends the command. */
  readonly log?: Log
}

/**
 * Opens the store of the settings.
 *
 * @throws StoreFailed when it cannot be used, or the data directory was moved
 */
export async function openStore(needs: StoreNeeds): Promise<AccountStore> {
  const shared = await openShared(needs)
  if (shared) return shared
  await refuseMoved(needs.settings.dataDir)
  return openDirectory(needs)
}

/** The same for a report of a fault, which may be that the directory was moved, or that the database is away. */
export async function openStoreAnyway(needs: StoreNeeds): Promise<AccountStore> {
  try {
    return (await openShared(needs)) ?? openDirectory(needs)
  } catch (error) {
    if (!(error instanceof StoreFailed)) throw error
    return { ...openDirectory(needs), report: () => Promise.reject(error) }
  }
}

const nobody: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  // What goes wrong is thrown as well.
}

async function openShared({ settings, clock, log = nobody }: StoreNeeds): Promise<AccountStore | undefined> {
  const { url, key, schema } = settings.store
  if (!url || !key) return undefined
  const { openPostgresStorage } = await import('../storage/postgres/open.ts')
  const storage = await openPostgresStorage({ url, key, schema, isInstance: false, clock, log })
  const { place, credentials, limits, installation, pending, moduleClips, report } = storage
  return {
    ...{ place, pending, moduleClips, report },
    accounts: async () => ({ credentials, limits }),
    installation: async () => installation,
    [Symbol.asyncDispose]: () => storage.close(),
  }
}

function openDirectory({ settings: { dataDir }, clock }: StoreNeeds): AccountStore {
  return {
    place: dataDir,
    async accounts() {
      const { credentials, limits } = await openCredentials(dataDir)
      const save: CredentialStore['save'] = async (one) => {
        // Moved while somebody was typing a code: here nobody would look for it.
        await refuseMoved(dataDir)
        await credentials.save(one)
      }
      return { credentials: { ...credentials, save }, limits }
    },
    async installation() {
      await makeDirectory(dataDir)
      return openInstallation(dataDir, clock)
    },
    pending: openPending(dataDir),
    moduleClips: () => readClips(dataDir),
    report: () => readCopy(dataDir, reportOf),
    async [Symbol.asyncDispose]() {
      // Nothing is open.
    },
  }
}
