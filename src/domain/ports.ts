/**
 * What the parts of the program need of each other: the cloud, storage, the broker, observers.
 *
 * Every read of storage is a promise, so that a second implementation (a database server) changes nothing above it.
 */
import type { Attempt, AttemptDelivered, ModuleAttempt } from './attempt.ts'
import type {
  CameraKey,
  ClipAddress,
  ClipCamera,
  ClipChange,
  ClipModule,
  ClipNew,
  ClipTotals,
  ClipTrouble,
  ClipWithFile,
  CommandState,
  HomeCamera,
  KeptReading,
  KnownClip,
  LedgerClip,
  LedgerFile,
  Manifest,
  StorageReading,
} from './clip.ts'
import type { Clock } from './clock.ts'
import type { StoreReport } from './diagnostics.ts'
import type { StoreFailed } from './errors.ts'
import type {
  Accepted,
  AccountRunReport,
  AccountSnapshot,
  BlinkId,
  BrokerState,
  CloudCall,
  Credentials,
  DurableEvent,
  EventKind,
  Health,
  ManifestRequest,
  Message,
  ModuleChanges,
  ModuleKey,
  ModuleRecord,
  ModuleReport,
  ModuleSnapshot,
  Progress,
  Run,
  RunCounts,
  Spent,
  SyncModule,
} from './model.ts'
import type { Breaker } from './retry-policy.ts'
import type { BucketSize } from './token-bucket.ts'

/** One account at Blink's cloud. */
export interface Cloud {
  /** All sync modules of the account's home screen. */
  discover(signal: AbortSignal): Promise<readonly SyncModule[]>
  /** Requests a manifest of the clips on a sync module's stick. */
  requestManifest(module: ModuleKey, signal: AbortSignal): Promise<ManifestRequest>
}

/** The way from a request ID to clips, for one account. */
export interface ClipCloud extends Pick<Cloud, 'requestManifest'> {
  /**
   * All clips on the stick, from all pages of the list.
   *
   * @throws ModuleBusy while the manifest is being made
   * @throws CloudRefused when the id is known no more
   */
  manifest(module: ModuleKey, requestId: BlinkId, signal: AbortSignal): Promise<Manifest>
  /**
   * Has the module upload a clip; returns the id of its command, or `undefined` when, in the account's turn, it may no
   * longer begin.
   */
  requestClip(
    module: ModuleKey,
    address: ClipAddress,
    when: { readonly mayBegin: () => boolean; readonly signal: AbortSignal },
  ): Promise<BlinkId | undefined>
  command(module: ModuleKey, commandId: BlinkId, signal: AbortSignal): Promise<CommandState>
  /** Fetches an uploaded clip piece by piece; returns how many bytes came, and how many were announced. */
  fetchClip(
    module: ModuleKey,
    address: ClipAddress,
    to: { readonly sink: (chunk: Uint8Array) => Promise<void>; readonly signal: AbortSignal },
  ): Promise<{ readonly received: number; readonly announced: number | undefined }>
  storageStatus(module: ModuleKey, signal: AbortSignal): Promise<StorageReading>
  /** The account's cameras, of the last home screen; fetches one where there was none. */
  cameras(signal: AbortSignal): Promise<readonly HomeCamera[]>
}

/** What happened, for everyone who reports it. Values only: an observer cannot reach back. */
export interface Observer {
  /** The cloud has listed an account's modules; called before the first of them is requested. */
  modulesListed?(accountId: BlinkId, changes: ModuleChanges): void
  /** A run of the schedule, or one at startup, begins so many milliseconds after its time. */
  runStarted?(run: Run, lateMs: number): void
  moduleFinished?(report: ModuleReport, run: Run): void
  /**
   * Something other than a run changed what a module shows: it was paused or resumed, a request ID expired, its drive
   * is fuller or emptier, another instance has a new result of it, or Home Assistant has just made entities of it, which
   * wait for its state.
   */
  moduleChanged?(key: ModuleKey, change: 'polling' | 'expired' | 'storage' | 'elsewhere' | 'discovered'): void
  accountRunFinished?(report: AccountRunReport): void
  runFinished?(run: Run, counts: RunCounts): void
  /** An account was added, or its state changed. */
  accountChanged?(snapshot: AccountSnapshot): void
  accountRemoved?(accountId: BlinkId): void
  /** The next run is another one, the clock was set, or the log level was changed. */
  settingsChanged?(change: 'schedule' | 'clock' | 'log_level'): void
  /** A person wants what was deleted in Home Assistant back, and everything published again. */
  rescanRequested?(): void
  /** Everything is to be published again. */
  republishRequested?(): void
  /** The broker has acknowledged an event. */
  eventDelivered?(event: DurableEvent): void
  /** So many events of one kind expired before the broker took them. */
  eventsExpired?(kind: EventKind, count: number): void
  requestFinished?(call: CloudCall): void
  connectionChanged?(state: BrokerState): void
  /** A commit of the database took so long. */
  storeWritten?(ms: number): void
  /** A clip is on disk under its final name. */
  clipSaved?(clip: ClipNew): void
  /** A manifest was compared, or a clip has come to its end: what is on a stick and on disk is another. */
  clipsChanged?(key: ModuleKey): void
  clipTrouble?(key: ModuleKey, trouble: ClipTrouble): void
}

/** The state as it is now, for everyone who shows it. */
export interface StatusReader {
  accounts(): Promise<readonly AccountSnapshot[]>
  account(accountId: BlinkId): Promise<AccountSnapshot | undefined>
  /** The keys of all modules that are shown, of one account or of all. */
  moduleKeys(accountId?: BlinkId): Promise<readonly ModuleKey[]>
  /** `undefined` for a module that is not shown: gone, unknown, or excluded by the owner. */
  module(key: ModuleKey): Promise<ModuleSnapshot | undefined>
  /** `undefined` for a camera that is not shown: moved, of such a module, or where clips are not downloaded. */
  camera(key: CameraKey): Promise<ClipCamera | undefined>
  /** The next two runs, in milliseconds since the epoch; fewer when the schedule ends. */
  nextRuns(): readonly number[]
  /** Whether every account is known and `ok`, so that a module which is not shown has no right to its topics. */
  isComplete(): Promise<boolean>
  health(): Promise<Health>
}

/** What is known of the modules, and the way into the outbox. */
export interface Ledger {
  /** The modules of an account as they were last seen. */
  modulesOf(accountId: BlinkId): Promise<readonly SyncModule[]>
  /** Compares the account's new list with the last one and keeps it. */
  seen(accountId: BlinkId, modules: readonly SyncModule[]): Promise<ModuleChanges>
  /**
   * Keeps the result of a module's attempt; a work item enters the outbox in the same commit.
   *
   * @throws StoreFailed when it could not be kept; resolves with the new progress when it is on disk
   */
  record(report: ModuleReport): Promise<Progress>
  /** Why an answer might not be kept, so that none should be requested; `undefined` when all is well. */
  readonly trouble: StoreFailed | undefined
  /**
   * The record of one module, or `undefined` when it is not known. An attempt that the disk refused is in it all the
   * same, so that the published state is true.
   */
  read(key: ModuleKey): Promise<ModuleRecord | undefined>
  /** Only the last accepted request of a module's record: read before each request, and much less to read. */
  lastAccepted(key: ModuleKey): Promise<Accepted | undefined>
  /** The keys of all modules of an account, or of all accounts. */
  keys(accountId?: BlinkId): Promise<readonly ModuleKey[]>
  /** The same with those that are gone and not forgotten yet. */
  keysAndGone(accountId?: BlinkId): Promise<readonly ModuleKey[]>
  /** How many modules are known. */
  count(): Promise<number>
  /** Forgets a module if it is gone: until then it is remembered that its topics may still be retained. */
  forget(key: ModuleKey): Promise<void>
  /** When the next request ID expires after `now`, acknowledged or not, in milliseconds since the epoch. */
  nextExpiry(now: number): Promise<number | undefined>
  /** Deletes some request IDs that are acknowledged and expired; returns their modules, none when none was left. */
  deleteExpired(now: number): Promise<readonly ModuleKey[]>
}

/** An event that the broker has not acknowledged; `seq` grows in the order of storing. */
export interface StoredEvent {
  readonly seq: number
  readonly event: DurableEvent
}

/** Durable events from the disk to the broker's acknowledgement. */
export interface Outbox {
  /** The oldest events, at most `limit`, request IDs before all other kinds, but for some order keys and numbers. */
  waiting(
    limit: number,
    exceptKeys: Iterable<string>,
    exceptSeqs?: Iterable<number>,
  ): Promise<readonly StoredEvent[]>
  /** Deletes events that are acknowledged, or known to be expired. */
  remove(seqs: Iterable<number>): Promise<void>
  /**
   * Deletes expired events; returns how many of each kind.
   *
   * @param spared those that the broker has or may have, read at the moment of the write
   */
  sweep(now: number, spared: Iterable<number>): Promise<ReadonlyMap<EventKind, number>>
  count(): Promise<number>
  /**
   * Calls back with each event that was added, in order, and without one when some wait on disk that nobody here has
   * seen yet; returns a function that ends it.
   */
  onArrival(listener: (added?: StoredEvent) => void): () => void
}

/** What is known of the clips of every module, from their first sight on. */
export interface ClipLedger {
  module(key: ModuleKey): Promise<ClipModule | undefined>
  saveModule(key: ModuleKey, module: ClipModule): Promise<void>
  totals(key: ModuleKey): Promise<ClipTotals>
  /** What the cloud said last of the module's drive. */
  storageReading(key: ModuleKey): Promise<KeptReading | undefined>
  saveStorageReading(key: ModuleKey, reading: KeptReading): Promise<void>
  /** All clips of a module, those that have left the stick included. */
  clipsOf(key: ModuleKey): Promise<readonly LedgerClip[]>
  /** The clip of this row. */
  clip(row: number): Promise<(LedgerClip & { readonly module: ModuleKey }) | undefined>
  /** The clips with a file, in one of two states, of an account or of all. */
  files(state: 'ready' | 'saved', accountId?: BlinkId): Promise<readonly LedgerFile[]>
  /** Keeps what a manifest has changed and its event, in one commit; returns the rows of the clips that were added. */
  compared(key: ModuleKey, change: ClipChange): Promise<readonly number[]>
  /** Keeps a clip, under `row` where it is known; returns its row. */
  put(key: ModuleKey, clip: KnownClip, row?: number): Promise<number>
  /** Keeps a clip that has a file already, and its camera, in one commit. */
  adopt(key: ModuleKey, clip: ClipWithFile): Promise<void>
  /** The clip becomes `saved`, its camera known and its event enters the outbox, in one commit. */
  saved(file: LedgerFile, event: DurableEvent): Promise<void>
  /** The cameras whose topics may hold something, those that have moved included; of all accounts, or of one. */
  cameras(accountId?: BlinkId): Promise<readonly ClipCamera[]>
  camera(key: CameraKey): Promise<ClipCamera | undefined>
  /** Forgets a camera whose topics were cleared. */
  forgetCamera(key: CameraKey): Promise<void>
  /** The modules of which a manifest was followed, whether they are still there or not. */
  followed(): Promise<readonly ModuleKey[]>
  /** Whether a clip has a file of this name, on whatever file system. */
  isTaken(comparablePath: string): Promise<boolean>
  /** The directory of clips that was in use last, by this instance where there are several. */
  directory(instance?: string): Promise<string | undefined>
  useDirectory(path: string, instance?: string): Promise<void>
}

/** The attempts of the last 24 hours, kept for who looks at them; nothing else depends on them. */
export interface AttemptHistory {
  /** Keeps attempts and deliveries in one commit, in which some of what is too old goes. */
  record(attempts: readonly ModuleAttempt[], delivered: readonly AttemptDelivered[]): Promise<void>
  /** A module's attempts from `since` on, in milliseconds since the epoch; the oldest first. */
  of(key: ModuleKey, since: number): Promise<readonly Attempt[]>
}

/** The accounts' credentials. */
export interface CredentialStore {
  /** All that are kept, those whose account is not known yet included. */
  list(): Promise<readonly Credentials[]>
  /** @throws StoreFailed when it could not be kept; what was forgotten meanwhile stays forgotten */
  save(credentials: Credentials): Promise<void>
  /** Removes credentials for good: whoever still holds them cannot save them again, and their key is remembered. */
  forget(key: string): Promise<void>
  /** The keys of credentials that were forgotten. */
  forgotten(): Promise<ReadonlySet<string>>
  /** When anything was last added, replaced or removed, in milliseconds since the epoch. */
  changedAt(): Promise<number>
}

/** What limits the requests of one account, by its id, or by the credentials' key while the id is not known. */
export interface LimitStore {
  breaker(account: string): Promise<Breaker>
  saveBreaker(account: string, breaker: Breaker): Promise<void>
  /** What was spent of a day's budget; `undefined` when nothing is known. */
  spent(account: string): Promise<Spent | undefined>
  saveSpent(account: string, spent: Spent): Promise<void>
  /** How many sync modules the last list had; `undefined` when there was none. */
  moduleCount(account: string): Promise<number | undefined>
  saveModuleCount(account: string, count: number): Promise<void>
  /** Removes everything that was kept of an account: at a logout, not when its credentials are replaced. */
  remove(account: string): Promise<void>
  /** Moves what was kept by a key to the account that it turned out to be; the longer pause and the larger sum stay. */
  move(key: string, accountId: BlinkId): Promise<void>
}

/** For which modules scheduled requests are off. */
export interface Pauses {
  isPaused(key: ModuleKey): Promise<boolean>
  /** Pauses or resumes all that the scope covers: empty, `account`, `account/network` or `account/network/module`. */
  set(scope: string, paused: boolean): Promise<void>
}

/** When each account was last requested by a run at startup. */
export interface StartThrottle {
  /** In milliseconds since the epoch; `undefined` when it was not within the last hour. */
  lastAt(account: string): Promise<number | undefined>
  note(account: string): Promise<void>
}

/** How often callers may have something done. */
export interface CallerLimits {
  /** Takes tokens, all or none; returns in how many milliseconds there would be enough, 0 when they were taken. */
  take(name: string, cost: number, size: BucketSize): Promise<number>
}

/** Who has given the page's password, by the secret of their cookie. */
export interface WebSessions {
  /** Whether somebody has signed in with it; each use prolongs it. */
  use(id: string): Promise<boolean>
  open(id: string): Promise<void>
  close(id: string): Promise<void>
}

/** What is made once for an installation and never changes. */
export interface Installation {
  /** Eight hexadecimal digits: enough to tell the installations on one broker apart, short enough for names. */
  readonly installId: string
  /** A version 4 UUID, shown to Blink. */
  readonly hardwareId: string
}

/** The last scheduled run, kept on a day on which the clocks are set back: its time comes twice. */
export interface LastRun {
  /** In milliseconds since the epoch, as it was when storage was opened; `undefined` when none was kept. */
  readonly at: number | undefined
  /** @throws StoreFailed when it cannot be kept */
  keep(at: number): Promise<void>
}

/** Below which topic Home Assistant's discovery documents were last published. */
export interface DiscoveryPrefix {
  prefix(): Promise<string | undefined>
  keep(prefix: string): Promise<void>
  forget(): Promise<void>
}

/** Everything that is kept over restarts. */
export interface Storage {
  readonly installation: Installation
  readonly ledger: Ledger
  readonly outbox: Outbox
  readonly clips: ClipLedger
  readonly attempts: AttemptHistory
  readonly credentials: CredentialStore
  readonly limits: LimitStore
  readonly pauses: Pauses
  readonly starts: StartThrottle
  readonly lastRun: LastRun
  readonly discoveryPrefix: DiscoveryPrefix
  /**
   * Checks until `signal` is aborted that everything is where it was opened, and repairs what can be repaired.
   *
   * @throws StoreFailed when something is gone, so that what is kept would be kept nowhere
   */
  watch(signal: AbortSignal): Promise<void>
  /** For a report of a fault. @throws StoreFailed when it cannot be read */
  report(): Promise<StoreReport>
  close(): Promise<void>
}

/** The way to the broker. */
export interface Publisher {
  /**
   * Publishes with QoS 1 and resolves on the broker's acknowledgement, however long the broker is away.
   *
   * @throws PublishRefused when the broker answered that it will not take the message
   * @throws the signal's reason when `signal` is aborted first
   */
  publish(message: Message, signal: AbortSignal): Promise<void>
}

/** The levels that can be chosen while the daemon runs. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Where log lines go. The message is a constant; what varies is in `fields`. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What parts run with. */
export interface Runtime {
  readonly clock: Clock
  readonly log: Log
  /** Called with what nobody expected. */
  readonly fail: (error: unknown) => void
}
