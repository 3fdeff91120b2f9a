/**
 * Which modules need no request now, because the answer of a moment ago still stands: a run at startup, a command and
 * a scheduled run may come together, and a supervisor may start the daemon every few seconds. The cloud is to notice
 * none of it.
 *
 * What a scheduled run has requested never counts against the next one, so no regular run leaves a module out.
 */
import type { Clock } from '../domain/clock.ts'
import { type EligibilityRules, ineligibility, isWanted } from '../domain/eligibility.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { BlinkId, ModuleKey, SkipReason, SyncModule, Trigger } from '../domain/model.ts'
import type { Log, Storage } from '../domain/ports.ts'
import type { Timetable } from './timetable.ts'

export interface RecentNeeds {
  readonly storage: Pick<Storage, 'ledger' | 'pauses' | 'starts'>
  readonly rules: EligibilityRules
  readonly times: Timetable
  readonly clock: Clock
  readonly log: Log
  readonly stopping: AbortSignal
  /** Whether other instances request as well: then the start of this process is none of all of them. */
  readonly isShared?: boolean
}

export interface RecentRequests {
  /** Why a run does not request this module, or `undefined` when it does. */
  skipReason(module: SyncModule, trigger: Trigger): Promise<SkipReason | undefined>
  /** Whether all of the account's modules have an answer that will do: then not even their list is requested. */
  isAnswered(accountId: BlinkId, trigger: Trigger): Promise<boolean>
  /** A module was requested. */
  requested(trigger: Trigger): void
  /**
   * Waits until the run at startup may request an account, by its id, or by its credentials' key; false when the next
   * scheduled run does.
   */
  mayStart(account: string): Promise<boolean>
}

/** So long an ID that was requested at startup, by command or by `once` does for a scheduled run. */
const sparesRunMs = 30_000
/** Restarts do not request more often than a schedule may. */
const betweenStartsMs = 60_000
const minuteMs = 60_000

export function recentRequests(needs: RecentNeeds): RecentRequests {
  const { storage, rules, times, clock, log, stopping } = needs
  const { ledger, pauses, starts } = storage
  const begunAt = needs.isShared ? Number.POSITIVE_INFINITY : clock.now()
  /** Until then there may be answers that count; the schedule alone makes none. */
  let watchfulUntil = clock.elapsed() + betweenStartsMs

  /** A fast schedule is its owner's wish, for restarts as well. */
  const startsApartMs = () => Math.min(betweenStartsMs, (times.intervalMs() ?? Number.POSITIVE_INFINITY) / 2)

  async function hasAnswer(key: ModuleKey, trigger: Trigger): Promise<boolean> {
    if (clock.elapsed() > watchfulUntil) return false
    // A failure is logged where it is written; not to know is no reason not to request.
    const last = await unlessUnreadable(ledger.lastAccepted(key), undefined)
    if (!last || last.expiresAt <= clock.now()) return false
    const ageMs = clock.now() - last.requestedAt
    if (ageMs < 0) return false
    // What this process has requested has nothing to do with restarts, as with credentials added while it runs.
    if (trigger === 'start') return last.requestedAt < begunAt && ageMs < startsApartMs()
    if (trigger !== 'schedule') return false
    const intervalMs = times.intervalMs() ?? Number.POSITIVE_INFINITY
    return last.trigger !== 'schedule' && ageMs < sparesRunMs && intervalMs >= minuteMs
  }

  async function isAnswered(accountId: BlinkId, trigger: Trigger): Promise<boolean> {
    if (clock.elapsed() > watchfulUntil) return false
    const keys = (await unlessUnreadable(ledger.keys(accountId), [])).filter((key) => isWanted(key, rules))
    for (const key of keys) if (!(await hasAnswer(key, trigger))) return false
    return keys.length > 0
  }

  async function note(account: string): Promise<void> {
    try {
      await starts.note(account)
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      log.warn({ detail: error.message, remedy: error.remedy }, 'cannot store the time of the run at startup')
    }
  }

  return {
    isAnswered,
    async skipReason(module, trigger) {
      const isRegular = trigger === 'schedule' || trigger === 'start'
      const reason = ineligibility(module, rules)
      if (reason !== undefined || !isRegular) return reason
      if (await pauses.isPaused(module)) return 'paused'
      return (await hasAnswer(module, trigger)) ? 'asked_recently' : undefined
    },
    requested(trigger) {
      if (trigger === 'schedule') return
      watchfulUntil = Math.max(watchfulUntil, clock.elapsed() + sparesRunMs)
    },
    async mayStart(account) {
      if (await isAnswered(account, 'start')) return true
      const lastAt = await starts.lastAt(account)
      const waitMs = lastAt === undefined ? 0 : Math.max(0, lastAt + startsApartMs() - clock.now())
      if (waitMs > 0) {
        const [next = Number.POSITIVE_INFINITY] = times.next()
        const isLeft = next + times.offsetOf(account) <= clock.now() + waitMs + sparesRunMs
        const fields = { account_id: account, wait_s: Math.ceil(waitMs / 1000), left_to_schedule: isLeft }
        log.info(fields, 'run at startup waits: the last one was a moment ago')
        if (isLeft) return false
        await clock.sleep(waitMs, stopping).catch(() => undefined)
        if (stopping.aborted) return false
      }
      await note(account)
      return true
    },
  }
}

async function unlessUnreadable<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof StoreFailed) return otherwise
    throw error
  }
}
