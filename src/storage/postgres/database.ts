/**
 * A PostgreSQL database as the other files here use it: statements, transactions, and errors that name the place.
 *
 * The driver below it is the pool of connections, or a database inside the process in tests.
 */
import { StoreFailed } from '../../domain/errors.ts'
import { ConnectionLost, failureOf, refusesAll } from './errors.ts'
import { type Tables, tablesOf } from './tables.ts'

export type Row = Readonly<Record<string, unknown>>
export type Value = string | number | boolean | Uint8Array | null | readonly string[] | readonly number[]

export interface Result {
  readonly rows: readonly Row[]
  /** How many rows a statement changed, or gave. */
  readonly changed: number
}

export interface QueryOptions {
  /** In place of the driver's own, after which a statement without an answer is given up. */
  readonly timeoutMs?: number
  /** A statement that is made anew each time is not worth being remembered by its text. */
  readonly isOnce?: boolean
}

/** Where statements go: the database, or one transaction of it. */
export interface Sql {
  /** @throws StoreFailed when it was refused or could not be sent; ConnectionLost when nobody knows */
  query(text: string, values?: readonly Value[], options?: QueryOptions): Promise<Result>
}

export interface Database extends Sql {
  /** For log lines: host, port and name; never the password. */
  readonly place: string
  readonly schema: string
  /** The tables' names for statements, each with its schema: nothing depends on the state of a session. */
  readonly tables: Tables
  /**
   * Runs `work` in one transaction on one connection. Inside of it only the given `sql` may be used: whoever waits
   * for a second connection while holding one waits for ever when all do.
   *
   * @throws whatever `work` throws, when all is rolled back; StoreFailed as `query`
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Why the last statement was not answered; `undefined` once one is. */
  readonly trouble: StoreFailed | undefined
  /** Calls back when trouble begins, and with `undefined` when it is over. */
  onTrouble(listener: (trouble: StoreFailed | undefined) => void): void
  /** Waits for what is under way; further statements are refused. */
  close(): Promise<void>
}

/** What a database is made of. Its errors are those of the driver. */
export interface Driver {
  query(text: string, values: readonly Value[], options: QueryOptions): Promise<Result>
  /** Runs `work` on one connection, which nobody else uses meanwhile. */
  session<T>(work: (query: Driver['query']) => Promise<T>): Promise<T>
  end(): Promise<void>
}

/** A database on a driver. */
export function databaseOf(driver: Driver, place: string, schema: string): Database {
  let trouble: StoreFailed | undefined
  let closing: Promise<void> | undefined
  const running = new Set<Promise<unknown>>()
  const listeners: ((trouble: StoreFailed | undefined) => void)[] = []

  function note(found: StoreFailed | undefined): void {
    const isNews = (found === undefined) !== (trouble === undefined)
    trouble = found
    if (isNews) for (const listener of listeners) listener(found)
  }

  async function watched<T>(work: () => Promise<T>): Promise<T> {
    if (closing) throw new StoreFailed(`cannot use ${place}: it is closed`)
    const done = work()
    running.add(done)
    try {
      return await done
    } finally {
      running.delete(done)
    }
  }

  async function translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      note(undefined)
      return result
    } catch (cause) {
      const error = failureOf(place, cause)
      // A refusal of one statement says nothing about the next one, but some are of all that write.
      if (error instanceof StoreFailed) note(refusesAll(error) ? error : undefined)
      throw error
    }
  }

  const run = (query: Driver['query'], text: string, values: readonly Value[], options: QueryOptions) =>
    translated(() => query(text, values, options))

  return {
    place,
    schema,
    tables: tablesOf(schema),
    get trouble() {
      return trouble
    },
    onTrouble: (listener) => void listeners.push(listener),
    query: (text, values = [], options = {}) =>
      watched(() => run((...all) => driver.query(...all), text, values, options)),
    transaction: (work) =>
      watched(() =>
        driver
          .session(async (query) => {
            await run(query, 'BEGIN', [], {})
            try {
              const sql: Sql = {
                query: (text, values = [], options = {}) => run(query, text, values, options),
              }
              const result = await work(sql)
              await run(query, 'COMMIT', [], {})
              return result
            } catch (error) {
              // A connection that cannot roll back is closed by its driver, which ends the transaction as well.
              if (!(error instanceof ConnectionLost)) await query('ROLLBACK', [], {}).catch(() => undefined)
              throw error
            }
          })
          .catch((error: unknown) => {
            throw error instanceof StoreFailed ? error : failureOf(place, error)
          }),
      ),
    close() {
      closing ??= (async () => {
        await Promise.allSettled(running)
        await driver.end()
      })()
      return closing
    },
  }
}
