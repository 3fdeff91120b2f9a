/** PostgreSQL keeps what storage promises: here by PGlite, which needs no server. */
import { freshSchema, liteDriver } from '../../../support/postgres-database.ts'
import { postgresPlace } from '../../../support/postgres-place.ts'
import { storageContract } from '../../../support/storage-contract.ts'

storageContract('PostgreSQL', () => postgresPlace(liteDriver, freshSchema()))
