/**
 * What can still be read of a damaged database: row by row from both ends, as far as the first broken page.
 */
import type { Sql } from './connection.ts'
import { itemIn, recordIn } from './rows.ts'
import { expected } from './sqlite-errors.ts'

export interface Salvage {
  /** Rows of the outbox, by `seq`. */
  readonly items: readonly {
    readonly seq: number
    readonly module: string
    readonly expiresAt: number
    readonly text: string
  }[]
  /** Rows of the modules. */
  readonly records: readonly { readonly key: readonly [string, string, string]; readonly text: string }[]
}

export const nothingSalvaged: Salvage = { items: [], records: [] }

/** More than any backlog; a damaged tree may lead in circles. */
const mostRows = 1_000_000

/** Reads what is there and is what we wrote; what is not is left behind. */
export function salvage(sql: Sql): Salvage {
  const items = new Map<number, Salvage['items'][number]>()
  const records = new Map<string, Salvage['records'][number]>()
  for (const order of ['ASC', 'DESC']) {
    eachRow(sql, `SELECT seq, item FROM outbox ORDER BY seq ${order}`, (row) => {
      const item = itemIn(row.item)
      const seq = Number(row.seq)
      if (!item || !Number.isSafeInteger(seq)) return
      const { accountId, networkId, syncModuleId, expiresAt } = item
      const module = `${accountId}/${networkId}/${syncModuleId}`
      items.set(seq, { seq, module, expiresAt, text: String(row.item) })
    })
    eachRow(sql, `SELECT record FROM modules ORDER BY account_id ${order}`, (row) => {
      const record = recordIn(row.record)
      if (!record) return
      const { accountId, networkId, syncModuleId } = record.module
      const key = [accountId, networkId, syncModuleId] as const
      records.set(key.join('/'), { key, text: String(row.record) })
    })
  }
  return { items: [...items.values()].sort((a, b) => a.seq - b.seq), records: [...records.values()] }
}

/** Until the end, or the first page that cannot be read. */
function eachRow(sql: Sql, query: string, take: (row: Record<string, unknown>) => void): void {
  let rows = 0
  try {
    for (const row of sql.prepare(query).iterate()) {
      take(row)
      rows++
      if (rows === mostRows) return
    }
  } catch (cause) {
    const error = expected('cannot read', cause)
    // Without a result code of SQLite's it is a bug.
    if (error === cause) throw error
  }
}

/**
 * Puts it into a fresh database.
 *
 * @param above numbers of new items are larger than this one: those of lost items may still be in somebody's hands
 */
export function restore(sql: Sql, { items, records }: Salvage, above: number): void {
  const addItem = sql.prepare('INSERT INTO outbox (seq, module, expires_at, item) VALUES (?, ?, ?, ?)')
  const addRecord = sql.prepare(
    'INSERT INTO modules (account_id, network_id, sync_module_id, record) VALUES (?, ?, ?, ?)',
  )
  sql.exec('BEGIN IMMEDIATE')
  for (const { seq, module, expiresAt, text } of items) addItem.run(seq, module, expiresAt, text)
  for (const { key, text } of records) addRecord.run(...key, text)
  const highest = Math.max(above, items.at(-1)?.seq ?? 0)
  sql.exec("DELETE FROM sqlite_sequence WHERE name = 'outbox'")
  sql.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)").run(highest)
  sql.exec('COMMIT')
}
