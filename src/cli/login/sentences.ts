/**
 * What `login` says, in sentences for a person and in lines of JSON for a program. Pure.
 */
import type { TokenLine, TokenLines } from '../../blink/credentials-file.ts'
import type { PendingSignIn } from '../../blink/sign-in.ts'
import { codeLifeMs, SignInRefused } from '../../blink/sign-in-responses.ts'
import { type Kept, resendAt } from '../../commands/sign-in.ts'
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

/** Where a code went, how long it lives, and when there can be another; without the end of the last line. */
export function whereSent(pending: Pick<PendingSignIn, 'sentAt' | 'challenge'>): string {
  const { phone, method } = pending.challenge ?? {}
  const way = method === undefined ? '' : ` by ${printable(method)}`
  const to = phone === undefined ? ' to your phone or e-mail' : ` to ${printable(phone)}`
  const until = timeOf(pending.sentAt + codeLifeMs)
  const another = timeOf(resendAt(pending))
  return `Blink has sent a code${way}${to}.\nIt is good until about ${until}; another one can be had from ${another} on.`
}

/** The time of day, as a person's clock shows it. */
export function timeOf(ms: number): string {
  return new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }).format(new Date(ms))
}

/** Which account is signed in, with advice where the end of its credentials is in sight. */
export function keptSentences({ credentials, unknown, replaced, pausedUntil }: Kept): string {
  const { accountId, region, clientId } = credentials
  const who = accountId === undefined ? 'the account' : `account ${accountId}`
  const where = region === undefined ? '' : ` in region ${printable(region)}`
  const isOfAccount = replaced.some((old) => old.accountId !== undefined)
  const before = isOfAccount ? ' It takes the place of the login before.' : ''
  const lines = [`Signed in: ${who}${where}.${before}`]
  for (const { key } of replaced.filter((old) => old.accountId === undefined)) {
    lines.push(`The login ${key} is given up for it: Blink had refused that one before it named its account.`)
  }
  if (pausedUntil !== undefined) {
    lines.push(`Blink wants a pause of this account until ${timeOf(pausedUntil)}.`)
  }
  if (unknown) {
    const again = pausedUntil === undefined ? 'with its first run' : 'after the pause'
    lines.push(
      `Blink did not say where the account is (${unknown.message}).`,
      `The login is kept all the same, and the daemon requests it ${again}.`,
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

export function keptLine({ credentials, unknown, replaced, pausedUntil }: Kept): string {
  return `${json({
    state: 'signed_in',
    account_id: credentials.accountId === undefined ? null : number(credentials.accountId),
    region: credentials.region ?? null,
    client_id: credentials.clientId,
    source: credentials.source,
    replaced: replaced.length,
    paused_until: timeOrNull(pausedUntil),
    error: unknown ? errorOf(unknown) : null,
  } satisfies LoginLine)}\n`
}

export function codeWantedLine(pending: PendingSignIn): string {
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

/** What to do when a login could not be kept. */
export function stoppedSentences({
  isPending,
  untried,
  unit,
}: {
  readonly isPending: boolean
  readonly untried: readonly TokenLine[]
  readonly unit: TokenLines['unit']
}): string {
  const numbers = untried.map(({ line }) => line).join(', ')
  const sentences = [
    ...(untried.length > 0 ? [`To lose no token, this was not tried: ${unit} ${numbers} of the file.`] : []),
    ...(isPending ? ['The newest token of the login that is not kept yet waits in the data directory.'] : []),
    'When the trouble is over, give the same command again, which goes on there.',
  ]
  return `${sentences.join('\n')}\n`
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
