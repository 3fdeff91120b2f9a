/** Statements of the queue of jobs, which has tables of its own, through our connections and our transactions. */
import type { SqlRunner } from '../../domain/fleet.ts'
import type { Sql, Value } from './database.ts'

export function runnerOf(sql: Sql): SqlRunner {
  return {
    async executeSql(text, values = []) {
      // Its values are what the driver takes: texts, numbers, times and lists of them.
      const { rows } = await sql.query(text, values as readonly Value[], { isOnce: true })
      return { rows }
    },
  }
}
