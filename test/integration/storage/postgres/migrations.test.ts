/** The schema in PostgreSQL: made once, by whoever comes first, and never touched by an older program. */
import { afterAll, beforeAll, expect } from 'vitest'
import { StoreFailed } from '../../../../src/domain/errors.ts'
import { currentVersion, migrate } from '../../../../src/storage/postgres/migrations.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../../../support/postgres.ts'
import { databaseOn, freshSchema } from '../../../support/postgres-database.ts'

let server: Postgres

beforeAll(async () => {
  if (!isPostgresMissing) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

postgresTest('processes that start at once make the schema once', async () => {
  const schema = freshSchema()
  const databases = Array.from({ length: 5 }, () => databaseOn(server, schema))

  await Promise.all(databases.map(migrate))

  for (const { query, tables } of databases) {
    expect((await query(`SELECT version FROM ${tables.schema_version}`)).rows).toEqual([
      { version: currentVersion },
    ])
  }
})

postgresTest('a schema of a newer version is refused and stays as it is', async () => {
  const database = databaseOn(server)
  const { schema_version: table } = database.tables
  await migrate(database)
  await database.query(`UPDATE ${table} SET version = ${currentVersion + 1}`)

  await expect(migrate(database)).rejects.toThrow(StoreFailed)

  await expect(migrate(database)).rejects.toMatchObject({ isLasting: true })
  expect((await database.query(`SELECT version FROM ${table}`)).rows).toEqual([
    { version: currentVersion + 1 },
  ])
})

postgresTest('a migration that fails leaves nothing behind', async () => {
  const database = databaseOn(server)
  const { schema } = database
  await database.query(`CREATE SCHEMA ${schema}`)
  // One of ours: its table is in the way.
  await database.query(`CREATE TABLE ${database.tables.outbox} (a int)`)

  await expect(migrate(database)).rejects.toThrow(StoreFailed)

  const { rows } = await database.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema])
  expect(rows).toEqual([{ tablename: 'outbox' }])
})
