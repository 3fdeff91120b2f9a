/** PostgreSQL keeps what storage promises: by PGlite, which is one connection and no server, and by a real server. */
import { afterAll, beforeAll, describe } from 'vitest'
import { openDriver } from '../../../../src/storage/postgres/pool.ts'
import { isPostgresMissing, type Postgres, startPostgres } from '../../../support/postgres.ts'
import { freshSchema, liteDriver } from '../../../support/postgres-database.ts'
import { postgresPlace } from '../../../support/postgres-place.ts'
import { storageContract } from '../../../support/storage-contract.ts'

storageContract('PGlite', () => postgresPlace(liteDriver, freshSchema()))

describe.skipIf(isPostgresMissing)('a real server', () => {
  let server: Postgres
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  storageContract('with a pool', () =>
    postgresPlace(async () => openDriver(server.url).driver, freshSchema()),
  )
})
