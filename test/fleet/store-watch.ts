/**
 * Looks into the database beside the instances, as an operator could: whether what must only rise does, and
 * whether a secret is in clear.
 */
import { Client } from 'pg'

export interface StoreWatch extends AsyncDisposable {
  /** Numbers that fell, in a sentence each. */
  readonly falls: readonly string[]
  /** How many events wait for the broker. */
  waiting(): Promise<number>
  /** Texts in any column of any table that hold what nobody may see. */
  leaks(secret: RegExp): Promise<readonly string[]>
  query(text: string): Promise<readonly Record<string, unknown>[]>
}

const lookEveryMs = 500

/** @param looks whether versions and fences are watched all the time */
export function watchStore(url: string, schema: string, { looks }: { looks: boolean }): StoreWatch {
  const falls: string[] = []
  const highest = new Map<string, number>()
  let client: Client | undefined
  let turn: Promise<unknown> = Promise.resolve()

  const connected = async () => {
    if (client) return client
    const fresh = new Client({ connectionString: url, query_timeout: 60_000 })
    const gone = () => {
      if (client === fresh) client = undefined
    }
    fresh.on('error', gone).on('end', gone)
    await fresh.connect()
    client = fresh
    return fresh
  }
  /** One after another on one connection, which is made again when the server has ended it. */
  const query = (text: string): Promise<readonly Record<string, unknown>[]> => {
    const result = turn.then(async () => {
      const { rows } = await (await connected()).query<Record<string, unknown>>(text)
      return rows
    })
    turn = result.catch(() => undefined)
    return result
  }
  const table = (name: string) => `"${schema}".${name}`

  const look = async () => {
    const rows = await query(
      `SELECT account_id, version, fence FROM ${table('account')} FULL JOIN ${table('lease')} USING (account_id)`,
    )
    for (const { account_id: account, version, fence } of rows) {
      for (const [what, value] of Object.entries({ version, fence })) {
        if (value === null || value === undefined) continue
        const name = `${what} of account ${String(account)}`
        const before = highest.get(name) ?? 0
        if (Number(value) < before) falls.push(`${name} fell from ${before} to ${String(value)}`)
        highest.set(name, Math.max(before, Number(value)))
      }
    }
  }
  let looking = Promise.resolve()
  const timer = setInterval(() => {
    // While PostgreSQL is away there is nothing to see.
    looking = looking.then(look).catch(() => undefined)
  }, lookEveryMs)
  if (!looks) clearInterval(timer)

  return {
    falls,
    query,
    async waiting() {
      const [row] = await query(`SELECT count(*) AS count FROM ${table('outbox')}`)
      return Number(row?.count)
    },
    async leaks(secret) {
      const tables = await query(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT LIKE 'pg\\_%'",
      )
      const found: string[] = []
      for (const { schemaname, tablename } of tables) {
        const name = `"${String(schemaname)}"."${String(tablename)}"`
        const [row] = await query(
          `SELECT count(*) AS count FROM ${name} AS t WHERE t::text ~ '${secret.source}'`,
        )
        if (Number(row?.count) > 0) found.push(`${String(row?.count)} rows of ${name} hold a secret in clear`)
      }
      return found
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await looking
      await client?.end().catch(() => undefined)
    },
  }
}
