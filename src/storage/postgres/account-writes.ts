/**
 * What accounts write during their runs, in groups: one statement, one round trip, one commit.
 *
 * While a group is under way the next one gathers, so the slower the server, the larger the groups. The statement
 * begins with the leases: a row of an account whose fence is another one by now is left out, and its write fails.
 *
 * When the connection ends before the answer, the same statement is sent again for a while. It does nothing twice: an
 * event has its id, and the rows of modules are whole. So a restart of the server costs no answer of the cloud.
 */
import type { Clock } from '../../domain/clock.ts'
import { LeaseLost, StoreFailed } from '../../domain/errors.ts'
import { type BlinkId, type DurableEvent, keyOf, type ModuleKey } from '../../domain/model.ts'
import type { Observer, StoredEvent } from '../../domain/ports.ts'
import type { Database, Row } from './database.ts'
import { ConnectionLost } from './errors.ts'
import type { Fences } from './fences.ts'
import type { ModuleRow, ModuleRows } from './module-rows.ts'
import { repeating } from './repeating.ts'

/** What a write does to its account, on top of the writes before it in the same group. */
export interface AccountChange {
  row(key: ModuleKey): ModuleRow | undefined
  /** All of the account. */
  rows(): readonly ModuleRow[]
  /** @param news what is new to readers: a result, or what a list says */
  put(row: ModuleRow, news?: 'result' | 'listed'): void
  add(event: DurableEvent): void
}

export interface AccountWrites {
  /**
   * Runs `work` when its group is made, and resolves with what it returned and the events that it has added, once they
   * are kept.
   *
   * @throws LeaseLost when the account is not held, or not any more
   * @throws StoreFailed when it was not kept, or when nobody knows
   */
  write<T>(accountId: BlinkId, work: (change: AccountChange) => T): Promise<Written<T>>
  /** Waits for all that was begun; nothing is sent again. */
  close(): Promise<void>
}

export interface Written<T> {
  readonly value: T
  readonly added: readonly StoredEvent[]
}

interface Write {
  readonly accountId: BlinkId
  readonly fence: number
  /** Returns the ids of the events that it has added. */
  readonly work: (group: Group) => void
  readonly done: (seqs: ReadonlyMap<string, number>) => void
  readonly failed: (error: unknown) => void
}

interface GroupRow {
  row: ModuleRow
  fence: number
  isResult: boolean
  isListed: boolean
}

interface Group {
  readonly rows: Map<string, GroupRow>
  readonly events: { readonly event: DurableEvent; readonly fence: number }[]
}

/** Enough for all that comes during a commit, and few enough that nobody waits long for it. */
const mostInGroup = 500

/** Longer than a restart of the server takes; shorter than a lease, behind which another owner may write. */
const repeatForMs = 15_000

export interface AccountWritesNeeds {
  readonly database: Database
  readonly fences: Fences
  readonly modules: ModuleRows
  readonly clock: Pick<Clock, 'elapsed' | 'sleep'>
  readonly observer?: Pick<Observer, 'storeWritten'> | undefined
  /** Nobody knows whether a group was kept: events may wait that were not announced. */
  readonly mayWait: () => void
}

export function openAccountWrites(needs: AccountWritesNeeds): AccountWrites {
  const { database, fences, modules, clock, observer, mayWait } = needs
  const statement = groupStatement(database)
  const known = `SELECT seq, event_id FROM ${database.tables.event} WHERE event_id = ANY ($1::uuid[])`
  const closing = new AbortController()
  const persist = repeating({ clock, closing: closing.signal, forMs: repeatForMs })
  const waiting: Write[] = []
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    // The writes of this turn of the event loop go together.
    await Promise.resolve()
    while (waiting.length > 0) {
      const writes = waiting.splice(0, mostInGroup)
      await commit(writes)
    }
    running = undefined
  }

  async function commit(writes: readonly Write[]): Promise<void> {
    const group: Group = { rows: new Map(), events: [] }
    const made: Write[] = []
    const unread = await readAll(new Set(writes.map(({ accountId }) => accountId)))
    for (const write of writes) {
      try {
        const { accountId, fence } = write
        if (unread.has(accountId)) throw unread.get(accountId)
        // Dropped while it waited: what it would build on is not known any more.
        if (fences.fenceOf(accountId) !== fence) throw new LeaseLost(accountId)
        write.work(group)
        made.push(write)
      } catch (error) {
        write.failed(error)
      }
    }
    if (made.length === 0) return
    try {
      settle(made, group, await send(made, group))
    } catch (error) {
      for (const accountId of new Set(made.map((write) => write.accountId))) modules.forget(accountId)
      for (const write of made) write.failed(error)
      if (error instanceof ConnectionLost) mayWait()
    }
  }

  /** Has the rows of these accounts read where they are not known; returns why some cannot be. */
  async function readAll(accountIds: ReadonlySet<BlinkId>): Promise<ReadonlyMap<BlinkId, unknown>> {
    const failures = new Map<BlinkId, unknown>()
    const read = (id: BlinkId) =>
      persist(() => modules.of(id)).catch((error: unknown) => void failures.set(id, error))
    await Promise.all([...accountIds].map(read))
    return failures
  }

  async function send(made: readonly Write[], group: Group): Promise<readonly Row[]> {
    const values = groupValues(made, group)
    const begun = clock.elapsed()
    const { rows } = await persist(() => database.query(statement, values))
    observer?.storeWritten?.(clock.elapsed() - begun)
    const added = new Set(rows.map((row) => row.event_id))
    const ids = group.events.map(({ event }) => event.body.eventId).filter((id) => !added.has(id))
    if (ids.length === 0) return rows
    // Kept by the same statement before, whose answer was lost; or of an account that is not held any more.
    const kept = await persist(() => database.query(known, [ids]))
    return [...rows, ...kept.rows.map((row) => ({ ...row, account_id: null }))]
  }

  function settle(made: readonly Write[], group: Group, rows: readonly Row[]): void {
    const owned = new Set(rows.flatMap((row) => (row.account_id === null ? [] : [ownerOf(row)])))
    const seqs = new Map(
      rows.flatMap((row) => (row.seq === null ? [] : [[String(row.event_id), Number(row.seq)]])),
    )
    for (const { row, fence } of group.rows.values()) {
      if (owned.has(`${row.accountId} ${fence}`)) modules.keep(row)
    }
    for (const { accountId, fence, done, failed } of made) {
      if (owned.has(`${accountId} ${fence}`)) done(seqs)
      // Acquired again meanwhile, it is not lost again.
      else if (fences.fenceOf(accountId) === fence) failed(fences.lost(accountId))
      else failed(new LeaseLost(accountId))
    }
  }

  return {
    async write(accountId, work) {
      if (closing.signal.aborted) throw new StoreFailed(`cannot write to ${database.place}: it is closed`)
      const fence = fences.fenceOf(accountId)
      if (fence === undefined) throw new LeaseLost(accountId)
      const { promise, resolve, reject } = Promise.withResolvers<Written<ReturnType<typeof work>>>()
      let result: { readonly value: ReturnType<typeof work>; readonly events: readonly DurableEvent[] }
      waiting.push({
        ...{ accountId, fence, failed: reject },
        work(group) {
          const events: DurableEvent[] = []
          const value = work({
            row: (key) => group.rows.get(keyOf(key))?.row ?? modules.get(key),
            rows: () => {
              const inGroup = [...group.rows.values()].map(({ row }) => row)
              const all = [
                ...modules.known(accountId),
                ...inGroup.filter((row) => row.accountId === accountId),
              ]
              return [...new Map(all.map((row) => [keyOf(row), row])).values()]
            },
            put(row, news) {
              const before = group.rows.get(keyOf(row))
              group.rows.set(keyOf(row), {
                ...{ row, fence },
                isResult: before?.isResult === true || news === 'result',
                isListed: before?.isListed === true || news === 'listed',
              })
            },
            add: (event) => void events.push(event),
          })
          for (const event of events) group.events.push({ event, fence })
          result = { value, events }
        },
        done: (seqs) =>
          resolve({
            value: result.value,
            added: result.events.map((event) => ({ seq: seqs.get(event.body.eventId) ?? 0, event })),
          }),
      })
      running ??= run()
      return promise
    },
    async close() {
      closing.abort()
      await running
    },
  }
}

function ownerOf(row: Row): string {
  return `${String(row.account_id)} ${String(row.fence)}`
}

function groupValues(made: readonly Write[], { rows, events }: Group): readonly string[] {
  const leases = new Map(
    made.map(({ accountId, fence }) => [`${accountId} ${fence}`, { account_id: accountId, fence }]),
  )
  return [
    JSON.stringify([...leases.values()]),
    JSON.stringify(
      [...rows.values()].map(({ row, fence, isResult, isListed }) => ({
        ...{ account_id: row.accountId, network_id: row.networkId, sync_module_id: row.syncModuleId, fence },
        ...{ module: row.module, missing: row.missing, progress: row.progress, recent: row.recent },
        ...{ marked_run: row.markedRun, is_answered: row.isAnswered },
        ...{ is_result: isResult, is_listed: isListed },
      })),
    ),
    JSON.stringify(
      events.map(({ event: { kind, orderKey, expiresAt, body }, fence }, place) => ({
        ...{ place, fence, event_id: body.eventId, account_id: body.accountId, kind },
        ...{ order_key: orderKey, expires_at: expiresAt, body: JSON.stringify(body) },
      })),
    ),
  ]
}

/**
 * Locks the leases in the order of their ids, as `renew` does, so that no two statements wait for each other. Only the
 * rows of the table `lease` are judged by their newest version; everything else is written and not read.
 */
function groupStatement({ tables }: Database): string {
  return `
    WITH asked AS (
      SELECT * FROM json_to_recordset($1::json) AS a (account_id text, fence bigint)
    ), locked AS (
      SELECT l.account_id, l.fence FROM ${tables.lease} l JOIN asked a ON a.account_id = l.account_id AND a.fence = l.fence
      ORDER BY l.account_id FOR UPDATE OF l
    ), owned AS (
      UPDATE ${tables.lease} l SET change = pg_current_xact_id() FROM locked
      WHERE l.account_id = locked.account_id AND l.fence = locked.fence
      RETURNING l.account_id, l.fence
    ), modules AS (
      INSERT INTO ${tables.module} AS m
        (account_id, network_id, sync_module_id, module, missing, progress, recent, marked_run, is_answered,
         change, listed_change)
      SELECT r.account_id, network_id, sync_module_id, module, missing, progress, recent, marked_run, is_answered,
        CASE WHEN is_result THEN pg_current_xact_id() ELSE '0' END,
        CASE WHEN is_listed THEN pg_current_xact_id() ELSE '0' END
      FROM json_to_recordset($2::json) AS r (
        account_id text, network_id text, sync_module_id text, fence bigint, module text, missing integer,
        progress text, recent text, marked_run text, is_answered boolean, is_result boolean, is_listed boolean)
      JOIN owned ON owned.account_id = r.account_id AND owned.fence = r.fence
      ON CONFLICT (account_id, network_id, sync_module_id) DO UPDATE SET
        module = excluded.module, missing = excluded.missing, progress = excluded.progress,
        recent = excluded.recent, marked_run = excluded.marked_run, is_answered = excluded.is_answered,
        change = greatest(m.change, excluded.change),
        listed_change = greatest(m.listed_change, excluded.listed_change)
    ), events AS (
      INSERT INTO ${tables.event} (event_id, account_id, kind, order_key, expires_at, body)
      SELECT e.event_id, e.account_id, kind, order_key, expires_at, body
      FROM json_to_recordset($3::json) AS e (
        place integer, fence bigint, event_id uuid, account_id text, kind text, order_key text, expires_at bigint,
        body text)
      JOIN owned ON owned.account_id = e.account_id AND owned.fence = e.fence
      ORDER BY place
      ON CONFLICT (event_id) DO NOTHING
      RETURNING seq, event_id, account_id, kind, order_key
    ), waiting AS (
      INSERT INTO ${tables.outbox} (seq, account_id, kind, order_key)
      SELECT seq, account_id, kind, order_key FROM events
    )
    SELECT account_id, fence, NULL::bigint AS seq, NULL::uuid AS event_id FROM owned
    UNION ALL SELECT NULL, NULL, seq, event_id FROM events`
}
