/**
 * Makes a login the daemon's: tried once, kept under a new name, and those it takes the place of given up.
 *
 * A new name, because a daemon that runs beside may this very moment write to the old file what its own token has
 * become. Kept in one step and not touched afterwards, for the same reason.
 */

import { inherit, replacedBy } from '../../accounts/credentials.ts'
import { blinkAccount } from '../../blink/account.ts'
import type { Identity } from '../../blink/client.ts'
import type { Tokens } from '../../blink/sign-in.ts'
import { type AccountThrottled, DaemonError, LoginNeeded } from '../../domain/errors.ts'
import type { Login } from '../../domain/model.ts'
import { afterThrottle, closedUntil, opensBreaker } from '../../domain/retry-policy.ts'
import type { Bench } from './bench.ts'

export interface Kept {
  readonly login: Login
  /** Why the cloud did not tell account and region; the daemon will ask for them. */
  readonly unknown: DaemonError | undefined
  /** The logins that were given up for it. */
  readonly replaced: readonly Login[]
  /** When the pause that the cloud asked of this account, before or just now, is over. */
  readonly pausedUntil: number | undefined
}

/**
 * Tries a login once and keeps it.
 *
 * @param fresh the tokens of a sign-in, which need no refresh to be tried
 * @throws LoginNeeded and other errors of the cloud when the token does not work; nothing is kept then
 */
export async function keepLogin(bench: Bench, login: Login, fresh?: Tokens): Promise<Kept> {
  const { http, settings, install, logins, pending, clock, log, terminal } = bench
  const kept = (await logins.list()).find(({ key }) => key === login.key)
  // Killed right after that: a daemon may have used the login since, and our token with it.
  if (kept && kept.refusedAt === undefined) return settled(bench, kept)
  let tried = fresh !== undefined
  const { session, cloud } = blinkAccount(settings.blink, {
    login,
    hardwareId: install.hardwareId,
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
    if (error instanceof LoginNeeded) await forgetNote(bench, login)
    if (!tried || error instanceof LoginNeeded || !(error instanceof DaemonError)) throw error
    unknown = error
  }
  const works = { ...session.login, ...identity }
  // Before it is saved, since a daemon takes it up at once, with whatever pause is there.
  for (const old of replacedBy(works, await logins.list())) await inherit(logins, old, works)
  if (opensBreaker(unknown)) await pause(bench, works, unknown)
  await logins.save(works)
  return settled(bench, works, unknown)
}

/** What is left to do when a login is kept: those whose place it takes are given up. */
async function settled(bench: Bench, login: Login, unknown?: DaemonError): Promise<Kept> {
  const { logins, clock } = bench
  const replaced = replacedBy(login, await logins.list())
  for (const { key } of replaced) await logins.forget(key)
  await forgetNote(bench, login)
  const pausedUntil = closedUntil(await logins.breaker(login.key), clock.now())
  return { login, unknown, replaced, pausedUntil }
}

/** Keeps the pause that the cloud has just asked for; one of before that is longer goes on. */
async function pause({ logins, clock }: Bench, { key }: Login, error: AccountThrottled): Promise<void> {
  const before = await logins.breaker(key)
  const { failures, openUntil } = afterThrottle(before, error, { now: clock.now(), chance: clock.random() })
  await logins.saveBreaker(key, {
    failures,
    openUntil: Math.max(openUntil ?? 0, before.openUntil ?? 0),
  })
}

/** The next sign-in must not go on with a login that is kept, or is worth nothing; a note of another stays. */
async function forgetNote({ pending }: Bench, { key }: Login): Promise<void> {
  const note = await pending.read()
  if (note?.step === 'keep' && note.login.key === key) await pending.remove()
}
