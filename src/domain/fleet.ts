/**
 * What daemons that share one PostgreSQL need beside the ports of every daemon: leases, runs that one of them fans out,
 * commands that another one carries out, and what changed anywhere.
 *
 * A lease has a fence, a number that grows with each owner: a write that carries an older one changes nothing.
 */
import type { Command, CommandResult } from './commands.ts'
import type { AccountSnapshot, BlinkId, Credentials, ModuleKey, RunCounts } from './model.ts'
import type { Outbox, Storage } from './ports.ts'
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
}

/** The accounts that this instance works on. */
export interface AccountLeases {
  /** `undefined` while another instance holds it, or when it is gone. Waiting events are then delivered here. */
  acquire(accountId: BlinkId, leaseMs: number): Promise<LeasedAccount | undefined>
  /** Prolongs all leases that are held; those that were lost are dropped and passed to the listeners. */
  renew(leaseMs: number): Promise<void>
  /** Gives an account back, with what its next owner and every reader are to know; nothing when it was lost. */
  release(
    accountId: BlinkId,
    left: { snapshot: AccountSnapshot; access: KeptAccess | undefined },
  ): Promise<void>
  readonly held: ReadonlySet<BlinkId>
  /** How many of an account's events wait for the broker. */
  waiting(accountId: BlinkId): Promise<number>
  onLost(listener: (accountId: BlinkId) => void): void
}

/** A lease that is not an account's: `bridge`, or an instance's name. */
export interface NamedLeases {
  /** Takes or prolongs it; false while another process holds it. */
  hold(name: string, leaseMs: number): Promise<boolean>
  free(name: string): Promise<void>
}

/** What changed at any instance since a number that was read before. */
export interface FleetChanges {
  readonly upTo: number
  readonly accounts: readonly AccountSnapshot[]
  readonly removed: readonly BlinkId[]
  readonly modules: readonly ModuleKey[]
}

export interface FleetRuns {
  /** True for the one instance that fans this run out; a run that was left unfinished is found with `unfinished`. */
  begin(run: number): Promise<boolean>
  unfinished(): Promise<readonly number[]>
  /** Account ids after `after`, at most `limit`, and the note that they are fanned out in the caller's transaction. */
  nextAccounts(run: number, limit: number): Promise<readonly BlinkId[]>
  fannedOut(run: number, upTo: BlinkId): Promise<void>
  /** Adds an account run's counts; returns the sums when it was the last one of the run. */
  finished(run: number, counts: RunCounts): Promise<RunCounts | undefined>
}

/** Commands that the owner of an account carries out, whichever instance was asked. */
export interface FleetCommands {
  ask(accountId: BlinkId, command: Command): Promise<string>
  /** `undefined` until it is carried out. */
  result(id: string): Promise<CommandResult | undefined>
  /** Those that wait for this account. */
  waiting(accountId: BlinkId): Promise<readonly { readonly id: string; readonly command: Command }[]>
  answer(id: string, result: CommandResult): Promise<void>
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
  /** For the queue of jobs, which has tables of its own. */
  readonly queue: SqlRunner
  readonly schema: string
  changesSince(number: number): Promise<FleetChanges>
}
