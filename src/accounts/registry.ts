/**
 * The active accounts of this process, which come and go with their credentials.
 *
 * Credentials become active when their account is known. A token line need not name it; then the cloud is asked
 * first, at each run until it has answered.
 */
import { parseTokenLines } from '../blink/credentials-file.ts'
import { createHttp } from '../blink/http.ts'
import type { Settings } from '../config/settings.ts'
import type { Clock } from '../domain/clock.ts'
import { DaemonError } from '../domain/errors.ts'
import { accountStatusOf, explain } from '../domain/failure.ts'
import type { AccountStatus, BlinkId, Credentials, Failure } from '../domain/model.ts'
import type { Log, Observer } from '../domain/ports.ts'
import {
  type Account,
  type AccountCredentials,
  type AccountNeeds,
  type Connection,
  connect,
  type Limits,
  openAccount,
  openLimits,
} from './account.ts'
import { keyedByAccount, replaceOlder, takeOver } from './credentials.ts'
import { createModuleLock } from './module-lock.ts'

export interface RegistryNeeds {
  readonly settings: Pick<Settings, 'blink' | 'proxies'>
  /** For the plan of the request budget. */
  readonly runsPerDay: number
  readonly storage: AccountNeeds['storage']
  readonly observer: Required<Observer>
  readonly clock: Clock
  readonly log: Log
}

/** How the credentials on disk differ from those in use. */
export interface CredentialChanges {
  readonly added: readonly Credentials[]
  /** Keys. */
  readonly removed: readonly string[]
}

/** Credentials in use: as they are in memory, and as this process last wrote them. */
export interface InUse {
  readonly credentials: Credentials
  readonly kept: Credentials
}

/** Credentials whose account could not be learned. */
export interface Unidentified {
  readonly key: string
  readonly status: AccountStatus
  readonly failure: Failure
}

export interface AccountRegistry {
  /** All active accounts, in the order in which they came. */
  readonly accounts: readonly Account[]
  get(accountId: BlinkId): Account | undefined
  /** Whether the account of all credentials is known. */
  readonly allIdentified: boolean
  /** How many credentials there are, those without a known account included. */
  readonly size: number
  /** Asks the cloud for the account of those credentials that do not name it, as far as `may` permits it now. */
  identify(signal: AbortSignal, may?: (key: string) => Promise<boolean>): Promise<readonly Unidentified[]>
  /** Takes over changed credentials; returns the accounts that are new or have new credentials. */
  apply(changes: CredentialChanges): Promise<readonly Account[]>
  inUse(): readonly InUse[]
  /** Waits a moment for requests in flight, then ends them; a rotated token that came with one is still kept. */
  close(): Promise<void>
}

const closeGraceMs = 1_000

/**
 * Opens the accounts of all credentials on disk and in the environment, whose token lines must have been found right
 * when the settings were loaded; requests nothing.
 *
 * @throws StoreFailed when credentials cannot be read or kept
 */
export async function openRegistry(needs: RegistryNeeds): Promise<AccountRegistry> {
  const { settings, storage, clock, log } = needs
  const { blink, proxies } = settings
  const lines = parseTokenLines(blink.tokens?.reveal() ?? '')
  for (const note of lines.notes) log.warn({ detail: note }, 'blink.tokens')
  const credentials = await takeOver(storage.credentials, lines.logins, log)
  const { timeoutSeconds, concurrency } = blink
  const http = createHttp({
    clock,
    timeoutMs: timeoutSeconds * 1000,
    concurrency,
    proxies,
    onCall: (call) => log.debug(call, 'request finished'),
  })
  const registry = new Registry({ ...needs, http, blink, moduleLock: createModuleLock() })
  await registry.apply({ added: credentials, removed: [] })
  return registry
}

interface SharedNeeds extends AccountNeeds {
  readonly observer: Required<Observer>
}

interface Candidate extends Connection {
  readonly limits: Limits
}

class Registry implements AccountRegistry {
  readonly #needs: SharedNeeds
  readonly #accounts = new Map<BlinkId, Account>()
  readonly #unidentified = new Map<string, Candidate>()

  constructor(needs: SharedNeeds) {
    this.#needs = needs
  }

  get accounts(): readonly Account[] {
    return [...this.#accounts.values()]
  }

  get(accountId: BlinkId): Account | undefined {
    return this.#accounts.get(accountId)
  }

  get allIdentified(): boolean {
    return this.#unidentified.size === 0
  }

  get size(): number {
    return this.#accounts.size + this.#unidentified.size
  }

  async identify(
    signal: AbortSignal,
    may = (_key: string) => Promise.resolve(true),
  ): Promise<readonly Unidentified[]> {
    const failed = await Promise.all(
      [...this.#unidentified].map(async ([key, candidate]) =>
        (await may(key)) ? this.#identifyOne(key, candidate, signal) : undefined,
      ),
    )
    return failed.filter((one) => one !== undefined)
  }

  async apply({ added, removed }: CredentialChanges): Promise<readonly Account[]> {
    const { observer, log } = this.#needs
    const changed: Account[] = []
    for (const credentials of added) {
      if (isIdentified(credentials)) changed.push(await this.#activate(credentials))
      else this.#unidentified.set(credentials.key, await this.#candidate(credentials))
    }
    const replaced = new Set(added.map(({ key }) => key))
    for (const key of removed) {
      if (replaced.has(key)) continue
      this.#unidentified.delete(key)
      const account = this.accounts.find(({ session }) => session.credentials.key === key)
      if (!account) continue
      account.remove()
      this.#accounts.delete(account.accountId)
      log.info({ account_id: account.accountId }, 'account removed')
      observer.accountRemoved(account.accountId)
    }
    return changed
  }

  inUse(): readonly InUse[] {
    return [...this.#accounts.values(), ...this.#unidentified.values()].map(({ session }) => session)
  }

  async close(): Promise<void> {
    await this.#needs.http.close({ graceMs: closeGraceMs })
    await Promise.all(this.accounts.map((account) => account.settled()))
    for (const { session, limits } of this.#unidentified.values()) {
      await session.settled()
      await limits.budget.close()
    }
  }

  async #candidate(credentials: Credentials): Promise<Candidate> {
    const limits = await openLimits(this.#needs, credentials.key)
    return { ...connect(this.#needs, credentials, limits), limits }
  }

  async #identifyOne(
    key: string,
    { cloud, session, limits }: Candidate,
    signal: AbortSignal,
  ): Promise<Unidentified | undefined> {
    const { storage, clock, log } = this.#needs
    try {
      const { accountId } = await cloud.identify(signal)
      // Given up in the meantime, by a person who knows better.
      if (!this.#unidentified.delete(key)) return undefined
      await limits.budget.close()
      await storage.limits.move(key, accountId)
      const credentials = keyedByAccount({ ...session.credentials, accountId })
      await storage.credentials.save(credentials)
      if (credentials.key !== key) await storage.credentials.forget(key)
      const all = await storage.credentials.list()
      await replaceOlder(storage.credentials, credentials, { all, log })
      await this.#activate(credentials)
      return undefined
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      return { key, status: accountStatusOf(error), failure: explain(error, clock.now()) }
    }
  }

  async #activate(credentials: AccountCredentials): Promise<Account> {
    const { observer, log } = this.#needs
    const known = this.#accounts.get(credentials.accountId)
    await known?.signIn(credentials)
    const account = known ?? (await openAccount(this.#needs, credentials))
    this.#accounts.set(account.accountId, account)
    log.info({ account_id: account.accountId, credentials: credentials.key }, 'account added')
    observer.accountChanged(account.snapshot)
    return account
  }
}

function isIdentified(credentials: Credentials): credentials is AccountCredentials {
  return credentials.accountId !== undefined
}
