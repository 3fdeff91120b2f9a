/**
 * What a person is told of an account that could not be asked.
 */
import { needsPerson } from '../domain/failure.ts'
import type { AccountStatus, BlinkId, Failure } from '../domain/model.ts'

interface Unasked {
  readonly loginKey: string
  /** `undefined` when the cloud has never named it. */
  readonly accountId: BlinkId | undefined
  readonly status: AccountStatus
  readonly failure: Failure
}

/** Why, and what to do about it. */
export function complaint({ loginKey, accountId, status, failure }: Unasked): string {
  const { message, remedy } = failure
  const lines = [`blink-manifestd: ${accountId ?? loginKey}: ${message}${remedy ? `. ${remedy}` : ''}`]
  // Nobody can tell whose it is, so a sign-in to its account need not have ended it.
  if (accountId === undefined && needsPerson(status)) {
    lines.push(`If its account is signed in by now, forget this one: \`blink-manifestd logout ${loginKey}\`.`)
  }
  return `${lines.join('\n')}\n`
}
