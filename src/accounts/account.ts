/**
 * One account: its way to the cloud, what limits it, and the state that is published of it.
 *
 * The circuit breaker and the request budget belong to the account and outlive its credentials: a new sign-in is no
 * reason to request sooner.
 */
import pLimit, { type LimitFunction } from 'p-limit'
import { type AccountCloud, createCloud } from '../blink/client.ts'
import type { Http } from '../blink/http.ts'
import { type Access, createSession, type Session } from '../blink/session.ts'
import type { Settings } from '../config/settings.ts'
import { type Clock, thisMoment } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { needsPerson } from '../domain/failure.ts'
import {
  type AccountSnapshot,
  type AccountStatus,
  type BlinkId,
  type Credentials,
  type Failure,
  keyOf,
  type ModuleKey,
} from '../domain/model.ts'
import type { ClipCloud, Cloud, LimitStore, Observer, Runtime, Storage } from '../domain/ports.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import type { ModuleLock } from './module-lock.ts'
import { openBudget, plannedBudget, plannedClipBudget, type RequestBudget } from './request-budget.ts'

/** What all accounts share. */
export interface AccountNeeds extends Pick<Runtime, 'clock' | 'log'> {
  readonly http: Http
  /** For files, which may take minutes and must not keep other requests waiting. */
  readonly fileHttp?: Http
  readonly settings: {
    readonly blink: Pick<Settings['blink'], 'oauthUrl' | 'restUrl' | 'dailyBudget'> &
      Partial<Pick<Settings['blink'], 'perAccount'>>
    readonly clips: Pick<Settings['clips'], 'dailyBudget'>
  }
  /** For the plan of the budget. */
  readonly runsPerDay: number
  readonly moduleLock: ModuleLock
  /**
   * Called right before each request, with the account's id or the key of its credentials; what it throws ends the
   * request with nothing sent.
   */
  readonly guard?: ((account: string) => void) | undefined
  readonly storage: Pick<Storage, 'credentials' | 'installation' | 'limits'>
  readonly observer: Pick<Required<Observer>, 'accountChanged' | 'requestFinished'>
}

/** Credentials whose account is known. */
export type AccountCredentials = Credentials & { readonly accountId: BlinkId }

export interface Account {
  readonly accountId: BlinkId
  readonly session: Session
  /** Through the circuit breaker, counted on the budget. */
  readonly cloud: Cloud
  /** The same for manifests and clips, counted on a budget of its own. */
  readonly clips: ClipCloud
  /** Does work for which a sync module must do nothing else. */
  holdModule<T>(module: ModuleKey, work: () => Promise<T>, signal: AbortSignal): Promise<T>
  readonly breaker: Pick<CircuitBreaker, 'close' | 'pause' | 'isOpen' | 'adopt'>
  readonly budget: Pick<RequestBudget, 'spent' | 'limit'>
  readonly snapshot: AccountSnapshot
  /** Aborted when the account was removed: no more requests are sent for it. */
  readonly removed: AbortSignal
  /** Aborted when the account was lost to another instance: requests in flight end as well. */
  readonly lost: AbortSignal
  /** Runs work that needs the account for itself, one after another: no module ever has two commands at a time. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
  /** Takes over a state; one that differs from the last one is logged and passed to the observer. */
  become(status: AccountStatus, failure: Failure | undefined): void
  /** Goes on with other credentials of the same account. */
  signIn(credentials: AccountCredentials, access?: Access): void
  remove(): void
  /** The same, and ends requests in flight with this reason. */
  lose(reason: Error): void
}

/** Credentials at the cloud, with the limits of their account or, while that is not known, of their own. */
export interface Connection {
  readonly session: Session
  readonly cloud: AccountCloud
  readonly clips: ClipCloud
}

/** What limits the requests of one account. */
export interface Limits {
  readonly breaker: CircuitBreaker
  readonly budget: RequestBudget
  readonly clipBudget: RequestBudget
  /** The client for this account alone. */
  readonly http: Http
  readonly clipHttp: Http
  readonly clipFileHttp: Http
  /** Keeps how many modules the last list had, for the plan of the budget and for `accounts`. */
  listed(count: number): Promise<void>
}

export interface AccountParts {
  readonly credentials: AccountCredentials
  /** An access token of these credentials. */
  readonly access?: Access | undefined
  readonly limits: Limits
  /** As another instance has left the account; absent after a start. */
  readonly snapshot?: AccountSnapshot | undefined
}

/** An account that requests nothing by itself. */
export function openAccount(needs: AccountNeeds, parts: AccountParts): Account {
  return new KnownAccount(needs, parts)
}

/** The limits kept under a name: an account's id, or the key of credentials whose account is not known yet. */
export async function openLimits(needs: AccountNeeds, name: string): Promise<Limits> {
  const { settings, runsPerDay, observer, clock, log } = needs
  const { limits } = needs.storage
  const { dailyBudget } = settings.blink
  let modules = await limits.moduleCount(name)
  const kept = (saving: Promise<void>, message: string) =>
    saving.catch((error: unknown) => {
      if (!(error instanceof StoreFailed)) throw error
      log.warn({ account_id: name, detail: error.message, remedy: error.remedy }, message)
    })
  const budget = openBudget({
    kept: await limits.spent(name),
    limit: () => dailyBudget || plannedBudget({ runsPerDay, modules: modules ?? 0 }),
    automatic: dailyBudget === 0,
    clock,
    save: (spent) => kept(limits.saveSpent(name, spent), 'cannot store the request budget'),
  })
  const clipName = clipBudgetOf(name)
  const { dailyBudget: clipLimit } = settings.clips
  const clipBudget = openBudget({
    kept: await limits.spent(clipName),
    limit: () => clipLimit || plannedClipBudget({ runsPerDay, modules: modules ?? 0 }),
    automatic: clipLimit === 0,
    clock,
    save: (spent) => kept(limits.saveSpent(clipName, spent), 'cannot store the request budget'),
  })
  const apart = { budget: clipBudget, setting: 'clips.dailyBudget' }
  const breaker = new CircuitBreaker({
    breaker: await limits.breaker(name),
    budget,
    clock,
    guard: () => needs.guard?.(name),
    finished: (call) => observer.requestFinished({ ...call, account: name }),
    save: (state) => kept(limits.saveBreaker(name, state), 'cannot store the circuit breaker'),
  })
  return {
    breaker,
    budget,
    clipBudget,
    http: breaker.protect(needs.http),
    clipHttp: breaker.protect(needs.http, apart),
    clipFileHttp: breaker.protect(needs.fileHttp ?? needs.http, apart),
    async listed(count) {
      if (count === modules) return
      modules = count
      await kept(limits.saveModuleCount(name, count), 'cannot store the number of sync modules')
    },
  }
}

/** The name by which the budget for clips is kept. */
const clipBudgetOf = (name: string) => `${name}-clips`

/** Removes what `openLimits` and the limits have kept under a name: at a logout. */
export async function removeLimits(limits: Pick<LimitStore, 'remove'>, name: string): Promise<void> {
  for (const each of [name, clipBudgetOf(name)]) await limits.remove(each)
}

/** A session of these credentials, and the calls that are made with it; requests nothing. */
export function connect(
  needs: AccountNeeds,
  credentials: Credentials,
  { limits: { http, clipHttp, clipFileHttp }, access }: Pick<AccountParts, 'limits' | 'access'>,
): Connection {
  const { storage, clock, log } = needs
  const { oauthUrl, restUrl } = needs.settings.blink
  const session = createSession({
    credentials,
    access,
    hardwareId: storage.installation.hardwareId,
    oauthUrl,
    http,
    clock,
    log,
    save: (changed) => storage.credentials.save(changed),
  })
  const cloud = createCloud({ session, http, restUrl, clock, log })
  const { clips } = createCloud({ session, http: clipHttp, fileHttp: clipFileHttp, restUrl, clock, log })
  return { session, cloud, clips: { ...clips, cameras: (signal) => cloud.clips.cameras(signal) } }
}

class KnownAccount implements Account {
  readonly accountId: BlinkId
  readonly #needs: AccountNeeds
  readonly #limits: Limits
  readonly #removal = new AbortController()
  readonly #loss = new AbortController()
  #connection: Connection
  #snapshot: Omit<AccountSnapshot, 'since'>
  /** Counted back once a clock that had not been set is set. */
  #since: () => number
  #last: Promise<unknown> = Promise.resolve()
  /** Requests of the account at the same time, whoever sends them. */
  readonly #inTurn: LimitFunction

  constructor(needs: AccountNeeds, parts: AccountParts) {
    const { credentials, limits, snapshot } = parts
    this.accountId = credentials.accountId
    this.#needs = needs
    this.#limits = limits
    this.#inTurn = pLimit(needs.settings.blink.perAccount ?? 1)
    this.#connection = connect(needs, credentials, parts)
    this.#since = sinceOf(credentials, needs.clock)
    this.#snapshot = this.#firstSnapshot(credentials)
    if (snapshot && mayGoOn(snapshot, this.#snapshot)) {
      this.#snapshot = snapshot
      this.#since = () => snapshot.since
    }
    // Said at each start as well: nobody reads the log of the start before.
    else if (this.#snapshot.status !== 'ok') this.#logStatus()
  }

  get session(): Session {
    return this.#connection.session
  }

  get cloud(): Cloud {
    const { cloud } = this.#connection
    return {
      requestManifest: (module, signal) =>
        this.holdModule(module, () => this.#inTurn(() => cloud.requestManifest(module, signal)), signal),
      discover: async (signal) => {
        const modules = await this.#inTurn(() => cloud.discover(signal))
        // A list may name a module twice; one that comes after a logout brings nothing back.
        if (!this.removed.aborted) await this.#limits.listed(new Set(modules.map(keyOf)).size)
        return modules
      },
    }
  }

  get clips(): ClipCloud {
    const { clips } = this.#connection
    const inTurn = this.#inTurn
    return {
      requestManifest: (module, signal) =>
        this.holdModule(module, () => inTurn(() => clips.requestManifest(module, signal)), signal),
      manifest: (...call) => inTurn(() => clips.manifest(...call)),
      requestClip: (...call) =>
        inTurn(async () => (call[2].mayBegin() ? clips.requestClip(...call) : undefined)),
      command: (...call) => inTurn(() => clips.command(...call)),
      storageStatus: (...call) => inTurn(() => clips.storageStatus(...call)),
      cameras: (...call) => inTurn(() => clips.cameras(...call)),
      // A file may take minutes; nobody waits for its end.
      fetchClip: (...call) => clips.fetchClip(...call),
    }
  }

  holdModule<T>({ syncModuleId }: ModuleKey, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#needs.moduleLock.hold(syncModuleId, work, signal)
  }

  get breaker(): CircuitBreaker {
    return this.#limits.breaker
  }

  get budget(): RequestBudget {
    return this.#limits.budget
  }

  get snapshot(): AccountSnapshot {
    return { ...this.#snapshot, since: this.#since() }
  }

  get removed(): AbortSignal {
    return this.#removal.signal
  }

  get lost(): AbortSignal {
    return this.#loss.signal
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work)
    // Only its end is waited for: its result, a report on every module, must not be kept until the next one.
    this.#last = mine.then(ignore, ignore)
    return mine
  }

  become(status: AccountStatus, failure: Failure | undefined): void {
    const detail = failure && [failure.message, failure.remedy].filter(Boolean).join('. ')
    const retryAt = failure?.retryAt
    const before = this.#snapshot
    if (before.status === status && before.detail === detail && before.retryAt === retryAt) return
    const { accountId } = this
    const { observer, clock } = this.#needs
    const isNew = before.status !== status
    if (isNew) this.#since = thisMoment(clock)
    this.#snapshot = { accountId, status, detail, retryAt }
    if (isNew) this.#logStatus()
    observer.accountChanged(this.snapshot)
  }

  signIn(credentials: AccountCredentials, access?: Access): void {
    this.#connection = connect(this.#needs, credentials, { limits: this.#limits, access })
    const { status } = this.#snapshot
    this.#snapshot = this.#firstSnapshot(credentials)
    if (this.#snapshot.status !== status) this.#since = sinceOf(credentials, this.#needs.clock)
  }

  remove(): void {
    this.#removal.abort(new Error('the account was removed'))
  }

  lose(reason: Error): void {
    this.remove()
    this.#loss.abort(reason)
  }

  #logStatus(): void {
    const { accountId, status, detail } = this.#snapshot
    const { log } = this.#needs
    const fields = { account_id: accountId, state: status, detail }
    if (needsPerson(status)) log.error(fields, 'account needs a person to sign in')
    else if (status === 'ok') log.info(fields, 'account works again')
    else log.warn(fields, 'account cannot be requested')
  }

  /** What is known before the first request. */
  #firstSnapshot(credentials: Credentials): Omit<AccountSnapshot, 'since'> {
    const { refusedAt, refusedFor = 'login_required', unusable } = credentials
    const { accountId } = this
    if (refusedAt !== undefined) {
      const reason = refusedFor === 'login_required' ? 'refused the refresh token' : 'wants a code first'
      const detail = unusable
        ? `${unusable.message}. ${unusable.remedy}`
        : `the cloud ${reason}. Sign in again`
      return { accountId, status: refusedFor, detail, retryAt: undefined }
    }
    const { pause } = this.breaker
    if (!pause) return { accountId, status: 'ok', detail: undefined, retryAt: undefined }
    const detail = `${pause.reason}. ${pause.remedy}`
    return { accountId, status: 'throttled', detail, retryAt: pause.until }
  }
}

/** Whether a state of before still holds: only a run ends trouble, but a sign-in is news that it does not know. */
function mayGoOn({ status }: AccountSnapshot, first: Pick<AccountSnapshot, 'status'>): boolean {
  return status === first.status || (first.status === 'ok' && !needsPerson(status))
}

function sinceOf({ refusedAt }: Credentials, clock: Clock): () => number {
  return refusedAt === undefined ? thisMoment(clock) : () => refusedAt
}

function ignore(): void {}
