/**
 * The nouns of the program: read this first, then the ports between its parts in `ports.ts`.
 *
 * Everything here is a plain readonly value. Times are milliseconds since the
 * epoch inside the program and become ISO 8601 text only where they leave it.
 */

import type { ClipCounts, ClipNew, ClipTotals, KeptReading, ManifestReady } from './clip.ts'
import type { Secret } from './secret.ts'

/**
 * An id of Blink's: decimal digits without sign or leading zeros.
 *
 * Text, because Blink's ids are 64 bit wide and a JavaScript number keeps only 53 of them.
 */
export type BlinkId = string

/** What names a sync module. The three ids together are the key: one alone is not unique over accounts. */
export interface ModuleKey {
  readonly accountId: BlinkId
  readonly networkId: BlinkId
  readonly syncModuleId: BlinkId
}

/** State of the local storage as the cloud names it; `unknown` stands for every value we have never seen. */
export type StorageStatus =
  | 'active'
  | 'memory_full'
  | 'format_required'
  | 'unmounted'
  | 'unavailable'
  | 'incompatible'
  | 'unknown'

/** A sync module as the home screen shows it. Texts are the owner's and may hold anything. */
export interface SyncModule extends ModuleKey {
  readonly name: string
  readonly networkName: string | undefined
  readonly serial: string | undefined
  /** Blink's type string, for instance `sm2`. */
  readonly model: string | undefined
  readonly firmware: string | undefined
  readonly connection: 'online' | 'offline' | 'unknown'
  readonly onboarded: boolean
  /** `undefined` when the cloud does not say, as with modules from before local storage. */
  readonly storage: StorageStatus | undefined
}

/** What caused a run. */
export type Trigger = 'schedule' | 'start' | 'command' | 'once'

/** One firing of the schedule for all accounts, or a run that something else caused. */
export interface Run {
  /** The run's time, ISO 8601; the same for all accounts. */
  readonly tickId: string
  readonly trigger: Trigger
  /** How long an account run may go on sending requests, in milliseconds. A length, since the wall clock may be set. */
  readonly budgetMs: number
}

/** The results of all modules of a run. */
export type RunCounts = Readonly<Record<ModuleReport['kind'], number>> & { readonly elapsedMs: number }

/** Some of an account's modules, as a command wants them. */
export interface Selection {
  /** Whether to request a new list; else the modules of the last one are meant. */
  readonly list: boolean
  wants(module: SyncModule): boolean
}

/** The result of one module in one run: see docs/mqtt-api.md, "Outcomes". */
export type Outcome =
  | 'requested'
  | 'busy'
  | 'offline'
  | 'no_storage'
  | 'incompatible'
  | 'skipped'
  | 'throttled'
  | 'login_required'
  | 'unreachable'
  | 'error'
  | 'unknown'

/** Why a module was not requested: see docs/mqtt-api.md, "Events". */
export type SkipReason =
  | 'excluded'
  | 'paused'
  | 'not_onboarded'
  | 'offline'
  | 'no_storage'
  | 'incompatible'
  | 'asked_recently'
  | 'out_of_time'

/** A failure as the outside may see it: never a token, an e-mail address or the text of an answer. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly remedy?: string
  readonly httpStatus?: number
  readonly bodyCode?: number
  readonly retryable: boolean
  readonly retryAt?: number
}

/** One accepted request: what pollers, rules and people get. `eventId` distinguishes copies. */
export interface WorkItem extends ModuleKey {
  readonly eventId: string
  readonly requestId: BlinkId
  readonly trigger: Trigger
  readonly tickId: string
  /** 1 for the first try in the run. */
  readonly attempt: number
  readonly pollPath: string
  readonly pollUrl: string
  readonly requestedAt: number
  readonly expiresAt: number
}

/** What is stored of each kind of durable event. */
export interface EventBodies {
  readonly manifest_requested: WorkItem
  readonly manifest_ready: ManifestReady
  readonly clip_new: ClipNew
}

export type EventKind = keyof EventBodies

/** The kinds of durable events, in the order of their priority: a request ID does not live long. */
export const eventKinds: readonly EventKind[] = ['manifest_requested', 'manifest_ready', 'clip_new']

/** An event that is stored before it is published, until the broker has acknowledged it or it has expired. */
export type DurableEvent = {
  readonly [Kind in EventKind]: {
    readonly kind: Kind
    /** Events of one key are published in the order of storing. A key belongs to one kind. */
    readonly orderKey: string
    readonly expiresAt: number
    readonly body: EventBodies[Kind]
  }
}[EventKind]

interface ReportBase {
  readonly module: SyncModule
  readonly at: number
  readonly attempts: number
}

/** The result of one module in a run. `attempts` counts the requests sent for it. */
export type ModuleReport =
  | (ReportBase & { readonly kind: 'requested'; readonly item: WorkItem; readonly latencyMs: number })
  | (ReportBase & { readonly kind: 'failed'; readonly outcome: Outcome; readonly failure: Failure })
  | (ReportBase & {
      readonly kind: 'skipped'
      readonly outcome: Outcome
      readonly reason: SkipReason
      /** Whether the previous attempt was skipped for the same reason. */
      readonly repeated?: boolean
    })

/** What only a person can mend, by signing in: a token that is withdrawn, a cloud that wants a code. */
export type PersonNeeded = 'login_required' | 'two_factor_required'

/** The account as a whole, as published in `account/<id>/state`. */
export const accountStatuses = [
  'ok',
  'login_required',
  'two_factor_required',
  'throttled',
  'unreachable',
] as const

export type AccountStatus = (typeof accountStatuses)[number]

/** How the list of an account's sync modules differs from the last one. */
export interface ModuleChanges {
  readonly found: readonly SyncModule[]
  readonly renamed: readonly SyncModule[]
  /** Those of which anything is not as it was, the found and the missing among them. */
  readonly altered: readonly SyncModule[]
  /** Missing from several lists in a row; reported once. */
  readonly gone: readonly SyncModule[]
}

/** The result of one account run. */
export interface AccountRunReport {
  readonly accountId: BlinkId
  readonly run: Run
  readonly startedAt: number
  readonly finishedAt: number
  /** `undefined` when the list of modules did not come. */
  readonly changes: ModuleChanges | undefined
  readonly account: { readonly status: AccountStatus; readonly failure?: Failure }
  readonly modules: readonly ModuleReport[]
  /** Requests that the account has cost today, and may cost. */
  readonly budget: { readonly spent: number; readonly limit: number }
}

/** The account as a whole, since when, and when it is tried again. */
export interface AccountSnapshot {
  readonly accountId: BlinkId
  readonly status: AccountStatus
  readonly since: number
  readonly detail: string | undefined
  readonly retryAt: number | undefined
}

/** A module as it is shown: its record, and what follows from its account and the schedule. */
export interface ModuleSnapshot {
  readonly record: ModuleRecord
  /** Can it be requested now: account `ok`, module there, drive readable. */
  readonly available: boolean
  readonly paused: boolean
  readonly accountStatus: AccountStatus
  readonly intervalMs: number | undefined
  readonly nextAttemptAt: number | undefined
  /** What is on the stick and on disk; `undefined` where manifests are not followed, or none has come yet. */
  readonly clips?: (ClipCounts & ClipTotals) | undefined
  /** How full the drive is; `undefined` as above, and where the drive cannot be read. */
  readonly drive?: KeptReading | undefined
}

/** One request to the cloud: `status` of an answer, or `errorCode` when there was none. */
export interface CloudCall {
  /** The account's id, or the key of credentials whose account is not known yet. */
  readonly account: string
  /** For instance `homescreen`. */
  readonly kind: string
  readonly status?: number
  readonly errorCode?: string
  /** False only when not one byte of the request was written. */
  readonly sent: boolean
  readonly ms: number
}

/** The connection to the broker. */
export interface BrokerState {
  readonly connected: boolean
  /** MQTT version of the last connection that stood: 5, or 4 for 3.1.1. */
  readonly protocol: 4 | 5 | undefined
  /** When `connected` last changed, in milliseconds since the epoch. */
  readonly since: number
  /** Why there is no connection, or why the last one ended. */
  readonly lastError: string | undefined
  /** Connections after the first. */
  readonly reconnects: number
}

/** The parts of the daemon and their state. */
export interface Health {
  readonly version: string
  readonly uptimeMs: number
  readonly nextRunAt: number | undefined
  readonly broker: BrokerState
  readonly accounts: readonly AccountSnapshot[]
  readonly store: { readonly state: 'ok' | 'failing'; readonly detail: string | undefined }
  /** `undefined` when storage cannot be read, as with `waiting`. */
  readonly modules: number | undefined
  readonly waiting: number | undefined
}

/** How many requests an account has cost the cloud in one day, counted since the epoch. */
export interface Spent {
  readonly day: number
  readonly requests: number
  /** The largest budget of that day. */
  readonly limit: number
}

/** A sync module as the last lists showed it. */
export interface Sighting {
  readonly module: SyncModule
  /** Lists in a row that did not show the module; 0 for a module that is there. */
  readonly missing: number
}

/** The results of a sync module so far. */
export interface Progress {
  readonly requestsTotal: number
  readonly failuresInARow: number
  readonly lastAttemptAt: number | undefined
  readonly lastOutcome: Outcome | undefined
  readonly lastFailure: Failure | undefined
  /** Why the module was skipped last, and whether it was for the same reason before. */
  readonly lastSkip: { readonly reason: SkipReason; readonly repeated: boolean } | undefined
  readonly lastLatencyMs: number | undefined
  readonly lastAccepted: Accepted | undefined
}

/** What is kept of an accepted request when its work item is gone. */
export type Accepted = Pick<WorkItem, 'requestId' | 'trigger' | 'requestedAt' | 'expiresAt'>

/** What is kept of a sync module from run to run. */
export interface ModuleRecord extends Sighting, Progress {
  /** Work items that had not expired when the last one was added, newest last. */
  readonly recent: readonly WorkItem[]
}

/** One account's credentials as kept on disk. `key` names the record and never changes. */
export interface Credentials {
  readonly key: string
  readonly source: 'environment' | 'import' | 'login'
  /** Of the text it came from, to distinguish a changed text from a rotated token. */
  readonly fingerprint: string | undefined
  /** The client the token was issued to; a token is refreshed only by the same one. */
  readonly clientId: string
  readonly refreshToken: Secret
  readonly accountId: BlinkId | undefined
  readonly region: string | undefined
  /** Overrides the installation's own when the token came with one. */
  readonly hardwareId: string | undefined
  /** When the cloud refused the refresh token; nothing is requested with it after that. */
  readonly refusedAt: number | undefined
  /** What the refusal wants of a person; `login_required` where it does not say. */
  readonly refusedFor?: PersonNeeded | undefined
  /** Why its file is of no use, and what to do; then there is no token, and a person must sign in. */
  readonly unusable?: { readonly message: string; readonly remedy: string } | undefined
  /** When the token was last rotated; absent when it has not been since it was taken over. */
  readonly refreshedAt?: number | undefined
}

/** An answered manifest request. */
export interface ManifestRequest {
  readonly requestId: BlinkId
  readonly pollPath: string
  readonly pollUrl: string
}

/** One MQTT publish. */
export interface Message {
  readonly topic: string
  /** Empty with `retain` clears a retained topic. */
  readonly payload: string
  readonly retain: boolean
  /** MQTT 5 only: the broker drops the message after this many seconds. */
  readonly expirySeconds?: number
  readonly json?: boolean
  readonly userProperties?: Readonly<Record<string, string>>
  /** The same with a little less in it, for a broker to which it is too large; absent when nothing can be left out. */
  readonly smaller?: () => Message
  /** Its publisher tries again until the broker has taken it, whatever the broker answers. */
  readonly durable?: boolean
  /** Something that happened, for rules: two of one topic are published some time apart. */
  readonly event?: boolean
}

/** The text that names a sync module in maps, files and log lines. */
export function keyOf({ accountId, networkId, syncModuleId }: ModuleKey): string {
  return `${accountId}/${networkId}/${syncModuleId}`
}

/** The sync module that a text of `keyOf` names. */
export function keyIn(name: string): ModuleKey {
  const [accountId = '', networkId = '', syncModuleId = ''] = name.split('/')
  return { accountId, networkId, syncModuleId }
}
