/**
 * What daemons that share one PostgreSQL need beside the ports of every daemon: leases, runs that one of them fans out,
 * commands that another one carries out, and what changed anywhere.
 *
 * A lease has a fence, a number that grows with each owner: a write that carries an older one changes nothing.
 */
import type { Command, CommandResult } from './commands.ts'
import type {
  AccountSnapshot,
  BlinkId,
  Credentials,
  ModuleKey,
  RunCounts,
  Spent,
  SyncModule,
} from './model.ts'
import type { CallerLimits, LogLevel, Outbox, Storage, WebSessions } from './ports.ts'
import type { Breaker } from './retry-policy.ts'
import type { Secret } from './secret.ts'

/** An access token that outlives the instance which received it. */
export interface KeptAccess {
  readonly accessToken: Secret
  /** In milliseconds since the epoch. */
  readonly expiresAt: number
}

/** An account as its new owner finds it. */
export interface LeasedAccount {
  readonly accountId: BlinkId
  readonly credentials: Credentials
  readonly access: KeptAccess | undefined
  /** What its last owner published of it; absent before its first run. */
  readonly snapshot: AccountSnapshot | undefined
  /** The time of the last run that an owner brought to its end, in milliseconds since the epoch. */
  readonly lastRun: number | undefined
  /** Whether a person has signed in, and nobody has acquired the account since. */
  readonly isFresh: boolean
}

/** What an owner leaves to the next one and to every reader. */
export interface LeftAccount {
  readonly snapshot: AccountSnapshot
  readonly access: KeptAccess | undefined
  /** The newest run that was brought to its end meanwhile, with its results. */
  readonly run: { readonly at: number; readonly counts: Omit<RunCounts, 'elapsedMs'> } | undefined
}

/** The accounts that this instance works on. */
export interface AccountLeases {
  /**
   * `held` while another instance has it, `undefined` when it is gone. Events that wait are then delivered here, and
   * it is no longer `fresh`.
   */
  acquire(accountId: BlinkId, leaseMs: number): Promise<LeasedAccount | 'held' | undefined>
  /** Prolongs all leases that are held; those that were lost are dropped and passed to the listeners. */
  renew(leaseMs: number): Promise<void>
  /** Gives an account back, all in one commit; nothing when it was lost. */
  release(accountId: BlinkId, left: LeftAccount): Promise<void>
  /**
   * Keeps that a run was brought to its end while the account stays here: the next owner does not go on with it.
   *
   * @throws LeaseLost when the account is not held any more
   */
  finished(accountId: BlinkId, run: NonNullable<LeftAccount['run']>): Promise<void>
  /** Stops holding an account without a word to the database, where the lease runs out. */
  drop(accountId: BlinkId): void
  readonly held: ReadonlySet<BlinkId>
  /** How many of an account's events wait for the broker. */
  waiting(accountId: BlinkId): Promise<number>
  /** Accounts, at most `limit`, that a person has signed in to and nobody has worked on since. */
  fresh(limit: number): Promise<readonly BlinkId[]>
  /** Accounts, at most `limit`, that nobody works on while events of theirs wait for the broker. */
  undelivered(limit: number): Promise<readonly BlinkId[]>
  onLost(listener: (accountId: BlinkId) => void): void
}

/** A lease that is not an account's: `bridge`, or an instance's name. */
export interface NamedLeases {
  /** Takes or prolongs it; false while another process holds it. */
  hold(name: string, leaseMs: number): Promise<boolean>
  free(name: string): Promise<void>
}

/** An account as it is in the database, whoever works on it. */
export interface SharedAccount {
  /** What its last owner published of it; absent before its first run. */
  readonly snapshot: AccountSnapshot | undefined
  readonly accountId: BlinkId
  readonly breaker: Breaker
  readonly spent: Spent | undefined
}

/** What changed at any instance since a number that was read before. */
export interface FleetChanges {
  readonly upTo: number
  readonly accounts: readonly SharedAccount[]
  readonly removed: readonly BlinkId[]
  /** Those with a new result: many, and of interest to whoever shows them at this moment. */
  readonly modules: readonly ModuleKey[]
  /** Those that a list has found, renamed or otherwise altered, and those that are gone: few. */
  readonly altered: readonly SyncModule[]
  readonly gone: readonly SyncModule[]
}

/** All accounts as every instance shows them. The registry of a single daemon is one. */
export interface ShownAccounts {
  readonly accounts: readonly ShownAccount[]
  get(accountId: BlinkId): ShownAccount | undefined
  /** Keys of the credentials whose account is not known yet. */
  readonly unidentified: readonly string[]
}

export interface ShownAccount {
  readonly accountId: BlinkId
  readonly snapshot: AccountSnapshot
  readonly breaker: { readonly isOpen: boolean }
  readonly budget: { readonly spent: number; readonly limit: number }
}

/** An instance as the others see it. */
export interface InstanceView {
  readonly name: string
  readonly accountsInWork: number
  /** In milliseconds since the epoch. */
  readonly seenAt: number
  readonly holdsBridge: boolean
}

/** A run of all accounts, whichever instances work on them. */
export interface FleetRun {
  readonly trigger: 'schedule' | 'start' | 'once'
  /** In milliseconds since the epoch. */
  readonly at: number
}

export interface FleetRuns {
  /**
   * True for the one instance that begins this run.
   *
   * @throws StoreFailed, also for a run whose time is more than 15 minutes away by the database's clock
   */
  begin(run: FleetRun): Promise<boolean>
  /** Runs of the last hour that are not fanned out to all accounts yet, the oldest first. */
  unfinished(): Promise<readonly FleetRun[]>
  /**
   * Passes the next accounts of a run, at most `limit`, to `send`, and keeps in the same transaction that this was done.
   * Returns how many they were: 0 when it was done for all, or while another instance is at it.
   */
  fanOut(
    run: FleetRun,
    limit: number,
    send: (accountIds: readonly BlinkId[], sql: SqlRunner) => Promise<void>,
  ): Promise<number>
  /** The newest scheduled run that was begun. */
  latest(): Promise<number | undefined>
  /**
   * Runs that every account is done with (its `lastRun` is theirs or a later one), or that are so old that no more is
   * to be expected; each is returned to one caller, once, with the sums of what `release` kept.
   */
  ended(): Promise<readonly { readonly run: FleetRun; readonly counts: RunCounts }[]>
  /** The newest of those that were returned. */
  lastEnded(): Promise<{ readonly at: number; readonly counts: Omit<RunCounts, 'elapsedMs'> } | undefined>
}

/**
 * Which requests of a run were sent, for whoever goes on with it: a process that is killed cannot say any more whether
 * its last request was answered.
 */
export interface RequestMarks {
  /** Keeps, under the fence, that the request of a module is about to be sent. */
  mark(module: ModuleKey, tickId: string): Promise<void>
  /** The modules that were marked in this run, by `keyOf`, and whether `record` has kept a result since. */
  marked(accountId: BlinkId, tickId: string): Promise<ReadonlyMap<string, 'answered' | 'unanswered'>>
}

/** A command of one account alone. */
export interface AskedCommand {
  readonly accountId: BlinkId
  readonly command: Command
}

export interface WaitingCommand extends AskedCommand {
  readonly id: string
}

/** Commands that the owner of an account carries out, whichever instance was asked. */
export interface FleetCommands {
  /** Returns their ids in the same order. */
  ask(commands: readonly AskedCommand[]): Promise<readonly string[]>
  /** By id, of those that are carried out by now. */
  results(ids: readonly string[]): Promise<ReadonlyMap<string, CommandResult>>
  /** Those that wait for these accounts; what was asked so long ago that nobody waits for the answer is left out. */
  waiting(accountIds: Iterable<BlinkId>): Promise<readonly WaitingCommand[]>
  answer(id: string, result: CommandResult): Promise<void>
}

/** A log level that a command has set. */
export interface SetLogLevel {
  readonly level: LogLevel
  /** Differs with each time that one is set. */
  readonly at: number
}

export interface SharedLogLevel {
  set(level: LogLevel): Promise<void>
  read(): Promise<SetLogLevel | undefined>
}

/** A call of pg-boss, or a transaction of our own around one. */
export interface SqlRunner {
  executeSql(text: string, values?: readonly unknown[]): Promise<{ rows: readonly Record<string, unknown>[] }>
}

/** Storage that several daemons share. */
export interface SharedStorage extends Storage {
  readonly outbox: Outbox
  readonly leases: AccountLeases
  readonly named: NamedLeases
  readonly runs: FleetRuns
  readonly commands: FleetCommands
  readonly marks: RequestMarks
  /** For the queue of jobs, which has tables of its own. */
  readonly queue: SqlRunner
  readonly schema: string
  /** Of callers at all instances. */
  readonly callers: CallerLimits
  readonly sessions: WebSessions
  readonly logLevel: SharedLogLevel
  changesSince(number: number): Promise<FleetChanges>
  /** The instances that live, by name. */
  instances(): Promise<readonly InstanceView[]>
}
