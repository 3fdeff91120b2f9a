/**
 * Whose accounts these are: the logins on disk, and those the environment brings.
 *
 * A rotated token on disk wins over the environment for as long as the environment's text has not changed, which
 * its fingerprint tells. A changed text is a new login and replaces the old one of the same account. A login that
 * was given up, by a logout or by a sign-in to the same account, does not come back with an unchanged text.
 */
import { loginOf, type TokenLine } from '../blink/tokens.ts'
import type { Login } from '../model.ts'
import type { Log } from '../ports.ts'
import type { Logins } from '../store/logins.ts'

/** The logins to use, with those of the environment taken over to disk. */
export async function takeRoster(
  logins: Logins,
  lines: readonly TokenLine[],
  log: Log,
): Promise<readonly Login[]> {
  const kept = await logins.list()
  const forgotten = await logins.forgotten()
  const unknown = lines.filter(({ fingerprint }) => !kept.some((login) => login.fingerprint === fingerprint))
  const fresh = unknown.filter((line) => !forgotten.has(keyOf(line)))
  for (const { line } of unknown.filter((login) => !fresh.includes(login))) {
    log.info(
      { line, remedy: 'Take it out of BLINK_TOKENS.' },
      'login of the environment was given up, not used',
    )
  }
  const roster = new Map(kept.map((login) => [login.key, login]))
  for (const line of fresh) {
    const login = loginOf(line, { key: keyOf(line), source: 'environment' })
    await logins.save(login)
    // An account id that the line does not tell is learned later; `replaceOlder` then does the same.
    for (const old of sameAccount(roster.values(), login)) {
      await logins.remove(old.key)
      roster.delete(old.key)
      log.info({ account_id: login.accountId }, 'login replaced by the one in the environment')
    }
    roster.set(login.key, login)
  }
  return [...roster.values()]
}

/** Removes other logins of the account that this login turned out to belong to. */
export async function replaceOlder(logins: Logins, login: Login): Promise<void> {
  for (const old of sameAccount(await logins.list(), login)) await logins.remove(old.key)
}

function sameAccount(logins: Iterable<Login>, login: Login): Login[] {
  if (login.accountId === undefined) return []
  return [...logins].filter(({ key, accountId }) => key !== login.key && accountId === login.accountId)
}

function keyOf({ fingerprint }: TokenLine): string {
  return `environment-${fingerprint.slice(0, 16)}`
}
