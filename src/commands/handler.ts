/**
 * What is done on a command: the same work as a tick's, through the same locks and the same breaker.
 *
 * A person's button and a rule that went wild look alike here, so each account has a bucket of tokens, and a
 * module that was asked a moment ago answers with that request ID instead of being asked again.
 */

import type { Account, AccountTick } from '../accounts/account.ts'
import type { Clock } from '../domain/clock.ts'
import { type AskRules, isWanted } from '../domain/eligibility.ts'
import { StoreFailed } from '../domain/errors.ts'
import { keyOf, type ModuleKey, type Selection } from '../domain/model.ts'
import type { LogLevel } from '../domain/ports.ts'
import type { Ticks } from '../scheduler/runner.ts'
import type { Stores } from '../storage/open.ts'
import type { Order, Result, Target } from '../topics/commands.ts'
import type { Retained } from '../topics/retained.ts'
import type * as wire from '../topics/schemas.ts'
import { accountFailed, type Fresh, requestResult } from './results.ts'
import { type Bucket, type BucketSize, take } from './token-bucket.ts'

export interface ObeyNeeds {
  readonly accounts: () => readonly Account[]
  readonly ticks: Ticks
  readonly stores: Pick<Stores, 'ledger' | 'pauses'>
  readonly rules: AskRules
  readonly retained: Retained
  readonly clock: Clock
  readonly logLevel: { get(): LogLevel; set(level: LogLevel): void }
  readonly health: () => wire.Health
  /** A person wants everything looked at again. */
  readonly rescanned: () => void
}

/** So long a request ID counts as the answer to a command. */
const freshMs = 30_000
/** A list of modules this new need not be asked for again. */
const listFreshMs = 60_000
/** A few presses in a row are a person, not a loop. */
const leastCapacity = 3
const rescans: BucketSize = { capacity: 2, perMinute: 1 }

/** Does what is ordered, and tells what came of it; a disk that fails refuses the order. */
export function obeyer(needs: ObeyNeeds): (order: Order) => Promise<Result> {
  const { accounts, ticks, stores, rules, retained, clock } = needs
  const { ledger, pauses } = stores
  const buckets = new Map<string, Bucket>()
  const listedAt = new Map<string, number>()

  const known = (target: Target) =>
    ledger.keys(target.accountId).filter((key) => covers(target, key) && isWanted(key, rules))

  /** Milliseconds to wait, or 0 when the tokens were taken. */
  function pay(name: string, cost: number, size: BucketSize): number {
    const { bucket, waitMs } = take(buckets.get(name), cost, { size, now: clock.elapsed() })
    buckets.set(name, bucket)
    return waitMs
  }

  function isListOld(account: Account): boolean {
    const now = clock.elapsed()
    if (now - (listedAt.get(account.loginKey) ?? Number.NEGATIVE_INFINITY) < listFreshMs) return false
    listedAt.set(account.loginKey, now)
    return true
  }

  /** The request ID of a moment ago. */
  function freshOf(key: ModuleKey): Fresh | undefined {
    const last = ledger.lastAccepted(key)
    const age = last ? clock.now() - last.requestedAt : Number.POSITIVE_INFINITY
    return last && age >= 0 && age < freshMs && last.expiresAt > clock.now() ? { ...key, ...last } : undefined
  }

  async function request(target: Target): Promise<Result> {
    const meant = accounts().filter(({ accountId }) => covers(target, { accountId }))
    const stranger = unknown(target, meant)
    if (stranger) return stranger
    const fresh: Fresh[] = []
    let waitMs = 0
    const choose = (account: Account): Selection | undefined => {
      const all = account.accountId === undefined ? [] : known({ accountId: account.accountId })
      const wanted = all.filter((key) => covers(target, key))
      const stale = wanted.filter((key) => {
        const item = freshOf(key)
        if (item) fresh.push(item)
        return !item
      })
      if (stale.length === 0 && wanted.length > 0) return undefined
      const size = { capacity: Math.max(leastCapacity, all.length), perMinute: Math.max(1, all.length) }
      const wait = pay(account.loginKey, Math.max(1, stale.length), size)
      if (wait > 0) {
        waitMs = Math.max(waitMs, wait)
        return undefined
      }
      const names = new Set(stale.map(keyOf))
      const everything = target.networkId === undefined
      // One that is named is asked without a new list: the cloud itself says when it is away.
      return {
        list: everything && isListOld(account),
        wants: (module) => names.has(keyOf(module)) || (everything && wanted.length === 0),
      }
    }
    const ticked = await ticks.command(meant.map((account) => ({ account, choose: () => choose(account) })))
    const retryAt = waitMs > 0 ? clock.now() + waitMs : undefined
    return requestResult({ ticked, fresh, retryAt })
  }

  async function rescan(): Promise<Result> {
    let waitMs = 0
    const choose = (account: Account): Selection | undefined => {
      const wait = pay(`list ${account.loginKey}`, 1, rescans)
      waitMs = Math.max(waitMs, wait)
      if (wait > 0) return undefined
      listedAt.set(account.loginKey, clock.elapsed())
      return { list: true, wants: () => false }
    }
    // Each says all documents again, so accounts or none, there is a measure for them as well.
    if (pay('everything', 1, rescans) === 0) needs.rescanned()
    const ticked = await ticks.command(
      accounts().map((account) => ({ account, choose: () => choose(account) })),
    )
    return rescanResult(ticked, waitMs)
  }

  function rescanResult(ticked: readonly AccountTick[], waitMs: number): Result {
    const listed = ticked.filter(({ report }) => report?.changes)
    const changes = listed.flatMap(({ report }) => report?.changes ?? [])
    const count = (kind: 'found' | 'renamed' | 'gone') => changes.flatMap((change) => change[kind]).length
    const data = {
      accounts: listed.length,
      modules: ledger.count(),
      found: count('found'),
      renamed: count('renamed'),
      gone: count('gone'),
    }
    if (listed.length > 0) return { data }
    if (waitMs > 0) {
      const message = 'discovered a moment ago'
      return { data, refusal: { code: 'throttled', message, retryable: true, retryAt: clock.now() + waitMs } }
    }
    const refusal = accountFailed(ticked)
    return refusal ? { data, refusal } : { data }
  }

  async function pause(target: Target, paused: boolean): Promise<Result> {
    const stranger = unknown(
      target,
      accounts().filter(({ accountId }) => covers(target, { accountId })),
    )
    if (stranger) return stranger
    const { accountId, networkId, syncModuleId } = target
    await pauses.set([accountId, networkId, syncModuleId].filter((id) => id !== undefined).join('/'), paused)
    const keys = known(target)
    for (const key of keys) retained.module(key, 'progress')
    return { data: { modules: keys.length, paused } }
  }

  /** A refusal that says what there is, for a target that names what is not there. */
  function unknown(target: Target, meant: readonly Account[]): Result | undefined {
    if (target.accountId === undefined) return undefined
    if (meant.length > 0 && (target.networkId === undefined || known(target).length > 0)) return undefined
    const all = meant.length > 0 ? known({ accountId: target.accountId }).map(keyOf) : undefined
    const names = all ?? accounts().map(({ accountId }) => accountId ?? 'one not known yet')
    const message = `no such ${all ? 'sync module' : 'account'}; known are ${names.slice(0, 20).join(', ') || 'none'}`
    return { refusal: { code: 'unknown_target', message } }
  }

  async function obey(order: Order): Promise<Result> {
    switch (order.verb) {
      case 'manifest/request':
        return request(order.target)
      case 'rescan':
        return rescan()
      case 'pause':
      case 'resume':
        return pause(order.target, order.verb === 'pause')
      case 'options': {
        if (order.logLevel !== undefined) needs.logLevel.set(order.logLevel)
        retained.bridge()
        return { data: { log_level: needs.logLevel.get() } }
      }
      case 'health':
        return { data: needs.health() }
    }
  }

  return (order) =>
    obey(order).catch((error: unknown) => {
      if (!(error instanceof StoreFailed)) throw error
      return { refusal: { code: error.code, message: error.message, retryable: true } }
    })
}

/** Whether a target's ids, as far as it has any, are those of this module or account. */
function covers(target: Target, key: { readonly [Name in keyof ModuleKey]?: string | undefined }): boolean {
  const same = (name: keyof ModuleKey) =>
    target[name] === undefined || key[name] === undefined || target[name] === key[name]
  if (target.accountId !== undefined && key.accountId === undefined) return false
  return same('accountId') && same('networkId') && same('syncModuleId')
}
