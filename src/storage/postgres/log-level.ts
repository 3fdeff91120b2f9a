/** The log level that a command has set, for all instances that run at that moment. */
import type { SetLogLevel, SharedLogLevel } from '../../domain/fleet.ts'
import { logLevels } from '../../domain/ports.ts'
import type { Database } from './database.ts'

const name = 'log_level'

export function openLogLevel(database: Database): SharedLogLevel {
  const { note } = database.tables
  const save = `INSERT INTO ${note} (name, note) VALUES ('${name}', json_build_object('level', $1::text,
      'at', EXTRACT(EPOCH FROM clock_timestamp()))::text)
    ON CONFLICT (name) DO UPDATE SET note = EXCLUDED.note`
  return {
    async set(level) {
      await database.query(save, [level])
    },
    async read() {
      const { rows } = await database.query(`SELECT note FROM ${note} WHERE name = '${name}'`)
      return setIn(rows[0]?.note)
    },
  }
}

/** What this version knows; another one may have more levels. */
function setIn(note: unknown): SetLogLevel | undefined {
  if (typeof note !== 'string') return undefined
  const value: unknown = JSON.parse(note)
  if (typeof value !== 'object' || value === null) return undefined
  const level = logLevels.find((known) => 'level' in value && known === value.level)
  const at = 'at' in value && typeof value.at === 'number' ? value.at : undefined
  return level !== undefined && at !== undefined ? { level, at } : undefined
}
