/**
 * What can still be read of a damaged database: row by row from both ends, as far as the first broken page.
 */
import { keyOf } from '../domain/model.ts'
import type { Row, Sql, Value } from './connection.ts'
import { itemIn, moduleIn, progressIn, recentIn } from './rows.ts'
import { expected } from './sqlite-errors.ts'

export interface Salvage {
  /** Rows of the live items, by `seq`. */
  readonly items: readonly {
    readonly seq: number
    readonly module: string
    readonly expiresAt: number
    readonly text: string
    /** Whether it is, or may be, in the outbox: better delivered twice than not at all. */
    readonly waits: boolean
  }[]
  /** Rows of the modules, column by column. */
  readonly records: readonly (readonly Value[])[]
}

export const nothingSalvaged: Salvage = { items: [], records: [] }

/** More than any backlog; a damaged tree may lead in circles. */
const mostRows = 1_000_000

/** Reads what is there and is what we wrote; what is not is left behind. */
export function salvage(sql: Sql): Salvage {
  const waiting = new Set<number>()
  const isWhole = eachRow(sql, 'SELECT seq FROM outbox', (row) => waiting.add(Number(row.seq)))
  const items = new Map<number, Salvage['items'][number]>()
  const records = new Map<string, readonly Value[]>()
  const takeItem = (row: Row) => {
    const item = itemIn(row.item)
    const seq = Number(row.seq)
    if (!item || !Number.isSafeInteger(seq)) return
    const waits = !isWhole || waiting.has(seq)
    items.set(seq, { seq, module: keyOf(item), expiresAt: item.expiresAt, text: String(row.item), waits })
  }
  for (const order of ['ASC', 'DESC']) {
    // Until version 2 the items were in the outbox itself.
    for (const table of ['items', 'outbox'])
      eachRow(sql, `SELECT seq, item FROM ${table} ORDER BY seq ${order}`, takeItem)
    eachRow(
      sql,
      `SELECT module, missing, progress, recent FROM modules ORDER BY account_id ${order}`,
      (row) => {
        const module = moduleIn(row.module)
        if (!module || !progressIn(row.progress)) return
        const { accountId, networkId, syncModuleId } = module
        const recent = recentIn(row.recent) ? String(row.recent) : '[]'
        const texts = [String(row.module), Number(row.missing) || 0, String(row.progress), recent]
        records.set(keyOf(module), [accountId, networkId, syncModuleId, ...texts])
      },
    )
  }
  return { items: [...items.values()].sort((a, b) => a.seq - b.seq), records: [...records.values()] }
}

/** Until the end, or the first page that cannot be read; tells whether it was the end. */
function eachRow(sql: Sql, query: string, take: (row: Row) => void): boolean {
  let rows = 0
  try {
    for (const row of sql.prepare(query).iterate()) {
      take(row)
      rows++
      if (rows === mostRows) return false
    }
    return true
  } catch (cause) {
    const error = expected({ message: 'cannot read' }, cause)
    // Without a result code of SQLite's it is a bug.
    if (error === cause) throw error
    return false
  }
}

/** Puts it into a fresh database. */
export function restore(sql: Sql, { items, records }: Salvage): void {
  const addItem = sql.prepare('INSERT INTO items (seq, module, expires_at, item) VALUES (?, ?, ?, ?)')
  const addWaiting = sql.prepare('INSERT INTO outbox (seq, module) VALUES (?, ?)')
  const addRecord = sql.prepare(
    `INSERT INTO modules (account_id, network_id, sync_module_id, module, missing, progress, recent)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  )
  sql.exec('BEGIN IMMEDIATE')
  for (const { seq, module, expiresAt, text, waits } of items) {
    addItem.run(seq, module, expiresAt, text)
    if (waits) addWaiting.run(seq, module)
  }
  for (const record of records) addRecord.run(...record)
  sql.exec('COMMIT')
}
