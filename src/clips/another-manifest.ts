/**
 * One more manifest within a run, when the cloud has no file of a clip or the manifest is too old: a new one shows what is
 * on the stick by now.
 *
 * It is a request like the others, so its ID is recorded and published as part of the same run. Only its cost is another:
 * it counts on the budget of clips.
 */
import type { Account } from '../accounts/account.ts'
import type { Clock } from '../domain/clock.ts'
import { ModuleBusy } from '../domain/errors.ts'
import type { BlinkId, ManifestRequest, Run, SyncModule, WorkItem } from '../domain/model.ts'
import type { Ledger, Observer } from '../domain/ports.ts'
import { pauseBeforeRetry } from '../domain/retry-policy.ts'
import { workItemOf } from '../domain/work-item.ts'

export interface AnotherNeeds {
  readonly ledger: Pick<Ledger, 'record'>
  readonly observer: Pick<Required<Observer>, 'moduleFinished'>
  readonly clock: Clock
}

/**
 * Requests a manifest of a module again; observers are notified of it. Returns its request ID.
 *
 * @param item the request whose manifest did not do
 * @throws CloudError, StoreFailed
 */
export async function requestAnother(
  account: Account,
  { module, item }: { readonly module: SyncModule; readonly item: WorkItem },
  { ledger, observer, clock }: AnotherNeeds,
  signal: AbortSignal,
): Promise<BlinkId> {
  const run: Run = { tickId: item.tickId, trigger: item.trigger, budgetMs: 0 }
  const sentAt = clock.elapsed()
  const { request, attempts } = await unlessBusy(account, module, { clock, signal })
  const ttlMs = item.expiresAt - item.requestedAt
  const again = workItemOf({ module, request, run, attempt: attempts, ttlMs }, clock)
  const latencyMs = Math.round(clock.elapsed() - sentAt)
  const report = {
    kind: 'requested',
    module,
    at: again.requestedAt,
    attempts,
    item: again,
    latencyMs,
  } as const
  await ledger.record(report)
  observer.moduleFinished(report, run)
  return again.requestId
}

async function unlessBusy(
  account: Account,
  module: SyncModule,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<{ readonly request: ManifestRequest; readonly attempts: number }> {
  for (let attempts = 1; ; attempts++) {
    try {
      return { request: await account.clips.requestManifest(module, signal), attempts }
    } catch (error) {
      const pauseMs =
        error instanceof ModuleBusy ? pauseBeforeRetry(error, attempts, clock.random()) : undefined
      if (pauseMs === undefined) throw error
      await clock.sleep(pauseMs, signal)
    }
  }
}
