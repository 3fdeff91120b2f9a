/**
 * Notices new, changed and removed logins while the daemon runs.
 *
 * By looking every two seconds at one time of change, that of the directory, and at the files only when it has moved:
 * watching by the system's events misses changes on network drives and on volumes shared with a container, and two
 * seconds are soon enough for a person who has just typed a code.
 */
import type { Clock } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Login } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import type { Secret } from '../domain/secret.ts'
import type { Logins } from '../storage/credentials.ts'

const lookEveryMs = 2_000

/** How the logins on disk differ from those in use. */
export interface LoginChanges {
  readonly entered: readonly Login[]
  /** Keys. */
  readonly left: readonly string[]
}

/** A login in use, as it is in memory and as we last wrote it: they differ while the disk is slow or takes nothing. */
export interface InUse {
  readonly login: Login
  readonly kept: Login
}

/**
 * Compares the logins on disk with those in use. Pure.
 *
 * A file whose token is neither the one in use nor the one that we wrote last was changed by somebody else, or we wrote
 * it while it was read: only the next look can tell.
 *
 * @param before the tokens that looked strange the last time, by key
 */
export function loginChanges(
  inUse: readonly InUse[],
  found: readonly Login[],
  before: ReadonlyMap<string, string>,
): LoginChanges & { readonly strange: ReadonlyMap<string, string> } {
  const used = new Map(inUse.map((one) => [one.login.key, one]))
  const differs = found.filter(({ key, refreshToken, unusable }) => {
    const ours = used.get(key)
    // The one in use is as good as ever, and its file is made again when it is next renewed.
    if (unusable) return false
    return ours !== undefined && ![ours.login, ours.kept].some((one) => isToken(one, refreshToken))
  })
  const changed = differs.filter(({ key, refreshToken }) => before.get(key) === refreshToken.reveal())
  const waiting = differs.filter((login) => !changed.includes(login))
  const keys = new Set(found.map(({ key }) => key))
  const missing = inUse.map(({ login }) => login).filter(({ key }) => !keys.has(key))
  return {
    entered: [...found.filter(({ key }) => !used.has(key)), ...changed],
    left: [...missing, ...changed].map(({ key }) => key),
    strange: new Map(waiting.map(({ key, refreshToken }) => [key, refreshToken.reveal()])),
  }
}

function isToken({ refreshToken }: Login, token: Secret): boolean {
  return refreshToken.reveal() === token.reveal()
}

export interface FollowNeeds {
  readonly logins: Pick<Logins, 'list' | 'changedAt'>
  /** The logins in use, as they are now. */
  readonly inUse: () => readonly InUse[]
  readonly apply: (changes: LoginChanges) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}

/** Follows until `signal` is aborted. A directory that cannot be read is told once and looked at again. */
export async function followLogins(needs: FollowNeeds, signal: AbortSignal): Promise<void> {
  const { logins, clock, log } = needs
  let seen: number | undefined
  let strange: ReadonlyMap<string, string> = new Map()
  let told = false
  while (!signal.aborted) {
    try {
      const changedAt = await logins.changedAt()
      // That an owner was put right does not show in the directory.
      const isUnusable = needs.inUse().some(({ login }) => login.unusable)
      if (changedAt !== seen || strange.size > 0 || isUnusable) {
        const changes = loginChanges(needs.inUse(), await logins.list(), strange)
        strange = changes.strange
        if (changes.entered.length + changes.left.length > 0 && !signal.aborted) await needs.apply(changes)
        seen = changedAt
      }
      told = false
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
      if (!told) log.warn({ detail: error.message, remedy: error.remedy }, 'cannot look for new logins')
      told = true
    }
    await clock.sleep(lookEveryMs, signal).catch(() => undefined)
  }
}
