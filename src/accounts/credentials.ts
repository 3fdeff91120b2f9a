/**
 * Which credentials are used: those on disk and those that the environment brings, one for each account.
 *
 * A rotated token on disk wins over the environment for as long as the environment's text has not changed, which its
 * fingerprint shows. A changed text is a new sign-in and replaces the older one of the same account. Credentials that
 * were given up, by a logout or by a later sign-in, do not come back with an unchanged text.
 */
import { credentialsOf, type TokenLine } from '../blink/credentials-file.ts'
import { StoreFailed } from '../domain/errors.ts'
import type { Credentials } from '../domain/model.ts'
import type { CredentialStore, Log } from '../domain/ports.ts'

/** Whether the environment brings anything that is neither kept nor given up. */
export async function bringsNews(store: CredentialStore, lines: readonly TokenLine[]): Promise<boolean> {
  if (lines.length === 0) return false
  const kept = new Set((await store.list()).map(({ fingerprint }) => fingerprint))
  const forgotten = await store.forgotten()
  return lines.some((line) => {
    const isForgotten = keysOf(line).some((key) => forgotten.has(key))
    return !kept.has(line.fingerprint) && !isForgotten
  })
}

/** The key of a line's credentials, and the one that they have while their account is not known. */
function keysOf({ fingerprint, accountId }: TokenLine): readonly [string, string] {
  const plain = `environment-${fingerprint.slice(0, 16)}`
  return [keyedByAccount({ key: plain, accountId }).key, plain]
}

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
    const [key, plain] = keysOf(line)
    if (forgotten.has(key) || forgotten.has(plain)) {
      const remedy = 'Remove it from BLINK_TOKENS.'
      log.info({ line: line.line, remedy }, 'credentials of the environment were given up, not used')
      continue
    }
    const credentials = credentialsOf(line, { key, source: 'environment' })
    await store.save(credentials)
    fresh.push(credentials)
  }
  const isReplaced = (one: Credentials) =>
    fresh.some((other) => other.key === one.key || isSameAccount(one, other))
  const left = [...kept.filter((one) => !isReplaced(one)), ...fresh]
  // A sign-in that was killed right before its end has not given up the credentials that it replaces.
  const best = left.filter((one) => sameAccount(left, one).every((other) => isBetter(one, other)))
  const used = new Set(best.map(({ key }) => key))
  for (const one of [...kept, ...fresh]) if (!used.has(one.key)) await giveUp(store, one, log)
  return Promise.all(best.map((one) => rekey(store, one, forgotten)))
}

/** Credentials of an older version have a key that does not name their account; a disk that fails leaves them so. */
async function rekey(
  store: CredentialStore,
  credentials: Credentials,
  forgotten: ReadonlySet<string>,
): Promise<Credentials> {
  const keyed = keyedByAccount(credentials)
  if (keyed.key === credentials.key || credentials.unusable || forgotten.has(keyed.key)) return credentials
  try {
    await store.save(keyed)
  } catch (error) {
    if (error instanceof StoreFailed) return credentials
    throw error
  }
  await store.forget(credentials.key).catch(() => undefined)
  return keyed
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

/**
 * Keeps credentials by the account that they have turned out to belong to, and gives up the others of it. Returns
 * false where these give way: a sign-in that works stays, since a text of the environment that does not name its
 * account may be older.
 *
 * @param key by which they were kept until now
 */
export async function settleIdentified(
  store: CredentialStore,
  { key, credentials }: { readonly key: string; readonly credentials: Credentials },
  log: Log,
): Promise<boolean> {
  const all = await store.list()
  // Given up in the meantime, by a person who knows better.
  if (!all.some((one) => one.key === key)) return false
  const others = sameAccount(all, credentials).filter((one) => one.key !== key)
  const isGood = ({ source, refusedAt }: Credentials) => source !== 'environment' && refusedAt === undefined
  if (credentials.source === 'environment' && others.some(isGood)) {
    await giveUp(store, { ...credentials, key }, log)
    return false
  }
  await store.save(credentials)
  if (credentials.key !== key) await store.forget(key)
  for (const older of others) await giveUp(store, older, log)
  return true
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

function sameAccount(all: readonly Credentials[], credentials: Credentials): readonly Credentials[] {
  return all.filter((other) => other.key !== credentials.key && isSameAccount(other, credentials))
}

function isSameAccount({ accountId }: Credentials, other: Credentials): boolean {
  return accountId !== undefined && accountId === other.accountId
}

/** Those that work before those that were refused, then those refreshed last, then those with a key of the account. */
function isBetter(one: Credentials, other: Credentials): boolean {
  const [works, otherWorks] = [one.refusedAt === undefined, other.refusedAt === undefined]
  if (works !== otherWorks) return works
  const [at, otherAt] = [one.refreshedAt ?? 0, other.refreshedAt ?? 0]
  if (at !== otherAt) return at > otherAt
  const [isKeyed, otherIsKeyed] = [one, other].map((each) => keyedByAccount(each).key === each.key)
  return isKeyed === otherIsKeyed ? one.key > other.key : isKeyed === true
}
