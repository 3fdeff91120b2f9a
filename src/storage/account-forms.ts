/**
 * The forms in which an account's credentials and limits are kept, wherever that is.
 */
import { z } from 'zod'
import type { BlinkId, Credentials, Spent } from '../domain/model.ts'
import type { LimitStore } from '../domain/ports.ts'
import { type Breaker, longerOf } from '../domain/retry-policy.ts'
import { Secret } from '../domain/secret.ts'

export const credentialsFile = z.object({
  source: z.enum(['environment', 'import', 'login']),
  fingerprint: z.string().optional(),
  client_id: z.string().min(1),
  refresh_token: z.string().min(1),
  account_id: z.string().regex(/^\d+$/).optional(),
  region: z.string().optional(),
  hardware_id: z.string().optional(),
  refused_at: z.number().optional(),
  refused_for: z.enum(['login_required', 'two_factor_required']).optional(),
  refreshed_at: z.number().optional(),
})

export const breakerFile = z.object({ failures: z.int().nonnegative(), open_until: z.number().optional() })

export const spentFile = z.object({
  day: z.int().nonnegative(),
  requests: z.int().nonnegative(),
  limit: z.int().nonnegative(),
})

export const modulesFile = z.object({ modules: z.int().nonnegative() })

export function fromFile(key: string, kept: z.infer<typeof credentialsFile>): Credentials {
  return {
    key,
    source: kept.source,
    fingerprint: kept.fingerprint,
    clientId: kept.client_id,
    refreshToken: new Secret(kept.refresh_token),
    accountId: kept.account_id,
    region: kept.region,
    hardwareId: kept.hardware_id,
    refusedAt: kept.refused_at,
    refusedFor: kept.refused_for,
    refreshedAt: kept.refreshed_at,
  }
}

export function toFile(credentials: Credentials): z.infer<typeof credentialsFile> {
  return {
    source: credentials.source,
    fingerprint: credentials.fingerprint,
    client_id: credentials.clientId,
    refresh_token: credentials.refreshToken.reveal(),
    account_id: credentials.accountId,
    region: credentials.region,
    hardware_id: credentials.hardwareId,
    refused_at: credentials.refusedAt,
    refused_for: credentials.refusedFor,
    refreshed_at: credentials.refreshedAt,
  }
}

export function fromBreaker({ failures, open_until }: z.infer<typeof breakerFile>): Breaker {
  return { failures, openUntil: open_until }
}

export function toBreaker({ failures, openUntil }: Breaker): z.infer<typeof breakerFile> {
  return { failures, open_until: openUntil }
}

/** What was kept by a key is the account's from now on. What was done before a kill may be done again. */
export async function moveLimits(
  limits: Omit<LimitStore, 'move'>,
  key: string,
  accountId: BlinkId,
): Promise<void> {
  const [breaker, own] = [await limits.breaker(key), await limits.breaker(accountId)]
  if (longerOf(own, breaker) !== own) await limits.saveBreaker(accountId, breaker)
  const [spent, ownSpent] = [await limits.spent(key), await limits.spent(accountId)]
  if (spent && isMore(spent, ownSpent)) await limits.saveSpent(accountId, spent)
  const modules = await limits.moduleCount(key)
  if (modules !== undefined) await limits.saveModuleCount(accountId, modules)
  await limits.remove(key)
}

function isMore(one: Spent, other: Spent | undefined): boolean {
  if (!other) return true
  return one.day === other.day ? one.requests > other.requests : one.day > other.day
}
