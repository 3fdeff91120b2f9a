/**
 * The message about an account that could not be requested.
 */
import { needsPerson } from '../domain/failure.ts'
import type { AccountStatus, Failure } from '../domain/model.ts'

interface Unasked {
  /** The account's id, or the key of credentials whose account is not known. */
  readonly account: string
  readonly status: AccountStatus
  readonly failure: Failure
}

/** Why, and what to do about it. */
export function complaint({ account, status, failure }: Unasked): string {
  const { message, remedy } = failure
  const lines = [`blink-manifestd: ${account}: ${message}${remedy ? `. ${remedy}` : ''}`]
  // Nobody can tell whose it is, so a sign-in to its account need not have ended it.
  if (!/^\d+$/.test(account) && needsPerson(status)) {
    lines.push(`If its account is signed in by now, forget this one: \`blink-manifestd logout ${account}\`.`)
  }
  return `${lines.join('\n')}\n`
}
