/** The row of an account as every instance reads it. */
import { z } from 'zod'
import type { SharedAccount } from '../../domain/fleet.ts'
import { type AccountSnapshot, accountStatuses, type BlinkId } from '../../domain/model.ts'
import { closedBreaker } from '../../domain/retry-policy.ts'
import { breakerFile, fromBreaker, spentFile } from '../account-forms.ts'
import { parseJson } from '../state-files.ts'
import type { Row } from './database.ts'

export const accountColumns = 'account_id, breaker, spent, clip_spent, module_count, snapshot'

const snapshot = z.object({
  status: z.enum(accountStatuses),
  since: z.number(),
  detail: z.string().optional(),
  retryAt: z.number().optional(),
})

/** What the last owner has left; `undefined` before its first run, and where it cannot be read. */
export function snapshotIn(accountId: BlinkId, text: unknown): AccountSnapshot | undefined {
  if (typeof text !== 'string') return undefined
  const kept = snapshot.safeParse(parseJson(text)).data
  return (
    kept && { accountId, status: kept.status, since: kept.since, detail: kept.detail, retryAt: kept.retryAt }
  )
}

export function sharedAccountIn(row: Row): SharedAccount {
  const accountId = String(row.account_id)
  const read = <T>(schema: z.ZodType<T>, text: unknown) =>
    typeof text === 'string' ? schema.safeParse(parseJson(text)).data : undefined
  const breaker = read(breakerFile, row.breaker)
  return {
    accountId,
    snapshot: snapshotIn(accountId, row.snapshot),
    breaker: breaker ? fromBreaker(breaker) : closedBreaker,
    spent: read(spentFile, row.spent),
  }
}
