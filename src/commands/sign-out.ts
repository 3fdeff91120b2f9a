/**
 * Signing an account out. A running daemon notices it and removes the account's topics.
 */
import { removeLimits } from '../accounts/account.ts'
import type { Credentials } from '../domain/model.ts'
import type { CredentialStore, LimitStore } from '../domain/ports.ts'
import type { Words } from '../domain/words.ts'

interface Stores {
  readonly credentials: CredentialStore
  readonly limits: LimitStore
}

/**
 * Forgets the credentials of an account with its pause and its budgets, and returns them; none when there are no such credentials.
 *
 * @param account an account id, or the key of credentials whose account is not known
 */
export async function signOut(
  { credentials, limits }: Stores,
  account: string,
): Promise<readonly Credentials[]> {
  const all = await credentials.list()
  const forgotten = all.filter(({ key, accountId }) => accountId === account || key === account)
  for (const { key, accountId } of forgotten) {
    await credentials.forget(key)
    await removeLimits(limits, accountId ?? key)
  }
  return forgotten
}

/** What is to be known after a sign-out. Pure. */
export function signedOutWords(forgotten: readonly Credentials[]): readonly Words[] {
  const isGiven = forgotten.some(({ source }) => source === 'environment')
  return [
    ['A running daemon stops requesting for it within seconds and removes its topics.'],
    ...(isGiven
      ? [['Its line in BLINK_TOKENS is ignored from now on, until it is changed; better remove it.']]
      : []),
    ['Blink still lists this installation among the devices of the account; remove it in the app.'],
  ]
}
