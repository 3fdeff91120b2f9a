/** Instances that share a schema on a real server, as the daemons of a fleet do. */
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/domain/clock.ts'
import type { LeasedAccount, SharedStorage } from '../../src/domain/fleet.ts'
import type { AccountSnapshot, BlinkId, Credentials, WorkItem } from '../../src/domain/model.ts'
import { Secret } from '../../src/domain/secret.ts'
import { type Driver, databaseOf } from '../../src/storage/postgres/database.ts'
import { openOn } from '../../src/storage/postgres/open.ts'
import { openDriver } from '../../src/storage/postgres/pool.ts'
import type { Postgres } from './postgres.ts'
import { freshSchema } from './postgres-database.ts'
import { storeKey } from './postgres-place.ts'
import { readableLog } from './samples.ts'

export interface InstanceOptions {
  /** False for a command, by which a person acts. */
  readonly isInstance?: boolean
  /** For the end of the URL. */
  readonly options?: string
  /** What stands between it and the server. */
  readonly between?: (driver: Driver) => Driver
}

/** One process's storage, closed with the test. */
export async function instanceOn(
  server: Pick<Postgres, 'url'>,
  schema: string,
  { isInstance = true, options = '', between = (driver) => driver }: InstanceOptions = {},
): Promise<SharedStorage> {
  const { driver, place } = openDriver(server.url + options)
  const database = databaseOf(between(driver), place, schema)
  const needs = { key: storeKey, isInstance, clock: systemClock, log: readableLog() }
  const { storage } = await openOn(database, needs)
  onTestFinished(() => storage.close())
  return storage
}

let logins = 0

export function aLogin(accountId: BlinkId, differing: Partial<Credentials> = {}): Credentials {
  return {
    key: `${accountId}-login-${++logins}`,
    source: 'login',
    fingerprint: undefined,
    clientId: 'ios',
    refreshToken: new Secret(`refresh-${logins}`),
    accountId,
    region: 'e008',
    hardwareId: undefined,
    refusedAt: undefined,
    ...differing,
  }
}

/** A schema in which a person has signed in to some accounts. */
export async function signedIn(
  server: Pick<Postgres, 'url'>,
  accountIds: readonly BlinkId[],
  schema = freshSchema(),
) {
  const person = await instanceOn(server, schema, { isInstance: false })
  const logins = accountIds.map((accountId) => aLogin(accountId))
  for (const login of logins) await person.credentials.save(login)
  return { schema, person, logins }
}

/** The same, and two instances. */
export async function twoInstances(server: Pick<Postgres, 'url'>, accountIds: readonly BlinkId[]) {
  const shared = await signedIn(server, accountIds)
  const { schema } = shared
  return { ...shared, one: await instanceOn(server, schema), two: await instanceOn(server, schema) }
}

/** What a run leaves behind. */
export function left(accountId: BlinkId, differing: Partial<AccountSnapshot> = {}) {
  const snapshot = { accountId, status: 'ok', since: 1_000, detail: undefined, retryAt: undefined } as const
  return { snapshot: { ...snapshot, ...differing }, access: undefined, run: undefined }
}

/** A lease that has run out when somebody else wants it. */
export const lapsedMs = 0
/** One that lasts as long as a test. */
export const longMs = 600_000

export async function acquired(
  storage: SharedStorage,
  accountId: BlinkId,
  leaseMs = longMs,
): Promise<LeasedAccount> {
  const leased = await storage.leases.acquire(accountId, leaseMs)
  if (leased === undefined || leased === 'held')
    throw new Error(`account ${accountId} is ${leased ?? 'gone'}`)
  return leased
}

export const idsWaiting = async ({ outbox }: SharedStorage) =>
  (await outbox.waiting(1_000, [])).map(({ event }) => (event.body as WorkItem).requestId)
