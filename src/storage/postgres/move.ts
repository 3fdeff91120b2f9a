/**
 * Copies a data directory into an empty schema, in one transaction: whatever ends it, either all is there or nothing.
 *
 * Event ids and the order of events stay, so that what was published before the move and comes again after it is
 * known as the same. The numbers of clips stay too, since their events name them.
 */
import { StoreFailed } from '../../domain/errors.ts'
import type { Installation } from '../../domain/ports.ts'
import { closedBreaker } from '../../domain/retry-policy.ts'
import { Secret } from '../../domain/secret.ts'
import type { Row } from '../connection.ts'
import type { MoveSource } from '../move-source.ts'
import { attemptColumns, clipIn, eventColumns, eventIn, readable, recentIn } from '../rows.ts'
import { parseJson } from '../state-files.ts'
import { clipColumnsOf } from './clips.ts'
import { openCredentials } from './credentials.ts'
import type { Database, Sql } from './database.ts'
import { openFences } from './fences.ts'
import { openLimits } from './limits.ts'
import { keepInstallation, openDiscoveryPrefix, openLastRun } from './notes.ts'
import { openPending } from './pending.ts'
import type { Seal } from './sealed.ts'

/** How much of each kind was copied. */
export interface MovedCounts {
  accounts: number
  /** Credentials whose account is not known yet. */
  unidentified: number
  /** Credentials that a person must renew: refused by the cloud, or damaged. */
  loginRequired: number
  modules: number
  events: number
  waiting: number
  clips: number
  attempts: number
}

const rowsAtOnce = 500

/**
 * Copies everything.
 *
 * @throws StoreFailed when the schema holds another installation, or something cannot be read or written
 */
export async function copyAll(source: MoveSource, database: Database, seal: Seal): Promise<MovedCounts> {
  return database.transaction(async (sql) => {
    const target = within(database, sql)
    const { installId } = await keepInstallation(target, seal, source.installation)
    if (installId !== source.installation.installId) {
      throw new StoreFailed(
        `a daemon has just been started on schema ${database.schema} in ${database.place}`,
        {
          remedy: 'Stop it, drop that schema, and move first.',
        },
      )
    }
    const kept = await copyCredentials(source, target, seal)
    await copyLimits(source, target)
    await copyNotes(source, target, seal)
    return { ...kept, ...(await copyTables(source, target)) }
  })
}

/** The installation in a database, or `undefined` when it is empty. */
export async function installationIn({ query, tables }: Database): Promise<Installation | undefined> {
  const { rows } = await query(`SELECT install_id, hardware_id FROM ${tables.installation}`)
  const [row] = rows
  return row && { installId: String(row.install_id), hardwareId: String(row.hardware_id) }
}

/** The database, seen from inside a transaction: all that is done to it is part of that. */
function within(database: Database, sql: Sql): Database {
  return { ...database, query: sql.query, transaction: (work) => work(sql) }
}

async function copyCredentials(source: MoveSource, target: Database, seal: Seal) {
  const store = openCredentials(target, { seal, fences: openFences(target), isInstance: false })
  const { forgotten_credential: forgotten, lease } = target.tables
  let [accounts, unidentified, loginRequired] = [0, 0, 0]
  for (const one of await source.credentials.list()) {
    if (one.unusable && !source.isQuarantined(one.key)) {
      throw new StoreFailed(one.unusable.message, { remedy: one.unusable.remedy, isLasting: true })
    }
    // What is left of a damaged file is that somebody must sign in.
    await store.save(one.unusable ? { ...one, refreshToken: new Secret('damaged') } : one)
    if (one.refusedAt !== undefined) loginRequired++
    if (one.accountId === undefined) unidentified++
    else accounts++
  }
  const keys = [...(await source.credentials.forgotten())]
  await target.query(`INSERT INTO ${forgotten} (key) SELECT unnest($1::text[])`, [keys])
  // Nobody has signed in just now: they wait for the next run, as before.
  await target.query(`UPDATE ${lease} SET is_fresh = false`)
  return { accounts, unidentified, loginRequired }
}

async function copyLimits({ limits: from, limitNames }: MoveSource, target: Database): Promise<void> {
  const to = openLimits(target, { fences: openFences(target), isInstance: false })
  for (const name of await limitNames()) {
    const breaker = await from.breaker(name)
    if (breaker.failures !== closedBreaker.failures || breaker.openUntil !== undefined) {
      await to.saveBreaker(name, breaker)
    }
    const spent = await from.spent(name)
    if (spent) await to.saveSpent(name, spent)
    const modules = await from.moduleCount(name)
    if (modules !== undefined) await to.saveModuleCount(name, modules)
  }
}

async function copyNotes(source: MoveSource, target: Database, seal: Seal): Promise<void> {
  const { pause, start } = target.tables
  await insert(
    target,
    `${pause} (scope, is_paused)`,
    'scope text, is_paused boolean',
    Object.entries(await source.pauses()).map(([scope, is_paused]) => ({ scope, is_paused })),
  )
  await insert(
    target,
    `${start} (account_id, at)`,
    'account_id text, at bigint',
    Object.entries(await source.starts()).map(([account_id, at]) => ({ account_id, at: Math.round(at) })),
  )
  if (source.lastRun.at !== undefined) await (await openLastRun(target)).keep(source.lastRun.at)
  const prefix = await source.discoveryPrefix.prefix()
  if (prefix !== undefined) await openDiscoveryPrefix(target).keep(prefix)
  const pending = await source.pending.read()
  if (pending) await openPending(target, seal).save(pending)
}

async function copyTables({ sql: from }: MoveSource, target: Database) {
  const { tables } = target
  const all = (query: string) => from.prepare(query).iterate()
  const into = (head: string, columns: string, rows: Iterable<object>) =>
    insert(target, `${head} (${namesIn(columns)})`, columns, rows)
  const bodies = new Map<number, string>()
  const events = await into(
    tables.event,
    'seq bigint, event_id uuid, account_id text, kind text, order_key text, expires_at bigint, body text',
    mapped(all(`SELECT ${eventColumns} FROM events ORDER BY seq`), (row) => {
      const { body } = readable(eventIn(row), 'an event in the data directory')
      bodies.set(Number(row.seq), body.eventId)
      return { ...row, event_id: body.eventId, account_id: body.accountId }
    }),
  )
  const waiting = await into(
    tables.outbox,
    'seq bigint, account_id text, kind text, order_key text',
    mapped(
      all('SELECT o.seq, o.kind, o.order_key, e.body FROM outbox o JOIN events e USING (seq)'),
      (row) => ({
        ...{ seq: row.seq, kind: row.kind, order_key: row.order_key },
        account_id: Object(parseJson(String(row.body))).accountId,
      }),
    ),
  )
  const modules = await into(
    tables.module,
    'account_id text, network_id text, sync_module_id text, module text, missing int, progress text, recent text',
    mapped(all('SELECT * FROM modules'), (row) => ({
      ...row,
      // There, a module's live request IDs are named by their events.
      recent: JSON.stringify(
        (recentIn(row.recent) ?? []).flatMap(({ seq, expiresAt }) => {
          const eventId = bodies.get(seq)
          return eventId === undefined ? [] : [[eventId, expiresAt]]
        }),
      ),
    })),
  )
  const clips = await into(
    tables.clip,
    'row bigint, account_id text, module text, gone_at bigint, state text, path text, camera text, bytes bigint, ' +
      'created_at bigint, clip text',
    mapped(all('SELECT row, module, gone_at, clip FROM clips ORDER BY row'), ({ clip, ...row }) => ({
      ...row,
      account_id: String(row.module).split('/')[0],
      ...clipColumnsOf(readable(clipIn(clip), 'a clip in the data directory')),
    })),
  )
  await into(tables.clip_note, 'name text, note text', mapped(all('SELECT name, note FROM clip_notes'), same))
  const attempts = await into(
    tables.attempt,
    'module text, at bigint, outcome text, latency_ms double precision, request_id text, expires_at bigint, ' +
      'delivered_at bigint',
    mapped(all(`SELECT ${attemptColumns} FROM attempt ORDER BY seq`), same),
  )
  for (const [table, column] of [
    [tables.event, 'seq'],
    [tables.clip, 'row'],
  ] as const) {
    await target.query(
      `SELECT setval(pg_get_serial_sequence($1, '${column}'), max(${column})) FROM ${table} HAVING max(${column}) > 0`,
      [table],
    )
  }
  return { events, waiting, modules, clips, attempts }
}

const same = (row: Row): object => row

function* mapped(rows: Iterable<Row>, change: (row: Row) => object): Iterable<object> {
  for (const row of rows) yield change(row)
}

/** `seq bigint, kind text` without the types. */
function namesIn(columns: string): string {
  return columns.replaceAll(/(\w+) [^,]+/g, '$1')
}

/** Inserts rows in their order, some at a time; returns how many. */
async function insert(
  { query }: Database,
  into: string,
  columns: string,
  rows: Iterable<object>,
): Promise<number> {
  const names = namesIn(columns)
  let count = 0
  let some: object[] = []
  const send = async () => {
    if (some.length === 0) return
    const numbered = JSON.stringify(some.map((row, n) => ({ n, ...row })))
    await query(
      `INSERT INTO ${into} SELECT ${names} FROM json_to_recordset($1::json) AS added (n int, ${columns}) ORDER BY n`,
      [numbered],
    )
    count += some.length
    some = []
  }
  for (const row of rows) {
    some.push(row)
    if (some.length === rowsAtOnce) await send()
  }
  await send()
  return count
}
