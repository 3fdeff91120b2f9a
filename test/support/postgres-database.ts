/** A database for tests: of PGlite inside the process, or a schema of its own on a real server. */
import { PGlite } from '@electric-sql/pglite'
import { onTestFinished } from 'vitest'
import { type Database, type Driver, databaseOf, type Row } from '../../src/storage/postgres/database.ts'
import { openDatabase } from '../../src/storage/postgres/pool.ts'
import type { Postgres } from './postgres.ts'

let schemas = 0
/** A name that no other test of this process uses. */
export const freshSchema = () => `test_${process.pid}_${++schemas}`

/** A database on a server, closed with the test. */
export function databaseOn({ url }: Pick<Postgres, 'url'>, schema = freshSchema(), options = ''): Database {
  const database = openDatabase(url + options, schema)
  onTestFinished(() => database.close())
  return database
}

/** PGlite is one connection, so one statement or transaction comes after the other. Made once: it takes seconds. */
let lite: Promise<PGlite> | undefined

export async function liteDriver(): Promise<Driver> {
  lite ??= PGlite.create()
  const database = await lite
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work, work)
    last = done.catch(() => undefined)
    return done
  }
  const query: Driver['query'] = async (text, values) => {
    if (values.length === 0) {
      const all = await database.exec(text)
      const result = all.at(-1)
      return { rows: (result?.rows ?? []) as Row[], changed: result?.affectedRows ?? 0 }
    }
    const { rows, affectedRows = 0 } = await database.query<Row>(text, [...values])
    return { rows, changed: Math.max(affectedRows, rows.length) }
  }
  return {
    query: (...all) => inTurn(() => query(...all)),
    session: (work) => inTurn(() => work(query)),
    end: async () => undefined,
  }
}

/** The same database for everybody in this process; a schema keeps tests apart. */
export async function liteDatabase(schema = freshSchema()): Promise<Database> {
  return databaseOf(await liteDriver(), 'PGlite', schema)
}
