/**
 * What the middle of the house (`tick.ts`, `deliver.ts`) asks of the rooms around it (`blink/`, `store/`, `mqtt/`).
 *
 * The middle says what it needs and the rooms provide it, so another floor plan can use the same rooms.
 */
import type { StoreFailed } from './errors.ts'
import type {
  BlinkId,
  ManifestRequest,
  Message,
  ModuleChanges,
  ModuleKey,
  ModuleReport,
  SyncModule,
  WorkItem,
} from './model.ts'

/** One account at Blink's cloud. */
export interface Cloud {
  /** All sync modules of the account's home screen. */
  discover(signal: AbortSignal): Promise<readonly SyncModule[]>
  /** Asks the cloud to have a sync module list its clips. */
  requestManifest(module: ModuleKey, signal: AbortSignal): Promise<ManifestRequest>
}

/** What is known of the modules, and the way into the outbox. */
export interface Ledger {
  /** The modules of an account as they were last seen. */
  modulesOf(accountId: BlinkId): readonly SyncModule[]
  /** Compares the account's new list with the last one and keeps it. */
  seen(accountId: BlinkId, modules: readonly SyncModule[]): Promise<ModuleChanges>
  /**
   * Keeps what a module's turn came to; a work item enters the outbox in the same commit.
   *
   * @throws StoreFailed when it could not be kept; resolves when it is on disk
   */
  record(report: ModuleReport): Promise<void>
  /** Why an answer might not be kept, so that none should be asked for; `undefined` when all is well. */
  readonly trouble: StoreFailed | undefined
}

/** A work item the broker has not acknowledged; `seq` grows in the order of storing. */
export interface Waiting {
  readonly seq: number
  readonly item: WorkItem
}

/** Work items from the disk to the broker's acknowledgement. */
export interface Outbox {
  /** The oldest items, at most `limit`, but for those of the modules that `keyOf` names in `except`. */
  waiting(limit: number, except: Iterable<string>): readonly Waiting[]
  /** Forgets acknowledged items. */
  remove(seqs: Iterable<number>): Promise<void>
  /**
   * Drops items whose life is over; tells how many.
   *
   * @param spared those that the broker has or may have, looked at as they are when the disk writes
   */
  dropExpired(now: number, spared: Iterable<number>): Promise<number>
  /** How many items wait. */
  count(): number
  /** Calls back with each item that was added, in their order; returns what ends that. */
  onArrival(listener: (added: Waiting) => void): () => void
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
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Where log lines go. The message is a constant; what varies is in `fields`. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
