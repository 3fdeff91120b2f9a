/**
 * Finds accounts by their id in a list that changes, without walking through a fleet of them for each module.
 */
import type { BlinkId } from '../domain/model.ts'
import type { Account } from './account.ts'

/** Looks an account up where it was last time, and everywhere when it has moved. */
export function accountFinder<A extends Pick<Account, 'accountId'>>(
  accounts: () => readonly A[],
): (id: BlinkId) => A | undefined {
  const places = new Map<BlinkId, number>()
  return (id) => {
    const all = accounts()
    const known = all[places.get(id) ?? -1]
    if (known?.accountId === id) return known
    const place = all.findIndex(({ accountId }) => accountId === id)
    if (place < 0) places.delete(id)
    else places.set(id, place)
    return all[place]
  }
}
