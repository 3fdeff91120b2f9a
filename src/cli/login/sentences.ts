/**
 * What `login` says, in sentences for a person and in lines of JSON for a program. Pure.
 */
import type { TokenLine, TokenLines } from '../../blink/credentials-file.ts'
import type { PendingSignIn } from '../../blink/sign-in.ts'
import { codeLifeMs, SignInRefused } from '../../blink/sign-in-responses.ts'
import { type Kept, resendAt } from '../../commands/sign-in.ts'
import { failedWords, keptWords } from '../../commands/sign-in-words.ts'
import { iso } from '../../domain/clock.ts'
import {
  AccountThrottled,
  CloudError,
  CloudRefused,
  type DaemonError,
  LoginNeeded,
  StoreFailed,
} from '../../domain/errors.ts'
import { visibleInLine } from '../../domain/printable.ts'
import { json, number, timeOrNull } from '../../domain/text.ts'
import { textOf, type Words } from '../../domain/words.ts'
import type { LoginLine, SignInFailure } from '../../topics/cli-schemas.ts'
import { type ExitCode, exit, exitCodeOf } from '../exit.ts'

/** The time of day, as a person's clock shows it. */
export function timeOf(ms: number): string {
  return new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }).format(new Date(ms))
}

/** Sentences, one a line; without the end of the last line. */
export function lines(sentences: readonly Words[]): string {
  return sentences.map((one) => visibleInLine(textOf(one, timeOf))).join('\n')
}

export function keptSentences(kept: Kept): string {
  const notice = 'A running daemon notices within seconds; otherwise start it with `blink-manifestd run`.'
  return `${lines(keptWords(kept))}\n${notice}\n`
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
  return `blink-manifestd: ${lines(failedWords(error))}\n`
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
