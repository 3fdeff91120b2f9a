/** PostgreSQL as the contract of storage needs it: an instance that holds the accounts of which the contract speaks. */
import { Secret } from '../../src/domain/secret.ts'
import { type Database, type Driver, databaseOf } from '../../src/storage/postgres/database.ts'
import { openOn } from '../../src/storage/postgres/open.ts'
import { readableLog } from './samples.ts'
import type { StoragePlace } from './storage-contract/place.ts'

export const storeKey = new Secret(Buffer.alloc(32, 7).toString('base64'))

const accounts = ['8021', '80210', '9000', '7', '1']

/**
 * @param newDriver connects to the same database each time
 * @param schema of this place alone
 */
export function postgresPlace(newDriver: () => Promise<Driver>, schema: string): StoragePlace {
  let isRefusing = false
  return {
    async open(clock) {
      const driver = refusing(await newDriver(), () => isRefusing)
      const database = databaseOf(driver, 'PostgreSQL of this test', schema)
      const log = readableLog()
      const needs = { key: storeKey, clock, log }
      const { storage, fences } = await openOn(database, { ...needs, isInstance: true })
      for (const accountId of accounts) await holdAccount(database, fences, accountId)
      // What the contract does to credentials is what a person does, who takes an account away from its owner.
      const { credentials, limits } = (await openOn(database, { ...needs, isInstance: false })).storage
      return { ...storage, credentials, limits }
    },
    refuseWrites() {
      isRefusing = true
    },
    acceptWrites() {
      isRefusing = false
    },
  }
}

/** As a lease would be acquired, but of an account without credentials. */
async function holdAccount(
  database: Database,
  fences: Awaited<ReturnType<typeof openOn>>['fences'],
  accountId: string,
): Promise<void> {
  const { account, lease } = database.tables
  await database.query(`INSERT INTO ${account} (account_id) VALUES ($1) ON CONFLICT DO NOTHING`, [accountId])
  await database.transaction((sql) => fences.takeAway(sql, accountId))
  const { rows } = await database.query(
    `SELECT a.*, l.fence FROM ${lease} l JOIN ${account} a USING (account_id) WHERE account_id = $1`,
    [accountId],
  )
  fences.hold(accountId, Number(rows[0]?.fence), rows[0] ?? {})
}

/** A server that takes no writes, as a standby does: each statement runs, but in a transaction that may only read. */
function refusing(driver: Driver, isRefusing: () => boolean): Driver {
  return {
    end: () => driver.end(),
    query: (text, values, options) =>
      isRefusing()
        ? driver.session(async (query) => {
            await query('BEGIN READ ONLY', [], {})
            try {
              return await query(text, values, options)
            } finally {
              await query('ROLLBACK', [], {})
            }
          })
        : driver.query(text, values, options),
    session: (work) =>
      driver.session((query) =>
        work((text, values, options) =>
          query(text === 'BEGIN' && isRefusing() ? 'BEGIN READ ONLY' : text, values, options),
        ),
      ),
  }
}
