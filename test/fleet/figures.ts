/**
 * Figures out of what was recorded of a fleet: how late runs were, how long takeovers took. Pure.
 */
import type { Call } from '../../src/simulator/server.ts'
import type { Instances } from './instances.ts'
import { accountOf, instanceOf } from './journal.ts'
import type { Item } from './subscriber.ts'

export interface Recorded {
  readonly calls: readonly Call[]
  readonly items: readonly Item[]
}

/**
 * From the time of each run to each account's first request in it, in milliseconds.
 *
 * An instance whose clock is ahead begins a run before its time: then the time counts from its first request.
 */
export function latenessOf({ calls, items }: Recorded, since = 0): readonly number[] {
  const sentAt = new Map(
    calls.flatMap(({ commandId, at }) => (commandId === undefined ? [] : [[commandId, at]])),
  )
  const firsts = new Map<string, Map<number, number>>()
  for (const { id, account, tickId, trigger } of items) {
    const at = sentAt.get(id)
    if (trigger !== 'schedule' || at === undefined) continue
    const ofRun = firsts.get(tickId) ?? new Map<number, number>()
    firsts.set(tickId, ofRun)
    ofRun.set(account, Math.min(at, ofRun.get(account) ?? at))
  }
  return [...firsts].flatMap(([tickId, ofRun]) => {
    const run = Date.parse(tickId)
    if (run < since) return []
    const times = [...ofRun.values()]
    const begun = times.reduce((least, at) => Math.min(least, at), run)
    return times.map((at) => at - begun)
  })
}

/** The runs that were seen until then, and of how many accounts; the last ones may have been going on. */
export function runsOf({ items }: Recorded, { accounts, until }: { accounts: number; until: number }) {
  const scheduled = items.filter(
    ({ trigger, tickId }) => trigger === 'schedule' && Date.parse(tickId) < until,
  )
  const runs = Map.groupBy(scheduled, ({ tickId }) => tickId)
  const accountRuns = [...runs.values()].reduce(
    (sum, ofRun) => sum + new Set(ofRun.map(({ account }) => account)).size,
    0,
  )
  return { seen: runs.size, accountRuns, due: runs.size * accounts }
}

/** From each kill to the next request for each account whose run it ended, by whoever it was, in milliseconds. */
export function takeoversOf(calls: readonly Call[], { lives }: Pick<Instances, 'lives'>): readonly number[] {
  const ofAccounts = [...Map.groupBy(calls, accountOf)]
  return lives
    .filter(({ end }) => end === 'killed')
    .flatMap(({ instance, endedAt }) =>
      ofAccounts.flatMap(([account, ofAccount]) => {
        const before = ofAccount.findLast(({ at }) => at <= endedAt)
        // A request that was out when it was killed: then the account was its own for certain.
        if (
          account === undefined ||
          !before ||
          instanceOf(before) !== instance ||
          before.endedAt < endedAt - 5
        )
          return []
        const next = ofAccount.find(({ at }) => at > endedAt)
        return next ? [next.at - endedAt] : []
      }),
    )
}
