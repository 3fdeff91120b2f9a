/**
 * The connections to PostgreSQL; the only file that knows the driver.
 *
 * They are few, and each is watched: one that ends while it waits or works must never end the program. A server
 * that vanishes without a word is noticed by the limits on each statement, on our side and on the server's.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Client, type ClientConfig, Pool, type PoolConfig } from 'pg'
import { StoreFailed } from '../../domain/errors.ts'
import { type Database, type Driver, databaseOf, type QueryOptions, type Value } from './database.ts'

/** Enough for an instance whose accounts work side by side, few enough for ten of them on one server. */
const mostConnections = 8

const connectTimeoutMs = 5_000
/** A pool of one connection is slow and not stuck. */
const turnTimeoutMs = 30_000
/** The server gives up first, so that a statement without an answer is rare. */
const statementTimeoutMs = 10_000
const answerTimeoutMs = 15_000
const keepAliveMs = 10_000

const modes = ['disable', 'require', 'verify-ca', 'verify-full'] as const

/**
 * The database that a URL names. Nothing is connected yet.
 *
 * @param url `postgres://user:password@host:port/name`, with `sslmode` and `sslrootcert` as libpq names them. Without
 *   `sslmode` the certificate is verified, except on this machine; `connections` limits the pool.
 * @throws StoreFailed when it cannot be used; its text is in no message
 */
export function openDatabase(url: string, schema: string): Database {
  const { place, driver } = openDriver(url)
  return databaseOf(driver, place, schema)
}

/** The connections to a server, and its name for log lines. */
export function openDriver(url: string): { readonly place: string; readonly driver: Driver } {
  const { place, config } = connectionOf(url)
  const pool = new Pool(config)
  // Without a listener the end of an idle connection would end the program; the next statement opens another.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return { place, driver: driverOf(pool) }
}

function driverOf(pool: Pool): Driver {
  const names = new Map<string, string>()

  /** A named statement is parsed and planned once for each connection. */
  function configOf(text: string, values: readonly Value[], { timeoutMs, isOnce }: QueryOptions) {
    let name: string | undefined
    if (!isOnce && values.length > 0) {
      name = names.get(text) ?? createHash('sha256').update(text).digest('base64url').slice(0, 24)
      names.set(text, name)
    }
    return {
      text,
      values: values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)),
      ...(name !== undefined && { name }),
      ...(timeoutMs !== undefined && { query_timeout: timeoutMs }),
    }
  }

  return {
    query: async (text, values, options) => resultOf(await pool.query(configOf(text, values, options))),
    async session(work) {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        return await work(async (text, values, options) => {
          try {
            return resultOf(await client.query(configOf(text, values, options)))
          } catch (error) {
            if (isOver(text, error)) broken = new Error('closed')
            throw error
          }
        })
      } finally {
        client.release(broken)
      }
    },
    end: () => pool.end(),
  }
}

/** Whether a connection is of no use any more: what the server refused leaves it as it was. */
function isOver(text: string, error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return !/^[0-9A-Z]{5}$/.test(code) || /^(57P|08)/.test(code) || text === 'ROLLBACK'
}

interface Answer {
  readonly rows: readonly object[]
  readonly rowCount: number | null
}

/** Of several statements in one text, as the queue of jobs has them, there are as many answers. */
function resultOf(answer: Answer | readonly Answer[]) {
  const answers = [answer].flat() as readonly Answer[]
  return {
    rows: answers.flatMap(({ rows }) => rows) as readonly Record<string, unknown>[],
    changed: answers.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0),
  }
}

class Connection extends Client {
  constructor(config: ClientConfig) {
    const { password } = config
    // The pool hides the password from whoever prints its options, and so from a copy of them.
    super({
      ...config,
      ...(password !== undefined && { password }),
      connectionTimeoutMillis: connectTimeoutMs,
    })
  }
}

function connectionOf(url: string): { readonly place: string; readonly config: PoolConfig } {
  const parsed = URL.parse(url)
  if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw unusable('is no URL of the form postgres://user:password@host:port/name')
  }
  const params = parsed.searchParams
  const host = params.get('host') ?? decoded(parsed.hostname).replace(/^\[(.*)\]$/, '$1')
  if (host === '') throw unusable('names no host')
  const port = Number(parsed.port || '5432')
  const database = decoded(parsed.pathname.slice(1))
  // A URL without a host has no place for a user.
  const user = params.get('user') ?? decoded(parsed.username)
  const most = Number(params.get('connections') ?? mostConnections)
  if (!Number.isSafeInteger(most) || most < 1) throw unusable('has a number of connections that is none')
  const name = host.includes(':') ? `[${host}]` : host
  return {
    place: `PostgreSQL at ${name}:${port}/${database}`,
    config: {
      ...{ host, port, max: most, application_name: 'blink-manifestd' },
      ...(database !== '' && { database }),
      ...(user !== '' && { user }),
      ...(parsed.password !== '' && { password: decoded(parsed.password) }),
      ssl: tlsOf(host, params),
      ...{ keepAlive: true, keepAliveInitialDelayMillis: keepAliveMs },
      ...{ connectionTimeoutMillis: turnTimeoutMs, query_timeout: answerTimeoutMs },
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: answerTimeoutMs,
      // The server frees the locks of an instance that is cut off.
      options: `-c tcp_user_timeout=${answerTimeoutMs} -c tcp_keepalives_idle=${keepAliveMs / 1000}`,
      Client: Connection as unknown as new () => Client,
    },
  }
}

function tlsOf(host: string, params: URLSearchParams): PoolConfig['ssl'] {
  const isHere = host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.')
  const mode = params.get('sslmode') ?? (isHere ? 'disable' : 'verify-full')
  const rootFile = params.get('sslrootcert')
  if (!isMode(mode)) throw unusable(`has an sslmode that is not known; known are ${modes.join(', ')}`)
  if (mode === 'disable') return false
  const ca = rootFile === null || rootFile === 'system' ? undefined : readRoot(rootFile)
  // As with libpq, an authority that is named is not named in vain.
  const isVerified = mode !== 'require' || ca !== undefined
  return {
    rejectUnauthorized: isVerified,
    ...(ca !== undefined && { ca }),
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  }
}

function isMode(mode: string): mode is (typeof modes)[number] {
  return (modes as readonly string[]).includes(mode)
}

function readRoot(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw unusable('names a file with sslrootcert that cannot be read')
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw unusable('has a % that begins no letter: write %25')
  }
}

function unusable(what: string): StoreFailed {
  return new StoreFailed(`store.url ${what}`, { remedy: 'Correct store.url (STORE_URL).', isLasting: true })
}
