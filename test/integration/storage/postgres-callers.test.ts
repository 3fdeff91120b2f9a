/** What callers of all instances share in PostgreSQL: token buckets, sessions of the page, the log level. */
import { expect, test } from 'vitest'
import { openCallerLimits } from '../../../src/storage/postgres/caller-limits.ts'
import type { Database } from '../../../src/storage/postgres/database.ts'
import { openLogLevel } from '../../../src/storage/postgres/log-level.ts'
import { migrate } from '../../../src/storage/postgres/migrations.ts'
import { openWebSessions } from '../../../src/storage/postgres/web-sessions.ts'
import { liteDatabase } from '../../support/postgres-database.ts'

async function migrated(): Promise<Database> {
  const database = await liteDatabase()
  await migrate(database)
  return database
}

const rare = { capacity: 2, perMinute: 0.001 }

test('a bucket that is empty says how long it takes until there is enough', async () => {
  const limits = openCallerLimits(await migrated())
  expect(await limits.take('list 8021', 1, rare)).toBe(0)
  expect(await limits.take('list 8021', 1, rare)).toBe(0)

  const waitMs = await limits.take('list 8021', 1, rare)

  const whole = 60_000 / rare.perMinute
  expect(waitMs).toBeGreaterThan(0.9 * whole)
  expect(waitMs).toBeLessThanOrEqual(whole)
})

test('what is refused takes nothing, and more than a bucket holds counts as a whole one', async () => {
  const limits = openCallerLimits(await migrated())
  await limits.take('8021', 1, rare)
  expect(await limits.take('8021', 100, rare)).toBeGreaterThan(0)

  expect(await limits.take('8021', 1, rare)).toBe(0)
  expect(await limits.take('9001', 100, rare)).toBe(0)
})

test('a bucket is filled again with time', async () => {
  const database = await migrated()
  const limits = openCallerLimits(database)
  await limits.take('8021', 2, rare)
  const size = { capacity: 2, perMinute: 1 }
  expect(await limits.take('8021', 2, size)).toBeGreaterThan(0)

  await database.query(`UPDATE ${database.tables.rate} SET at = at - interval '10 minutes'`)

  expect(await limits.take('8021', 2, size)).toBe(0)
})

test('a session is open at every instance until somebody signs out', async () => {
  const database = await migrated()
  const [one, other] = [openWebSessions(database), openWebSessions(database)]
  expect(await other.use('cookie')).toBe(false)
  await one.open('cookie')
  expect(await other.use('cookie')).toBe(true)

  await other.close('cookie')

  expect(await one.use('cookie')).toBe(false)
})

test('a session ends a month after its last use, and is not there as it is in the cookie', async () => {
  const database = await migrated()
  const sessions = openWebSessions(database)
  const table = database.tables.web_session
  const age = (days: number) =>
    database.query(`UPDATE ${table} SET expires_at = expires_at - interval '${days} days'`)
  await sessions.open('cookie')
  await age(29)
  expect(await sessions.use('cookie')).toBe(true)
  await age(29)
  expect(await sessions.use('cookie')).toBe(true)
  const { rows } = await database.query(`SELECT * FROM ${table}`)
  expect(JSON.stringify(rows)).not.toContain('cookie')

  await age(31)

  expect(await sessions.use('cookie')).toBe(false)
})

test('a log level is read at every instance, and each time that one is set differs', async () => {
  const database = await migrated()
  const [one, other] = [openLogLevel(database), openLogLevel(database)]
  expect(await other.read()).toBeUndefined()
  await one.set('debug')
  const first = await other.read()
  expect(first).toMatchObject({ level: 'debug' })

  await one.set('debug')

  expect(await other.read()).not.toEqual(first)
})
