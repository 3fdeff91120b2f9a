/**
 * Signing an account out. A running daemon notices it and removes the account's topics.
 */
import { removeLimits } from '../accounts/account.ts'
import type { Credentials } from '../domain/model.ts'
import type { CredentialStore, LimitStore } from '../domain/ports.ts'

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
