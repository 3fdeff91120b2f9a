/**
 * The accounts of a running daemon, who come and go with their logins.
 *
 * Who enters is asked at once; who leaves is asked no more, and what was published of them is cleared. A login that
 * takes the place of another of the same account does both, and nothing is cleared then.
 */
import type { BlinkId } from '../domain/model.ts'
import type { Log } from '../domain/ports.ts'
import type { Account } from './account.ts'
import type { Clouds, Way } from './contexts.ts'
import type { LoginChanges } from './credential-watcher.ts'

export interface HouseholdNeeds {
  readonly clouds: Clouds
  /** Makes an account that stops when `gone` is aborted. */
  readonly accountFor: (way: Way, gone: AbortSignal) => Account
  /** Says again, or clears, what is published of an account. */
  readonly republish: (accountId: BlinkId) => void
  /** Asks the account's modules now. */
  readonly greet: (account: Account) => void
  readonly log: Log
}

export interface Household {
  /** Those who are here; the same list for ever. */
  readonly accounts: readonly Account[]
  apply(changes: LoginChanges): Promise<void>
}

/** The accounts of the logins that are there. */
export function openHousehold({ clouds, accountFor, republish, greet, log }: HouseholdNeeds): Household {
  const accounts: Account[] = []
  const departures = new Map<string, AbortController>()

  const enter = (way: Way): Account => {
    const gone = new AbortController()
    departures.set(way.login.key, gone)
    const account = accountFor(way, AbortSignal.any([gone.signal, way.guard.retired]))
    accounts.push(account)
    return account
  }

  const leave = (key: string): BlinkId | undefined => {
    departures.get(key)?.abort(new Error('logged out'))
    departures.delete(key)
    clouds.leave(key)
    const at = accounts.findIndex(({ loginKey }) => loginKey === key)
    return at < 0 ? undefined : accounts.splice(at, 1)[0]?.accountId
  }

  for (const way of clouds.ways) enter(way)

  return {
    accounts,
    async apply({ entered, left }) {
      const before = left.map((key) => leave(key))
      const arrived = await Promise.all(entered.map(async (login) => enter(await clouds.enter(login))))
      const after = arrived.map(({ accountId }) => accountId)
      for (const account of arrived) {
        log.info({ account_id: account.accountId, login: account.loginKey }, 'login noticed')
        greet(account)
      }
      for (const accountId of before) {
        if (accountId === undefined || accounts.some((one) => one.accountId === accountId)) continue
        log.info({ account_id: accountId }, 'login gone, its topics are cleared')
      }
      const concerned = new Set([...before, ...after].filter((id) => id !== undefined))
      for (const accountId of concerned) republish(accountId)
    },
  }
}
