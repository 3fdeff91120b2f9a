/**
 * The active accounts of this process, which come and go with their credentials.
 *
 * Credentials become active when their account is known. A token line need not name it; then each run asks
 * the cloud first, until it has answered.
 */
import { parseTokenLines } from '../blink/credentials-file.ts'
import { createHttp } from '../blink/http.ts'
import type { Access, Session } from '../blink/session.ts'
import { runsPerDay } from '../config/cron.ts'
import type { Settings } from '../config/settings.ts'
import { DaemonError, StoreFailed } from '../domain/errors.ts'
import { accountStatusOf, needsPerson } from '../domain/failure.ts'
import type { LeasedAccount } from '../domain/fleet.ts'
import type { AccountStatus, BlinkId, Credentials } from '../domain/model.ts'
import type { Observer, Runtime } from '../domain/ports.ts'
import {
  type Account,
  type AccountCredentials,
  type AccountNeeds,
  type Connection,
  connect,
  type Limits,
  openAccount,
  openLimits,
  removeLimits,
} from './account.ts'
import { refreshIdle, watchCredentials } from './credential-watcher.ts'
import { bringsNews, keyedByAccount, settleIdentified, takeOver } from './credentials.ts'
import { createModuleLock } from './module-lock.ts'

export interface RegistryNeeds extends Pick<Runtime, 'clock' | 'log'> {
  readonly settings: Pick<Settings, 'blink' | 'clips' | 'proxies' | 'schedule'>
  readonly storage: AccountNeeds['storage']
  readonly observer: Required<Observer>
  /** Where accounts are shared with other instances: then they come by `take` alone. */
  readonly shared?: SharedAccounts | undefined
}

export interface SharedAccounts extends Pick<AccountNeeds, 'guard'> {
  /** Does work that one instance does at a time. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

/** How the credentials on disk differ from those in use. */
export interface CredentialChanges {
  readonly added: readonly Credentials[]
  /** Keys. */
  readonly removed: readonly string[]
}

/** Credentials in use: as they are in memory, and as this process last wrote them. */
export type InUse = Pick<Session, 'credentials' | 'kept'>

export interface AccountRegistry {
  /** All active accounts, in the order in which they came. */
  readonly accounts: readonly Account[]
  get(accountId: BlinkId): Account | undefined
  /** Keys of the credentials whose account is not known yet. */
  readonly unidentified: readonly string[]
  /** How many credentials there are, those without a known account included. */
  readonly size: number
  /**
   * Asks the cloud for the account of these credentials, once however many callers wait for it, and activates it.
   * Resolves with `undefined` when the credentials are gone, or gave way to others of their account.
   *
   * @throws the cloud's errors, and StoreFailed; each is logged as well, but not twice in a row
   */
  identify(key: string, signal: AbortSignal): Promise<Account | undefined>
  /** Takes over changed credentials; returns the accounts that are new or have new credentials. */
  apply(changes: CredentialChanges): Promise<readonly Account[]>
  inUse(): readonly InUse[]
  /**
   * Takes over what changes on disk, and refreshes idle credentials, until `signal` is aborted.
   *
   * @param signedIn called with each account that is new or has new credentials
   */
  watch(signedIn: (account: Account) => void, signal: AbortSignal): Promise<void>
  /** Opens an account whose lease this instance has just acquired. */
  take(leased: LeasedAccount): Promise<Account>
  /**
   * Stops requesting an account that is still among the credentials, once everything of it is kept. Returns its state
   * as it is left; `undefined` when it is not here.
   */
  release(accountId: BlinkId): Promise<Pick<LeasedAccount, 'snapshot' | 'access'> | undefined>
  /** Ends an account that another instance owns by now, with its requests. */
  lose(accountId: BlinkId, reason: Error): void
  /** Waits a moment for requests in flight, then ends them; a rotated token that came with one is still kept. */
  close(): Promise<void>
}

/** Files that are fetched at the same time, over all accounts, and how long one may stand still. */
const [filesAtOnce, fileSilenceMs] = [2, 30_000]

const closeGraceMs = 1_000

/**
 * Opens the accounts of all credentials on disk and in the environment, whose token lines must have been found right
 * when the settings were loaded; requests nothing.
 *
 * @throws StoreFailed when credentials cannot be read or kept
 */
export async function openRegistry(needs: RegistryNeeds): Promise<AccountRegistry> {
  const { settings, storage, shared, clock, log } = needs
  const { blink, proxies, schedule } = settings
  const lines = parseTokenLines(blink.tokens?.reveal() ?? '')
  for (const note of lines.notes) log.warn({ detail: note }, 'blink.tokens')
  const take = () => takeOver(storage.credentials, lines.credentials, log)
  // Where accounts are shared, each start would wait for the others.
  const isIdle = shared && !(await bringsNews(storage.credentials, lines.credentials))
  const credentials = isIdle ? [] : await (shared?.alone(take) ?? take())
  const { timeoutSeconds, concurrency } = blink
  const http = createHttp({
    clock,
    timeoutMs: timeoutSeconds * 1000,
    concurrency,
    proxies,
    onCall: (call) => log.debug(call, 'request finished'),
  })
  // Apart from the rest, which must not wait for a slow file.
  const fileHttp = createHttp({ clock, timeoutMs: fileSilenceMs, concurrency: filesAtOnce, proxies })
  const registry = createRegistry({
    ...needs,
    ...{ http, fileHttp, runsPerDay: runsPerDay(schedule.cron), moduleLock: createModuleLock() },
    ...{ guard: shared?.guard, isShared: shared !== undefined },
  })
  if (!shared) await registry.apply({ added: credentials, removed: [] })
  return registry
}

interface SharedNeeds extends AccountNeeds {
  readonly observer: Required<Observer>
  /** Whether an account is opened by `take` alone, once its credentials are known. */
  readonly isShared?: boolean
}

/** A registry without accounts. */
export function createRegistry(needs: SharedNeeds): AccountRegistry {
  return new Registry(needs)
}

/** Credentials whose account is not known yet. */
interface Candidate extends Connection {
  readonly limits: Limits
  identifying: Promise<Account | undefined> | undefined
  /** Of the last failure, so that each is logged once. */
  state: AccountStatus | undefined
}

class Registry implements AccountRegistry {
  readonly #needs: SharedNeeds
  readonly #accounts = new Map<BlinkId, Account>()
  readonly #unidentified = new Map<string, Candidate>()
  /** Of each active account. */
  readonly #limits = new Map<BlinkId, Limits>()
  #changing: Promise<unknown> = Promise.resolve()

  constructor(needs: SharedNeeds) {
    this.#needs = needs
  }

  get accounts(): readonly Account[] {
    return [...this.#accounts.values()]
  }

  get(accountId: BlinkId): Account | undefined {
    return this.#accounts.get(accountId)
  }

  get unidentified(): readonly string[] {
    return [...this.#unidentified.keys()]
  }

  get size(): number {
    return this.#accounts.size + this.#unidentified.size
  }

  async identify(key: string, signal: AbortSignal): Promise<Account | undefined> {
    const candidate = this.#unidentified.get(key)
    if (!candidate) return undefined
    candidate.identifying ??= this.#identify(key, candidate, signal).finally(() => {
      candidate.identifying = undefined
    })
    return candidate.identifying
  }

  apply(changes: CredentialChanges): Promise<readonly Account[]> {
    return this.#oneAtATime(() => this.#apply(changes))
  }

  inUse(): readonly Session[] {
    return [...this.#accounts.values(), ...this.#unidentified.values()].map(({ session }) => session)
  }

  async watch(signedIn: (account: Account) => void, signal: AbortSignal): Promise<void> {
    const { storage, clock, log } = this.#needs
    const apply = async (changes: CredentialChanges) => {
      for (const account of await this.apply(changes)) signedIn(account)
    }
    const watched = { credentials: storage.credentials, inUse: () => this.inUse(), apply }
    await Promise.all([
      watchCredentials({ ...watched, clock, log }, signal),
      refreshIdle({ accounts: () => this.accounts, clock, log }, signal),
    ])
  }

  async take({ accountId, credentials, access, snapshot }: LeasedAccount): Promise<Account> {
    const { clock, observer } = this.#needs
    const limits = await openLimits(this.#needs, accountId)
    const lifeMs = access ? access.expiresAt - clock.now() : 0
    const account = openAccount(this.#needs, {
      credentials: { ...credentials, accountId },
      access: access && lifeMs > 0 ? { accessToken: access.accessToken, lifeMs } : undefined,
      ...{ limits, snapshot },
    })
    this.#limits.set(accountId, limits)
    this.#accounts.set(accountId, account)
    if (account.snapshot.status !== snapshot?.status) observer.accountChanged(account.snapshot)
    return account
  }

  async release(accountId: BlinkId): Promise<Pick<LeasedAccount, 'snapshot' | 'access'> | undefined> {
    const account = this.#accounts.get(accountId)
    if (!account) return undefined
    account.remove()
    await account.session.settled()
    await closeBudgets(this.#limits.get(accountId))
    const { snapshot, session } = account
    const { access } = session
    // Lost meanwhile, and perhaps taken again.
    if (this.#accounts.get(accountId) !== account) return undefined
    this.#forgetHere(accountId)
    const expiresAt = this.#needs.clock.now() + (access?.lifeMs ?? 0)
    return { snapshot, access: access && { accessToken: access.accessToken, expiresAt } }
  }

  lose(accountId: BlinkId, reason: Error): void {
    this.#accounts.get(accountId)?.lose(reason)
    this.#forgetHere(accountId)
  }

  #forgetHere(accountId: BlinkId): void {
    this.#accounts.delete(accountId)
    this.#limits.delete(accountId)
  }

  async close(): Promise<void> {
    await this.#needs.fileHttp?.close({ graceMs: 0 })
    await this.#needs.http.close({ graceMs: closeGraceMs })
    await Promise.all(this.inUse().map((session) => session.settled()))
    // What a logout of this moment has removed must not come back.
    const forgotten = await this.#forgotten()
    await Promise.all(
      this.inUse().map(async ({ credentials: { key, accountId = '' } }) => {
        const limits = this.#unidentified.get(key)?.limits ?? this.#limits.get(accountId)
        if (!forgotten.has(key)) await closeBudgets(limits)
      }),
    )
  }

  async #forgotten(): Promise<ReadonlySet<string>> {
    try {
      return await this.#needs.storage.credentials.forgotten()
    } catch (error) {
      if (error instanceof StoreFailed) return new Set()
      throw error
    }
  }

  /** The watcher may find credentials that are just being given the key of their account. */
  #oneAtATime<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#changing.then(change)
    this.#changing = mine.catch(() => undefined)
    return mine
  }

  async #apply({ added, removed }: CredentialChanges): Promise<readonly Account[]> {
    const changed: Account[] = []
    for (const credentials of added) {
      const { key, refreshToken, accountId } = credentials
      const known = this.inUse().find((one) => one.credentials.key === key)
      if (known?.credentials.refreshToken.reveal() === refreshToken.reveal()) continue
      this.#unidentified.delete(key)
      if (accountId !== known?.credentials.accountId) await this.#remove(key)
      if (isIdentified(credentials)) changed.push(await this.#activate(credentials))
      else this.#unidentified.set(key, await this.#candidate(credentials))
    }
    const replaced = new Set(added.map(({ key }) => key))
    for (const key of removed) if (!replaced.has(key)) await this.#remove(key)
    return changed
  }

  async #remove(key: string): Promise<void> {
    const { storage, observer, log } = this.#needs
    this.#unidentified.delete(key)
    const account = this.accounts.find(({ session }) => session.credentials.key === key)
    if (!account) return
    const { accountId } = account
    const limits = this.#limits.get(accountId)
    account.remove()
    this.#accounts.delete(accountId)
    this.#limits.delete(accountId)
    log.info({ account_id: accountId }, 'account removed')
    observer.accountRemoved(accountId)
    if (!(await this.#forgotten()).has(key)) return
    // Requests between the logout and now may have written them again.
    await closeBudgets(limits)
    await removeLimits(storage.limits, accountId).catch((error: unknown) => {
      if (!(error instanceof StoreFailed)) throw error
      const fields = { account_id: accountId, detail: error.message, remedy: error.remedy }
      log.warn(fields, 'cannot remove the limits of an account')
    })
  }

  async #candidate(credentials: Credentials): Promise<Candidate> {
    const limits = await openLimits(this.#needs, credentials.key)
    const connection = connect(this.#needs, credentials, { limits })
    return { ...connection, limits, identifying: undefined, state: undefined }
  }

  async #identify(key: string, candidate: Candidate, signal: AbortSignal): Promise<Account | undefined> {
    const { log } = this.#needs
    try {
      const { accountId } = await candidate.cloud.identify(signal)
      return await this.#oneAtATime(() => this.#identified(key, candidate, accountId))
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      const state = accountStatusOf(error)
      const fields = { credentials: key, state, detail: error.message, remedy: error.remedy }
      if (candidate.state !== state) {
        log[needsPerson(state) ? 'error' : 'warn'](fields, 'cannot find the account of these credentials')
      }
      candidate.state = state
      throw error
    }
  }

  /** Activates the account of credentials that have turned out to be its own, unless others of it have precedence. */
  async #identified(
    key: string,
    { session, limits }: Candidate,
    accountId: BlinkId,
  ): Promise<Account | undefined> {
    const { storage, log } = this.#needs
    // Given up in the meantime, by a person who knows better.
    if (this.#unidentified.get(key)?.session !== session) return undefined
    await limits.budget.close()
    await limits.clipBudget.close()
    await storage.limits.move(key, accountId)
    const credentials = keyedByAccount({ ...session.credentials, accountId })
    const isUsed = await settleIdentified(storage.credentials, { key, credentials }, log)
    this.#unidentified.delete(key)
    if (this.#needs.isShared) return undefined
    if (isUsed) return this.#activate(credentials, session.access)
    await this.#accounts.get(accountId)?.breaker.adopt(await storage.limits.breaker(accountId))
    return undefined
  }

  async #activate(credentials: AccountCredentials, access?: Access): Promise<Account> {
    const { observer, storage, log } = this.#needs
    const { accountId, key } = credentials
    const known = this.#accounts.get(accountId)
    const limits = this.#limits.get(accountId) ?? (await openLimits(this.#needs, accountId))
    this.#limits.set(accountId, limits)
    await limits.breaker.adopt(await storage.limits.breaker(accountId))
    const account = known ?? openAccount(this.#needs, { credentials, access, limits })
    known?.signIn(credentials, access)
    this.#accounts.set(accountId, account)
    const fields = { account_id: accountId, credentials: key }
    log.info(fields, known ? 'account has new credentials' : 'account added')
    observer.accountChanged(account.snapshot)
    return account
  }
}

async function closeBudgets(limits: Limits | undefined): Promise<void> {
  await Promise.all([limits?.budget.close(), limits?.clipBudget.close()])
}

function isIdentified(credentials: Credentials): credentials is AccountCredentials {
  return credentials.accountId !== undefined
}
