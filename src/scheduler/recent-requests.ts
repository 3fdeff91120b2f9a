/**
 * Who need not be asked now, because the answer of a moment ago still stands: a tick on start, a command and a slot
 * may come together, and a supervisor may start the daemon every few seconds. The cloud is to notice none of it.
 *
 * What the schedule itself has asked for never counts against it, so no regular tick is ever left out.
 */

import type { Account } from '../accounts/account.ts'
import type { Clock } from '../domain/clock.ts'
import { type AskRules, isWanted, reasonToSkip } from '../domain/eligibility.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { BlinkId, ModuleKey, SkipReason, SyncModule, Trigger } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import type { Stores } from '../storage/open.ts'
import type { Starts } from '../storage/start-throttle.ts'

export interface RecentNeeds {
  readonly stores: Pick<Stores, 'ledger' | 'pauses'> & { readonly starts: Starts }
  readonly rules: AskRules
  /** The next two slots, in milliseconds since the epoch. */
  readonly slots: () => readonly number[]
  /** An account's moment after a slot, in milliseconds. */
  readonly offsetOf: (account: string) => number
  readonly clock: Clock
  readonly log: Log
  readonly stopping: AbortSignal
}

export interface Recent {
  /** Why a tick does not ask this module, or `undefined` when it does. */
  reasonToSkip(module: SyncModule, trigger: Trigger): SkipReason | undefined
  /** Whether all of the account's modules have an answer that will do: then not even their list is asked for. */
  isAnswered(accountId: BlinkId, trigger: Trigger): boolean
  /** A module was asked. */
  asked(trigger: Trigger): void
  /** Waits until the tick on start may ask an account; false when the next slot does. */
  mayStart(account: Account): Promise<boolean>
}

/** So long an ID that was asked for on start, by command or by `once` does for a slot. */
const sparesSlotMs = 30_000
/** Restarts do not ask more often than a schedule may. */
const betweenStartsMs = 60_000
const minuteMs = 60_000

/** Looks into the ledger. */
export function askedRecently(needs: RecentNeeds): Recent {
  const { stores, rules, slots, offsetOf, clock, log, stopping } = needs
  const { ledger, pauses, starts } = stores
  const begunAt = clock.now()
  /** Until then there may be answers that count; the schedule alone makes none. */
  let watchfulUntil = clock.elapsed() + betweenStartsMs

  function intervalMs(): number {
    const [next, afterNext] = slots()
    return next === undefined || afterNext === undefined ? Number.POSITIVE_INFINITY : afterNext - next
  }

  /** A fast schedule is its owner's wish, for restarts as well. */
  const startsApartMs = () => Math.min(betweenStartsMs, intervalMs() / 2)

  function hasAnswer(key: ModuleKey, trigger: Trigger): boolean {
    if (clock.elapsed() > watchfulUntil) return false
    const last = lastOf(key)
    if (!last || last.expiresAt <= clock.now()) return false
    const ageMs = clock.now() - last.requestedAt
    if (ageMs < 0) return false
    // What this process has asked for is no matter of restarts, as with a login that comes while it runs.
    if (trigger === 'start') return last.requestedAt < begunAt && ageMs < startsApartMs()
    if (trigger !== 'schedule') return false
    return last.trigger !== 'schedule' && ageMs < sparesSlotMs && intervalMs() >= minuteMs
  }

  function lastOf(key: ModuleKey) {
    try {
      return ledger.lastAccepted(key)
    } catch (error) {
      // Told of where it is written; not to know is no reason not to ask.
      if (error instanceof StoreFailed) return undefined
      throw error
    }
  }

  function wanted(accountId: BlinkId): readonly ModuleKey[] {
    try {
      return ledger.keys(accountId).filter((key) => isWanted(key, rules))
    } catch (error) {
      if (error instanceof StoreFailed) return []
      throw error
    }
  }

  function isAnswered(accountId: BlinkId, trigger: Trigger): boolean {
    if (clock.elapsed() > watchfulUntil) return false
    const keys = wanted(accountId)
    return keys.length > 0 && keys.every((key) => hasAnswer(key, trigger))
  }

  function restMs(loginKey: string): number {
    const lastAt = starts.lastAt(loginKey)
    return lastAt === undefined ? 0 : Math.max(0, lastAt + startsApartMs() - clock.now())
  }

  async function note(loginKey: string): Promise<void> {
    try {
      await starts.note(loginKey)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      log.warn({ detail: error.message, remedy: error.remedy }, 'cannot keep when this start has asked')
    }
  }

  return {
    isAnswered,
    reasonToSkip(module, trigger) {
      const isRegular = trigger === 'schedule' || trigger === 'start'
      const reason = reasonToSkip(module, rules)
      if (reason !== undefined || !isRegular) return reason
      if (pauses.isPaused(module)) return 'paused'
      return hasAnswer(module, trigger) ? 'asked_recently' : undefined
    },
    asked(trigger) {
      if (trigger === 'schedule') return
      watchfulUntil = Math.max(watchfulUntil, clock.elapsed() + sparesSlotMs)
    },
    async mayStart({ accountId, loginKey }) {
      if (accountId !== undefined && isAnswered(accountId, 'start')) return true
      const waitMs = restMs(loginKey)
      if (waitMs > 0) {
        const [slot = Number.POSITIVE_INFINITY] = slots()
        const left = slot + offsetOf(accountId ?? loginKey) <= clock.now() + waitMs + sparesSlotMs
        const fields = { account_id: accountId, login: loginKey, wait_s: Math.ceil(waitMs / 1000) }
        log.info({ ...fields, left_to_slot: left }, 'tick on start waits: the last one was a moment ago')
        if (left) return false
        await clock.sleep(waitMs, stopping).catch(() => undefined)
        if (stopping.aborted) return false
      }
      await note(loginKey)
      return true
    },
  }
}
