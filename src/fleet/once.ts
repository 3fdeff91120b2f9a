/**
 * `once` on a database that instances share: takes the lease of one account after another, as any instance does.
 */

import pLimit from 'p-limit'
import type { Clock } from '../domain/clock.ts'
import { iso } from '../domain/clock.ts'
import type { AccountRunReport, BlinkId } from '../domain/model.ts'
import type { Observer } from '../domain/ports.ts'
import type { AccountRunResult } from '../scheduler/runner.ts'
import type { AccountWork } from './account-work.ts'

export interface OnceNeeds {
  readonly accounts: readonly BlinkId[]
  /** How many accounts are in work at a time. */
  readonly places: number
  readonly work: (reported: (accountId: BlinkId, report: AccountRunReport | undefined) => void) => AccountWork
  readonly observer: Pick<Required<Observer>, 'runFinished'>
  readonly clock: Clock
}

export async function runOnce(needs: OnceNeeds): Promise<readonly AccountRunResult[]> {
  const { accounts, places, observer, clock } = needs
  const run = { trigger: 'once', at: clock.now() } as const
  const begun = clock.elapsed()
  const counts = { requested: 0, failed: 0, skipped: 0 }
  const results = new Map<BlinkId, AccountRunResult>()
  const work = needs.work((accountId, report) => {
    if (!report) return
    for (const { kind } of report.modules) counts[kind]++
    results.set(accountId, { account: accountId, report, ...report.account, failure: report.account.failure })
  })
  const limit = pLimit(places)
  await Promise.all(
    accounts.map((accountId) =>
      limit(async () => {
        const job = { accountId, task: { run }, resumed: false }
        if ((await work.handle(job)) === 'done' && !results.has(accountId))
          results.set(accountId, busy(accountId))
      }),
    ),
  )
  if (results.size > 0) {
    const elapsedMs = clock.elapsed() - begun
    observer.runFinished({ tickId: iso(run.at), trigger: 'once', budgetMs: 0 }, { ...counts, elapsedMs })
  }
  return [...results.values()]
}

function busy(account: BlinkId): AccountRunResult {
  const message = `account ${account} was in work at another instance all the time`
  return {
    account,
    report: undefined,
    status: 'ok',
    failure: { code: 'account_held', message, retryable: true },
  }
}
