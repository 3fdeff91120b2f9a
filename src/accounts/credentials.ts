/**
 * Whose accounts these are: the logins on disk, those the environment brings, and which one stays where two are of
 * the same account.
 *
 * A rotated token on disk wins over the environment for as long as the environment's text has not changed, which
 * its fingerprint tells. A changed text is a new login and replaces the old one of the same account. A login that
 * was given up, by a logout or by a sign-in to the same account, does not come back with an unchanged text.
 */
import { loginOf, type TokenLine } from '../blink/credentials-file.ts'
import type { Login } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import { longerOf } from '../domain/retry-policy.ts'
import type { Logins } from '../storage/credentials.ts'

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
  for (const { key, accountId, unusable } of kept) {
    if (unusable) log.error({ login: key, account_id: accountId, ...unusable }, 'login cannot be used')
  }
  const roster = new Map(kept.map((login) => [login.key, login]))
  for (const line of fresh) {
    const login = loginOf(line, { key: keyOf(line), source: 'environment' })
    // An account id that the line does not tell is learned later; `settleRivals` decides then.
    const older = sameAccount(roster.values(), login)
    for (const old of older) await inherit(logins, old, login)
    await logins.save(login)
    for (const old of older) {
      await logins.remove(old.key)
      roster.delete(old.key)
      log.info({ account_id: login.accountId }, 'login replaced by the one in the environment')
    }
    roster.set(login.key, login)
  }
  return leaveOneEach(logins, [...roster.values()], log)
}

/** A sign-in that was killed right before its end has not given up the login whose place it takes. */
async function leaveOneEach(logins: Logins, all: readonly Login[], log: Log): Promise<readonly Login[]> {
  const stays = (login: Login) => sameAccount(all, login).every((other) => isBetter(login, other))
  const twins = all.filter((login) => !stays(login))
  for (const twin of twins) {
    const { key, accountId } = twin
    for (const other of sameAccount(all, twin)) if (stays(other)) await inherit(logins, twin, other)
    await logins.forget(key)
    log.info({ account_id: accountId, login: key }, 'login given up, another of its account stays')
  }
  return all.filter((login) => !twins.includes(login))
}

/** One that works before one that was refused, then the one that was refreshed last, then any. */
function isBetter(one: Login, other: Login): boolean {
  const [oneWorks, otherWorks] = [one.refusedAt === undefined, other.refusedAt === undefined]
  if (oneWorks !== otherWorks) return oneWorks
  const [at, otherAt] = [one.refreshedAt ?? 0, other.refreshedAt ?? 0]
  return at === otherAt ? one.key > other.key : at > otherAt
}

/** In a running daemon: sends nothing more by one login, and lets the other go on with its pause and its budget. */
export type HandOver = (from: Login, to: Login) => Promise<void>

/**
 * Leaves one login of an account that this login has turned out to belong to.
 *
 * One that a person made and that works stays: an environment's text that does not say whose it is may be older
 * than the sign-in. Any other gives way to this one, which has just proved to work. What the cloud asked of those
 * that go is asked of the one that stays, in memory and on disk, when this resolves.
 */
export async function settleRivals(
  logins: Logins,
  login: Login,
  { handOver, log }: { readonly handOver: HandOver; readonly log: Log },
): Promise<void> {
  const all = await logins.list()
  // Given up in the meantime, by a person who knows better.
  if (!all.some(({ key }) => key === login.key)) return
  const rivals = sameAccount(all, login)
  const isGood = ({ source, refusedAt }: Login) => source !== 'environment' && refusedAt === undefined
  const yields = login.source === 'environment' && rivals.some(isGood)
  const staying = yields ? rivals.filter(isGood) : [login]
  for (const going of yields ? [login] : rivals) {
    const { key, accountId, source } = going
    for (const stays of staying) {
      // In memory first: that holds when the disk does not play along.
      await handOver(going, stays)
      await inherit(logins, going, stays)
    }
    await logins.forget(key)
    const remedy = source === 'environment' ? { remedy: 'Take its line out of BLINK_TOKENS.' } : {}
    log.info({ account_id: accountId, login: key, ...remedy }, 'login given up, another of its account stays')
  }
}

/**
 * The logins whose place a new one takes: those of its account.
 *
 * Where there is none, it is the only one that the cloud has refused before it named its account. That asks nothing
 * any more and only waits for a sign-in; were there two, nobody could say which of them this one is for.
 */
export function replacedBy(login: Login, all: readonly Login[]): readonly Login[] {
  const older = sameAccount(all, login)
  const nameless = all.filter(
    ({ key, accountId, refusedAt }) =>
      key !== login.key && accountId === undefined && refusedAt !== undefined,
  )
  return older.length === 0 && nameless.length === 1 ? nameless : older
}

/**
 * What the cloud asked of an account is asked of its new login too: a pause goes on, and so does the day's budget.
 * Of several old logins the longest pause and the most requests count.
 */
export async function inherit(logins: Logins, from: Login, to: Login): Promise<void> {
  // Of one that nobody can name it is not known whether it is this account's.
  if (from.accountId === undefined || from.accountId !== to.accountId) return
  const [old, own] = [await logins.breaker(from.key), await logins.breaker(to.key)]
  if (longerOf(own, old) !== own) await logins.saveBreaker(to.key, old)
  const [spent, ownSpent] = [await logins.spent(from.key), await logins.spent(to.key)]
  const more = ownSpent && spent ? spent.day - ownSpent.day || spent.requests - ownSpent.requests : 1
  if (spent && more > 0) await logins.saveSpent(to.key, spent)
  const modules = await logins.moduleCount(from.key)
  if (modules !== undefined) await logins.saveModuleCount(to.key, modules, to.accountId)
}

function sameAccount(logins: Iterable<Login>, login: Login): Login[] {
  if (login.accountId === undefined) return []
  return [...logins].filter(({ key, accountId }) => key !== login.key && accountId === login.accountId)
}

function keyOf({ fingerprint }: TokenLine): string {
  return `environment-${fingerprint.slice(0, 16)}`
}
