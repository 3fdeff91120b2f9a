/**
 * What a person or a program is told at the end of a sign-in. Pure, but for the terminal it is written to.
 */

import type { PendingSignIn } from '../../blink/sign-in.ts'
import { codeLifeMs, SignInRefused } from '../../blink/sign-in-responses.ts'
import { iso } from '../../domain/clock.ts'
import {
  AccountThrottled,
  CloudError,
  CloudRefused,
  type DaemonError,
  LoginNeeded,
  StoreFailed,
} from '../../domain/errors.ts'
import { json, number, timeOrNull } from '../../domain/text.ts'
import type { LoginLine, SignInFailure } from '../../topics/cli-schemas.ts'
import { type ExitCode, exit, exitCodeOf } from '../exit.ts'
import { printable } from '../terminal.ts'
import { resendAt, timeOf } from './code-sent.ts'
import type { Kept } from './keep.ts'

/** What a login is, in the words of the command, with advice where its end is in sight. */
export function keptSentences({ login, unknown, replaced, pausedUntil }: Kept): string {
  const { accountId, region, clientId } = login
  const who = accountId === undefined ? 'the account' : `account ${accountId}`
  const where = region === undefined ? '' : ` in region ${printable(region)}`
  const isOfAccount = replaced.some((old) => old.accountId !== undefined)
  const before = isOfAccount ? ' It takes the place of the login before.' : ''
  const lines = [`Signed in: ${who}${where}.${before}`]
  for (const { key } of replaced.filter((old) => old.accountId === undefined)) {
    lines.push(`The login ${key} is given up for it: Blink had refused that one before it named its account.`)
  }
  if (pausedUntil !== undefined) {
    lines.push(`Blink has asked this account for a pause until ${timeOf(pausedUntil)}, which goes on.`)
  }
  if (unknown) {
    const again = pausedUntil === undefined ? 'at its first tick' : 'after the pause'
    lines.push(
      `Blink did not tell where the account is (${unknown.message}).`,
      `The login is kept all the same, and the daemon asks again ${again}.`,
    )
  }
  if (clientId !== 'ios') lines.push(...retiredClient(clientId))
  lines.push('A running daemon notices within seconds; otherwise start it with `blink-manifestd run`.')
  return `${lines.join('\n')}\n`
}

/** A token lives and dies with the client it was issued to. */
function retiredClient(clientId: string): readonly string[] {
  return [
    `This token was issued to the client ${printable(clientId)}, for which Blink gives no new logins any more. It is`,
    'refreshed as that client for as long as Blink allows it; nobody knows until when. The day it stops, the account',
    'says `login_required`: sign in then (or better now) with `blink-manifestd login`.',
  ]
}

export function keptLine({ login, unknown, replaced, pausedUntil }: Kept): string {
  return `${json({
    state: 'signed_in',
    account_id: login.accountId === undefined ? null : number(login.accountId),
    region: login.region ?? null,
    client_id: login.clientId,
    source: login.source,
    replaced: replaced.length,
    paused_until: timeOrNull(pausedUntil),
    error: unknown ? errorOf(unknown) : null,
  } satisfies LoginLine)}\n`
}

/** Behind the sentences of where the code went. */
export function wantedSentences(): string {
  return `Go on with \`blink-manifestd login\` where there is a terminal, or with --code-file.\n`
}

export function wantedLine(pending: PendingSignIn): string {
  const { challenge, sentAt } = pending
  return `${json({
    state: 'code_wanted',
    phone: challenge?.phone ?? null,
    method: challenge?.method ?? null,
    sent_at: iso(sentAt),
    resend_at: timeOrNull(resendAt(pending)),
    expires_at: iso(sentAt + codeLifeMs),
  } satisfies LoginLine)}\n`
}

export function failedSentences(error: DaemonError): string {
  const at = error instanceof CloudError ? error.retryAt : undefined
  const until = at === undefined ? '' : `. Not before ${timeOf(at)}`
  return [`blink-manifestd: ${error.message}${until}`, ...(error.remedy ? [error.remedy] : []), ''].join('\n')
}

export function failedLine(error: DaemonError): string {
  return `${json({ state: 'failed', error: errorOf(error) } satisfies LoginLine)}\n`
}

function errorOf(error: DaemonError): SignInFailure {
  const cloud = error instanceof CloudError ? error : undefined
  return {
    code: error.code,
    message: error.message,
    remedy: error.remedy ?? null,
    http_status: cloud?.status ?? null,
    body_code: cloud?.bodyCode ?? null,
    retry_at: timeOrNull(cloud?.retryAt),
  }
}

/** 77 where a person must do something else than wait, 75 where waiting is all. */
export function exitOf(error: DaemonError): ExitCode {
  if (error instanceof SignInRefused) {
    return ['too_many_codes', 'too_quick', 'edge_refused'].includes(error.code) ? exit.temporary : exit.login
  }
  if (error instanceof StoreFailed) return exitCodeOf(error)
  if (error instanceof AccountThrottled) return exit.temporary
  return error instanceof LoginNeeded || error instanceof CloudRefused ? exit.login : exit.temporary
}
