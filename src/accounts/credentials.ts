/**
 * Which credentials are used: those on disk and those that the environment brings, one for each account.
 *
 * A rotated token on disk wins over the environment for as long as the environment's text has not changed, which its
 * fingerprint shows. A changed text is a new sign-in and replaces the older one of the same account. Credentials that
 * were given up, by a logout or by a later sign-in, do not come back with an unchanged text.
 */
import { credentialsOf, type TokenLine } from '../blink/credentials-file.ts'
import type { Credentials } from '../domain/model.ts'
import type { CredentialStore, Log } from '../domain/ports.ts'

/** The credentials to use, with those of the environment taken over to disk. */
export async function takeOver(
  store: CredentialStore,
  lines: readonly TokenLine[],
  log: Log,
): Promise<readonly Credentials[]> {
  const kept = await store.list()
  const forgotten = await store.forgotten()
  const unknown = lines.filter(({ fingerprint }) => !kept.some((one) => one.fingerprint === fingerprint))
  for (const { key, accountId, unusable } of kept) {
    if (unusable)
      log.error({ credentials: key, account_id: accountId, ...unusable }, 'credentials cannot be used')
  }
  const fresh: Credentials[] = []
  for (const line of unknown) {
    const plain = `environment-${line.fingerprint.slice(0, 16)}`
    const { key } = keyedByAccount({ key: plain, accountId: line.accountId })
    if (forgotten.has(key) || forgotten.has(plain)) {
      const remedy = 'Remove it from BLINK_TOKENS.'
      log.info({ line: line.line, remedy }, 'credentials of the environment were given up, not used')
      continue
    }
    const credentials = credentialsOf(line, { key, source: 'environment' })
    await store.save(credentials)
    fresh.push(credentials)
  }
  const replaced = new Set(fresh.flatMap((one) => sameAccount(kept, one)))
  const left = [...kept.filter((one) => !replaced.has(one)), ...fresh]
  // A sign-in that was killed right before its end has not given up the credentials that it replaces.
  const best = left.filter((one) => sameAccount(left, one).every((other) => isBetter(one, other)))
  for (const one of [...kept, ...fresh]) if (!best.includes(one)) await giveUp(store, one, log)
  return best
}

/**
 * The same with a key that names the account: it is known then even when the file is damaged.
 */
export function keyedByAccount<C extends Pick<Credentials, 'key' | 'accountId'>>(credentials: C): C {
  const { key, accountId } = credentials
  const prefix = `${accountId}-`
  return accountId === undefined || key.startsWith(prefix)
    ? credentials
    : { ...credentials, key: prefix + key }
}

/** Gives up the other credentials of an account for these, which are newer. */
export async function replaceOlder(
  store: CredentialStore,
  credentials: Credentials,
  { all, log }: { readonly all: readonly Credentials[]; readonly log: Log },
): Promise<void> {
  for (const older of sameAccount(all, credentials)) await giveUp(store, older, log)
}

/**
 * The credentials that new ones replace: those of the same account.
 *
 * Where there are none, the only ones that the cloud has refused before it named their account. These request nothing
 * any more and only wait for a sign-in; were there two, nobody could say which of them the new ones are for.
 */
export function replacedBy(credentials: Credentials, all: readonly Credentials[]): readonly Credentials[] {
  const older = sameAccount(all, credentials)
  const unidentified = all.filter(
    ({ key, accountId, refusedAt }) =>
      key !== credentials.key && accountId === undefined && refusedAt !== undefined,
  )
  return older.length === 0 && unidentified.length === 1 ? unidentified : older
}

async function giveUp(
  store: CredentialStore,
  { key, accountId, source }: Credentials,
  log: Log,
): Promise<void> {
  await store.forget(key)
  const remedy = source === 'environment' ? { remedy: 'Remove its line from BLINK_TOKENS.' } : {}
  log.info({ account_id: accountId, credentials: key, ...remedy }, 'credentials replaced by newer ones')
}

function sameAccount(all: Iterable<Credentials>, { key, accountId }: Credentials): readonly Credentials[] {
  if (accountId === undefined) return []
  return [...all].filter((other) => other.key !== key && other.accountId === accountId)
}

/** Those that work before those that were refused, then those refreshed last, then any. */
function isBetter(one: Credentials, other: Credentials): boolean {
  const [works, otherWorks] = [one.refusedAt === undefined, other.refusedAt === undefined]
  if (works !== otherWorks) return works
  const [at, otherAt] = [one.refreshedAt ?? 0, other.refreshedAt ?? 0]
  return at === otherAt ? one.key > other.key : at > otherAt
}
