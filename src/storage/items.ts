/**
 * The live request IDs: work items from their storing to the end of their lives, in the order of storing.
 *
 * The outbox names those that the broker has not acknowledged; the others are here for what is told of a module. An
 * item is written once, at the end of the table, and never changed, so neighbours share a page and a write.
 */
import { keyOf, type ModuleKey, type WorkItem } from '../domain/model.ts'
import type { Waiting } from '../domain/ports.ts'
import type { Row } from './connection.ts'
import type { Database } from './database.ts'
import { itemIn, readable } from './rows.ts'

export interface Items {
  /** Adds an item inside the caller's transaction. */
  add(item: WorkItem): Waiting
  /** The items of these numbers, as far as they have not been cleared. */
  of(seqs: readonly number[]): readonly WorkItem[]
  /** When the next one ends after `now`, acknowledged or not, or `undefined` when none does. */
  nextEnd(now: number): number | undefined
  /** Clears some that are dead and acknowledged; returns their modules, none when nothing was left to clear. */
  clear(now: number): Promise<readonly ModuleKey[]>
}

/** So many rows are cleared at a time, so that nobody has to wait for a fleet's. */
const clearedAtOnce = 500

/** The items of an open database. */
export function openItems({ path, prepare, read, write }: Database): Items {
  const insert = prepare('INSERT INTO items (seq, module, expires_at, item) VALUES (?, ?, ?, ?)')
  const some = prepare('SELECT item FROM items WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq')
  // In the order of storing, which is that of their ends as long as nobody changes their length.
  const acknowledged = 'FROM items WHERE seq NOT IN (SELECT seq FROM outbox) ORDER BY seq'
  const first = prepare('SELECT expires_at FROM items WHERE expires_at > ? ORDER BY seq LIMIT 1')
  const clearFirst = prepare(
    `DELETE FROM items
     WHERE seq IN (SELECT seq ${acknowledged} LIMIT ?)
       AND expires_at <= ?
     RETURNING module`,
  )
  const last = prepare('SELECT max(seq) AS seq FROM items')
  // Never given out twice by one process, however often the tables are emptied or mended.
  let seq = read(() => Number(last.get()?.seq ?? 0))

  return {
    add(item) {
      seq++
      insert.run(seq, keyOf(item), item.expiresAt, JSON.stringify(item))
      return { seq, item }
    },
    of: (seqs) => read(() => some.all(JSON.stringify(seqs)).map((row) => toItem(row, path))),
    nextEnd(now) {
      const row = read(() => first.get(now))
      return row && Number(row.expires_at)
    },
    async clear(now) {
      const rows = await write(() => clearFirst.all(clearedAtOnce, now))
      const names = new Set(rows.map(({ module }) => String(module)))
      return [...names].map(keyIn)
    },
  }
}

/** @throws DatabaseDamaged when it is none */
export function toItem({ item }: Row, path: string): WorkItem {
  return readable(itemIn(item), `a work item in ${path}`)
}

function keyIn(name: string): ModuleKey {
  const [accountId = '', networkId = '', syncModuleId = ''] = name.split('/')
  return { accountId, networkId, syncModuleId }
}
