/**
 * Carries out commands: the same work as a run's, through the same locks and the same circuit breaker.
 *
 * A person's button and a rule that runs in a loop look alike here, so each account has a token bucket, and a module
 * that was requested a moment ago answers with that request ID instead of being requested again.
 */
import type { Account } from '../accounts/account.ts'
import type { AccountRegistry } from '../accounts/registry.ts'
import { type FollowSettings, followsManifests, type Settings } from '../config/settings.ts'
import type {
  Command,
  CommandData,
  CommandError,
  CommandResult,
  ModuleResult,
  Target,
} from '../domain/commands.ts'
import { StoreFailed } from '../domain/errors.ts'
import {
  type Accepted,
  type BlinkId,
  type Failure,
  keyOf,
  type ModuleKey,
  type ModuleReport,
  type Selection,
} from '../domain/model.ts'
import type { CallerLimits, LogLevel, Observer, Runtime, StatusReader, Storage } from '../domain/ports.ts'
import type { BucketSize } from '../domain/token-bucket.ts'
import type { AccountRunResult, Runner } from '../scheduler/runner.ts'
import { memoryLimits } from './caller-limits.ts'
import { type StateCommand, stateCommands } from './state-commands.ts'
import { covers, targetsIn } from './targets.ts'

export interface CommandNeeds extends Pick<Runtime, 'clock'> {
  readonly registry: Pick<AccountRegistry, 'accounts' | 'unidentified'>
  readonly runner: Pick<Runner, 'command'>
  readonly storage: Pick<Storage, 'ledger' | 'pauses'>
  readonly status: Pick<StatusReader, 'health'>
  readonly settings: FollowSettings & Pick<Settings, 'modules'>
  readonly observer: Pick<Required<Observer>, 'moduleChanged' | 'rescanRequested' | 'settingsChanged'>
  readonly logLevel: { get(): LogLevel; set(level: LogLevel): unknown }
  /** In memory where nothing is said. */
  readonly limits?: CallerLimits | undefined
}

/** Carries out a command; a disk that fails is an error result. Rejects only for bugs. */
export type CommandHandler = (command: Command) => Promise<CommandResult>

/** The answer where clips are to be synced and manifests are not followed. */
const notFollowed: CommandResult = {
  error: { code: 'not_enabled', message: 'manifests are not followed: set manifest.follow or clips.enabled' },
}

/** So long a request ID counts as the answer to a command. */
const freshMs = 30_000
/** A list of modules this new need not be requested again. */
const listFreshMs = 60_000
/** A few presses in a row are a person, not a loop. */
const leastCapacity = 3
const rescans: BucketSize = { capacity: 2, perMinute: 1 }

/** @param listedAt when each account was listed last, by the clock that is never set */
export function commandHandler(needs: CommandNeeds, listedAt = new Map<BlinkId, number>()): CommandHandler {
  const { registry, runner, storage, settings, observer, clock } = needs
  const { ledger, pauses } = storage
  const { limits = memoryLimits(clock) } = needs
  const targets = targetsIn({ registry, ledger, rules: settings.modules })
  const changeState = stateCommands({ ...needs, targets, pauses })

  function isListOld({ accountId }: Account): boolean {
    const now = clock.elapsed()
    if (now - (listedAt.get(accountId) ?? Number.NEGATIVE_INFINITY) < listFreshMs) return false
    listedAt.set(accountId, now)
    return true
  }

  /** The request ID of a moment ago. */
  async function freshOf(key: ModuleKey): Promise<Fresh | undefined> {
    const last = await ledger.lastAccepted(key)
    const age = last ? clock.now() - last.requestedAt : Number.POSITIVE_INFINITY
    return last && age >= 0 && age < freshMs && last.expiresAt > clock.now() ? { ...key, ...last } : undefined
  }

  async function request(target: Target): Promise<CommandResult> {
    const unknown = await targets.unknown(target)
    if (unknown) return unknown
    const fresh: Fresh[] = []
    let waitMs = 0
    const choose = async (account: Account): Promise<Selection | undefined> => {
      const all = await targets.modules({ accountId: account.accountId })
      const wanted = all.filter((key) => covers(target, key))
      const stale: ModuleKey[] = []
      for (const key of wanted) {
        const item = await freshOf(key)
        if (item) fresh.push(item)
        else stale.push(key)
      }
      if (stale.length === 0 && wanted.length > 0) return undefined
      const size = { capacity: Math.max(leastCapacity, all.length), perMinute: Math.max(1, all.length) }
      const wait = await limits.take(account.accountId, Math.max(1, stale.length), size)
      if (wait > 0) {
        waitMs = Math.max(waitMs, wait)
        return undefined
      }
      const names = new Set(stale.map(keyOf))
      const everything = target.networkId === undefined
      // One that is named is requested without a new list: the cloud itself says when it is away.
      return {
        list: everything && isListOld(account),
        wants: (module) => names.has(keyOf(module)) || (everything && wanted.length === 0),
      }
    }
    const results = await runner.command(
      targets.accounts(target).map((account) => ({ account, choose: () => choose(account) })),
    )
    const retryAt = waitMs > 0 ? clock.now() + waitMs : undefined
    return requestResult({ results, fresh, retryAt })
  }

  async function rescan(): Promise<CommandResult> {
    let waitMs = 0
    const choose = async ({ accountId }: Account): Promise<Selection | undefined> => {
      const wait = await limits.take(`list ${accountId}`, 1, rescans)
      waitMs = Math.max(waitMs, wait)
      if (wait > 0) return undefined
      listedAt.set(accountId, clock.elapsed())
      return { list: true, wants: () => false }
    }
    // Each publishes all documents again, so with or without accounts there is a limit for it as well.
    if ((await limits.take('everything', 1, rescans)) === 0) observer.rescanRequested()
    const results = await runner.command(
      registry.accounts.map((account) => ({ account, choose: () => choose(account) })),
    )
    return rescanResult(results, waitMs)
  }

  async function rescanResult(results: readonly AccountRunResult[], waitMs: number): Promise<CommandResult> {
    const listed = results.filter(({ report }) => report?.changes)
    const changes = listed.flatMap(({ report }) => report?.changes ?? [])
    const count = (kind: 'found' | 'renamed' | 'gone') => changes.flatMap((change) => change[kind]).length
    const data: CommandData = {
      verb: 'rescan',
      accounts: listed.length,
      modules: await ledger.count(),
      found: count('found'),
      renamed: count('renamed'),
      gone: count('gone'),
    }
    if (listed.length > 0) return { data }
    if (waitMs > 0) {
      const message = 'discovered a moment ago'
      return { data, error: { code: 'throttled', message, retryable: true, retryAt: clock.now() + waitMs } }
    }
    const error = accountFailed(results)
    return error ? { data, error } : { data }
  }

  return carriesOut({ settings, request: ({ target }) => request(target), rescan, changeState })
}

/**
 * Carries out commands of one account alone, for whoever was asked: that one has the documents published again, once
 * for all accounts.
 */
export function accountCommandHandler(
  needs: Omit<CommandNeeds, 'registry'>,
): (account: Account, command: Command) => Promise<CommandResult> {
  const observer = { ...needs.observer, rescanRequested: () => undefined }
  const listedAt = new Map<BlinkId, number>()
  return (account, command) => {
    const registry = { accounts: [account], unidentified: [] }
    return commandHandler({ ...needs, observer, registry }, listedAt)(command)
  }
}

/** How each kind of command is carried out. */
interface Deeds {
  readonly settings: FollowSettings
  readonly request: (command: Command & { readonly target: Target }) => Promise<CommandResult>
  readonly rescan: () => Promise<CommandResult>
  readonly changeState: (command: StateCommand) => Promise<CommandResult>
}

export function carriesOut({ settings, request, rescan, changeState }: Deeds): CommandHandler {
  async function carryOut(command: Command): Promise<CommandResult> {
    switch (command.verb) {
      case 'manifest/request':
        return request(command)
      case 'clips/sync':
        // Whoever follows a request ID downloads what it lists.
        return followsManifests(settings) ? request(command) : notFollowed
      case 'rescan':
        return rescan()
      default:
        return changeState(command)
    }
  }

  return async (command) => {
    try {
      return await carryOut(command)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      return { error: { code: error.code, message: error.message, retryable: true } }
    }
  }
}

/** A request ID that is new enough to be the answer. */
type Fresh = ModuleKey & Accepted

interface RequestOutcome {
  readonly results: readonly AccountRunResult[]
  /** Of modules that were requested a moment before. */
  readonly fresh: readonly Fresh[]
  /** When an account that was requested too often may be requested again. */
  readonly retryAt: number | undefined
}

/** It is an error only when nothing at all was requested; what went wrong beside that stands in its list. */
function requestResult({ results, fresh, retryAt }: RequestOutcome): CommandResult {
  const reports = results.flatMap(({ report }) => report?.modules ?? [])
  const count = (kind: ModuleReport['kind']) => reports.filter((report) => report.kind === kind).length
  const data: CommandData = {
    verb: 'manifest/request',
    requested: count('requested'),
    reused: fresh.length,
    failed: count('failed'),
    skipped: count('skipped'),
    retryAt,
    modules: [...fresh.map(reused), ...reports.map(moduleResult)],
  }
  if (data.requested + data.reused > 0) return { data }
  const error = errorOf(reports, results, retryAt)
  return error ? { data, error } : { data }
}

/** The failure of the first account that could not be requested at all. */
function accountFailed(results: readonly AccountRunResult[]): CommandError | undefined {
  return asError(results.find(({ failure }) => failure)?.failure)
}

function errorOf(
  reports: readonly ModuleReport[],
  results: readonly AccountRunResult[],
  retryAt: number | undefined,
): CommandError | undefined {
  if (retryAt !== undefined) {
    const message = 'requested too often; the cloud locks accounts for that'
    return { code: 'throttled', message, retryable: true, retryAt }
  }
  const failed = reports.find((report) => report.kind === 'failed')
  if (failed?.kind === 'failed') return asError(failed.failure)
  const skipped = reports.find((report) => report.kind === 'skipped')
  if (skipped?.kind === 'skipped') {
    return { code: skipped.outcome, message: `not requested: ${skipped.reason.replaceAll('_', ' ')}` }
  }
  return accountFailed(results)
}

function asError(failure: Failure | undefined): CommandError | undefined {
  return failure && { ...failure, retryable: failure.retryable || failure.retryAt !== undefined }
}

function reused(item: Fresh): ModuleResult {
  return { module: item, outcome: 'requested', reused: true, accepted: item }
}

function moduleResult(report: ModuleReport): ModuleResult {
  const { module } = report
  return report.kind === 'requested'
    ? { module, outcome: 'requested', reused: false, accepted: report.item }
    : { module, outcome: report.outcome, reused: false, accepted: undefined }
}
