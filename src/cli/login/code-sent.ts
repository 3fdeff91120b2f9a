/**
 * What a person is told of a code that is on its way: where it went, how long it lives, when there can be another.
 */
import type { PendingSignIn } from '../../blink/sign-in.ts'
import { codeLifeMs } from '../../blink/sign-in-responses.ts'
import { printable } from '../terminal.ts'

/** When another code may be asked for. */
export function resendAt({ sentAt, challenge }: Pick<PendingSignIn, 'sentAt' | 'challenge'>): number {
  return sentAt + (challenge?.resendAfterMs ?? 0)
}

/** Two sentences for a terminal, without the end of the last line. */
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
