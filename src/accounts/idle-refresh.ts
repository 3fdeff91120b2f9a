/**
 * Keeps logins alive whose account is seldom asked: a refresh token that nobody uses ends some day.
 *
 * After how long is nowhere documented; clients that idle for weeks have lost theirs. So a token that no tick has
 * refreshed for a day is refreshed, and not more often: each refresh rotates the token, which is a risk of its own.
 * With the usual schedules ticks do it, and nothing happens here.
 */
import type { Session } from '../blink/session.ts'
import type { Clock } from '../domain/clock.ts'
import { DaemonError, LoginNeeded } from '../domain/errors.ts'
import type { Log } from '../domain/ports.ts'
import type { Guard } from './circuit-breaker.ts'

const lookEveryMs = 60 * 60 * 1000
const idleMs = 24 * 60 * 60 * 1000

export interface KeepFreshNeeds {
  readonly ways: readonly { readonly session: Session; readonly guard: Pick<Guard, 'through'> }[]
  /** Told the key of a login that turned out to be withdrawn. */
  readonly withdrawn: (key: string) => void
  readonly clock: Clock
  readonly log: Log
}

/** Looks once an hour until `signal` is aborted. */
export async function keepFresh(needs: KeepFreshNeeds, signal: AbortSignal): Promise<void> {
  const { clock, log } = needs
  const begun = clock.now()
  const tried = new Map<string, number>()
  while (!signal.aborted) {
    for (const way of needs.ways) {
      const { key, accountId, refusedAt, refreshedAt = begun } = way.session.login
      const last = Math.max(refreshedAt, tried.get(key) ?? begun)
      if (refusedAt !== undefined || clock.now() - last < idleMs || signal.aborted) continue
      tried.set(key, clock.now())
      try {
        await way.guard.through(() => way.session.accessToken(signal))
        log.debug({ account_id: accountId }, 'idle login refreshed')
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof DaemonError)) throw error
        log.debug({ account_id: accountId, detail: error.message }, 'idle login could not be refreshed')
        if (error instanceof LoginNeeded) needs.withdrawn(key)
      }
    }
    await clock.sleep(lookEveryMs, signal).catch(() => undefined)
  }
}
