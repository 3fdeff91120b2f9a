/** The connection to PostgreSQL over TLS: the certificate is verified unless the URL says otherwise, as libpq names it. */
import { afterAll, beforeAll, expect } from 'vitest'
import { StoreFailed } from '../../../../src/domain/errors.ts'
import { isPostgresMissing, type Postgres, postgresTest, startPostgres } from '../../../support/postgres.ts'
import { databaseOn, freshSchema } from '../../../support/postgres-database.ts'

let server: Postgres

beforeAll(async () => {
  if (!isPostgresMissing)
    server = await startPostgres({ tls: true, settings: { listen_addresses: '127.0.0.1,127.0.0.2' } })
})
afterAll(() => server?.[Symbol.asyncDispose]())

const isEncrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
const connect = (options: string, url = server.url) => databaseOn({ url }, freshSchema(), options)
const encrypted = async (options: string, url?: string) =>
  (await connect(options, url).query(isEncrypted)).rows

postgresTest('a certificate of the named authority is taken, of another one not', async () => {
  const { ca, otherCa } = server.certificates ?? {}

  expect(await encrypted(`?sslmode=verify-full&sslrootcert=${ca}`)).toEqual([{ ssl: true }])
  for (const options of [`?sslmode=verify-full&sslrootcert=${otherCa}`, '?sslmode=verify-full']) {
    await expect(encrypted(options)).rejects.toMatchObject({ isLasting: true })
  }
})

postgresTest('the name in the certificate counts with verify-full, and not with verify-ca', async () => {
  const { ca, otherCa } = server.certificates ?? {}
  // This machine as well, under an address that is not in the certificate.
  const url = server.url.replace('127.0.0.1', '127.0.0.2')

  expect(await encrypted(`?sslmode=verify-ca&sslrootcert=${ca}`, url)).toEqual([{ ssl: true }])
  for (const options of [
    `?sslmode=verify-full&sslrootcert=${ca}`,
    `?sslmode=verify-ca&sslrootcert=${otherCa}`,
  ]) {
    await expect(encrypted(options, url)).rejects.toThrow(StoreFailed)
  }
})

postgresTest('without verification only where the URL asks for it', async () => {
  expect(await encrypted('?sslmode=require')).toEqual([{ ssl: true }])
  expect(await encrypted('?sslmode=disable')).toEqual([{ ssl: false }])
  // On this machine nobody stands between.
  expect(await encrypted('')).toEqual([{ ssl: false }])
})
