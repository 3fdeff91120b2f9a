/**
 * Notices new, changed and removed credentials while the daemon runs, and keeps idle ones alive.
 *
 * Every two seconds it reads one time of change, and the credentials only when that has moved: file system events
 * miss changes on network drives and on volumes shared with a container, and two seconds are soon enough for a
 * person who has just typed a code.
 *
 * A refresh token that nobody uses ends some day; after how long is nowhere documented, and clients that idle for
 * weeks have lost theirs. So one that no run has refreshed for a day is refreshed here, and not more often: each
 * refresh rotates the token, which is a risk of its own.
 */
import type { Clock } from '../domain/clock.ts'
import { DaemonError, LoginNeeded, StoreFailed } from '../domain/errors.ts'
import { explain } from '../domain/failure.ts'
import type { Credentials } from '../domain/model.ts'
import type { CredentialStore, Log } from '../domain/ports.ts'
import type { Secret } from '../domain/secret.ts'
import type { Account } from './account.ts'
import type { CredentialChanges, InUse } from './registry.ts'

const lookEveryMs = 2_000
const idleLookEveryMs = 60 * 60 * 1000
const idleMs = 24 * 60 * 60 * 1000

/**
 * Compares the credentials on disk with those in use. Pure.
 *
 * A file whose token is neither the one in use nor the one that this process wrote last was changed by somebody else, or
 * was being written while it was read: only the next look can say.
 *
 * @param before the tokens that looked strange the last time, by key
 */
export function credentialChanges(
  inUse: readonly InUse[],
  found: readonly Credentials[],
  before: ReadonlyMap<string, string>,
): CredentialChanges & { readonly strange: ReadonlyMap<string, string> } {
  const used = new Map(inUse.map((one) => [one.credentials.key, one]))
  const differs = found.filter(({ key, refreshToken, unusable }) => {
    const ours = used.get(key)
    // The one in use is as good as ever, and its file is made again when it is next renewed.
    if (unusable) return false
    return ours !== undefined && ![ours.credentials, ours.kept].some((one) => isToken(one, refreshToken))
  })
  const changed = differs.filter(({ key, refreshToken }) => before.get(key) === refreshToken.reveal())
  const waiting = differs.filter((one) => !changed.includes(one))
  const keys = new Set(found.map(({ key }) => key))
  const missing = inUse.map(({ credentials: used }) => used).filter(({ key }) => !keys.has(key))
  // A sign-in that was killed leaves two of one account, which must not take turns: those in use stay while they work.
  const isSpare = ({ accountId, refusedAt }: Credentials) =>
    accountId !== undefined &&
    inUse.some(({ credentials: ours }) => {
      const isBetter = ours.refusedAt === undefined || refusedAt !== undefined
      return ours.accountId === accountId && keys.has(ours.key) && isBetter
    })
  return {
    added: [...found.filter((one) => !used.has(one.key) && !isSpare(one)), ...changed],
    removed: missing.map(({ key }) => key),
    strange: new Map(waiting.map(({ key, refreshToken }) => [key, refreshToken.reveal()])),
  }
}

function isToken({ refreshToken }: Credentials, token: Secret): boolean {
  return refreshToken.reveal() === token.reveal()
}

export interface WatchNeeds {
  readonly credentials: Pick<CredentialStore, 'list' | 'changedAt'>
  /** The credentials in use, as they are now. */
  readonly inUse: () => readonly InUse[]
  readonly apply: (changes: CredentialChanges) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}

/** Watches until `signal` is aborted. A directory that cannot be read is logged once and read again later. */
export async function watchCredentials(needs: WatchNeeds, signal: AbortSignal): Promise<void> {
  const { credentials, clock, log } = needs
  let seen: number | undefined
  let strange: ReadonlyMap<string, string> = new Map()
  let isLogged = false
  while (!signal.aborted) {
    try {
      const changedAt = await credentials.changedAt()
      // That an owner was put right does not show in the directory.
      const isUnusable = needs.inUse().some(({ credentials: used }) => used.unusable)
      if (changedAt !== seen || strange.size > 0 || isUnusable) {
        const changes = credentialChanges(needs.inUse(), await credentials.list(), strange)
        strange = changes.strange
        if (changes.added.length + changes.removed.length > 0 && !signal.aborted) await needs.apply(changes)
        seen = changedAt
      }
      isLogged = false
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      if (!isLogged) {
        log.warn({ detail: error.message, remedy: error.remedy }, 'cannot look for new credentials')
      }
      isLogged = true
    }
    await clock.sleep(lookEveryMs, signal).catch(() => undefined)
  }
}

export interface IdleNeeds {
  readonly accounts: () => readonly Pick<Account, 'accountId' | 'session' | 'become'>[]
  readonly clock: Clock
  readonly log: Log
}

/** Refreshes idle credentials, looking once an hour until `signal` is aborted. */
export async function refreshIdle({ accounts, clock, log }: IdleNeeds, signal: AbortSignal): Promise<void> {
  const begun = clock.now()
  const tried = new Map<string, number>()
  while (!signal.aborted) {
    for (const account of accounts()) {
      const { accountId, session } = account
      const { key, refusedAt, refreshedAt = begun } = session.credentials
      const last = Math.max(refreshedAt, tried.get(key) ?? begun)
      if (refusedAt !== undefined || clock.now() - last < idleMs || signal.aborted) continue
      tried.set(key, clock.now())
      try {
        await session.accessToken(signal)
        log.debug({ account_id: accountId }, 'idle credentials refreshed')
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof DaemonError)) throw error
        log.debug({ account_id: accountId, detail: error.message }, 'cannot refresh idle credentials')
        // Signed in again meanwhile, it is the old token that was refused.
        const isCurrent = account.session === session
        if (error instanceof LoginNeeded && isCurrent) account.become(error.code, explain(error, clock.now()))
      }
    }
    await clock.sleep(idleLookEveryMs, signal).catch(() => undefined)
  }
}
