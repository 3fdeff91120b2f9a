/**
 * Makes a login the daemon's: tried once, kept under a new name, and those it takes the place of given up.
 *
 * A new name, because a daemon that runs beside may this very moment write to the old file what its own token has
 * become. Kept in one step and not touched afterwards, for the same reason.
 */

import { keyedByAccount, replacedBy } from '../../accounts/credentials.ts'
import { createCloud, type Identity } from '../../blink/client.ts'
import { createSession } from '../../blink/session.ts'
import type { Tokens } from '../../blink/sign-in.ts'
import { type AccountThrottled, DaemonError, LoginNeeded } from '../../domain/errors.ts'
import type { Credentials } from '../../domain/model.ts'
import { afterThrottle, closedUntil, opensBreaker } from '../../domain/retry-policy.ts'
import type { SignInContext } from './context.ts'

export interface Kept {
  readonly login: Credentials
  /** Why the cloud did not tell account and region; the daemon will ask for them. */
  readonly unknown: DaemonError | undefined
  /** The logins that were given up for it. */
  readonly replaced: readonly Credentials[]
  /** When the pause that the cloud asked of this account, before or just now, is over. */
  readonly pausedUntil: number | undefined
}

/**
 * Tries a login once and keeps it.
 *
 * @param fresh the tokens of a sign-in, which need no refresh to be tried
 * @throws LoginNeeded and other errors of the cloud when the token does not work; nothing is kept then
 */
export async function keepLogin(context: SignInContext, login: Credentials, fresh?: Tokens): Promise<Kept> {
  const { http, settings, installation, credentials, pending, clock, log, terminal } = context
  const isSame = ({ key }: Credentials) => key === login.key || key.endsWith(`-${login.key}`)
  const kept = (await credentials.list()).find(isSame)
  // Killed right after that: a daemon may have used the login since, and our token with it.
  if (kept && kept.refusedAt === undefined) return settled(context, kept)
  let tried = fresh !== undefined
  const { oauthUrl, restUrl } = settings.blink
  const session = createSession({
    credentials: login,
    hardwareId: installation.hardwareId,
    oauthUrl,
    http,
    clock,
    log,
    ...(fresh && { access: fresh }),
    async save(changed) {
      if (changed.refusedAt !== undefined) return
      // The token it came with may be worth nothing by now: this one must not be lost.
      await pending.save({ step: 'keep', login: changed })
      tried = true
    },
  })
  const cloud = createCloud({ session, http, restUrl, clock, log })
  let identity: Identity | undefined
  let unknown: DaemonError | undefined
  try {
    if (fresh === undefined) await session.accessToken(terminal.stop)
    tried = true
    identity = await cloud.check(terminal.stop)
  } catch (error) {
    // A refresh goes on, and its answer may hold the only good token; it has the deadline of any request.
    if (terminal.stop.aborted) {
      if (!tried) terminal.err('Stopping as soon as Blink has answered, so that no token is lost.\n')
      await session.settled()
    }
    if (error instanceof LoginNeeded) await forgetNote(context, login)
    if (!tried || error instanceof LoginNeeded || !(error instanceof DaemonError)) throw error
    unknown = error
  }
  const works = keyedByAccount({ ...session.credentials, ...identity })
  // Before it is saved, since a daemon takes it up at once, with whatever pause is there.
  if (opensBreaker(unknown)) await pause(context, works, unknown)
  await credentials.save(works)
  return settled(context, works, unknown)
}

/** What is left to do when a login is kept: those whose place it takes are given up. */
async function settled(context: SignInContext, login: Credentials, unknown?: DaemonError): Promise<Kept> {
  const { credentials, limits, clock } = context
  const replaced = replacedBy(login, await credentials.list())
  for (const { key } of replaced) await credentials.forget(key)
  await forgetNote(context, login)
  const pausedUntil = closedUntil(await limits.breaker(limitsOf(login)), clock.now())
  return { login, unknown, replaced, pausedUntil }
}

/** Keeps the pause that the cloud has just asked for; one of before that is longer goes on. */
async function pause(
  { limits, clock }: SignInContext,
  login: Credentials,
  error: AccountThrottled,
): Promise<void> {
  const name = limitsOf(login)
  const before = await limits.breaker(name)
  const { failures, openUntil } = afterThrottle(before, error, { now: clock.now(), chance: clock.random() })
  await limits.saveBreaker(name, {
    failures,
    openUntil: Math.max(openUntil ?? 0, before.openUntil ?? 0),
  })
}

/** The name by which the limits of these credentials are kept. */
function limitsOf({ accountId, key }: Credentials): string {
  return accountId ?? key
}

/** The next sign-in must not go on with a login that is kept, or is worth nothing; a note of another stays. */
async function forgetNote({ pending }: SignInContext, { key }: Credentials): Promise<void> {
  const note = await pending.read()
  if (note?.step === 'keep' && (key === note.login.key || key.endsWith(`-${note.login.key}`)))
    await pending.remove()
}
