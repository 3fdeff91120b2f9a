/**
 * State that is a few rows: the installation, pauses, the start throttle, the last run, and where Home Assistant's
 * discovery documents are. It is nobody's alone, so no lease guards it.
 */
import type { Clock } from '../../domain/clock.ts'
import type { ModuleKey } from '../../domain/model.ts'
import type { DiscoveryPrefix, Installation, LastRun, Pauses, StartThrottle } from '../../domain/ports.ts'
import type { Database } from './database.ts'
import { type Seal, wrongKey } from './sealed.ts'

/** The names of the notes. */
const [keyNote, lastRunNote, prefixNote] = ['key', 'last_run', 'discovery_prefix']

/** Sealed once, so that a daemon with another key notices before it does anything. */
const sealedText = 'blink-manifestd'

/**
 * Reads the installation, or makes it: of several that make it at once, all get the first one's.
 *
 * @throws StoreFailed when the database was sealed with another key, or cannot be used
 */
export async function openInstallation(
  database: Database,
  seal: Seal,
  clock: Pick<Clock, 'uuid'>,
): Promise<Installation> {
  const made = { installId: clock.uuid().slice(0, 8), hardwareId: clock.uuid().toUpperCase() }
  return keepInstallation(database, seal, made)
}

/** The installation that is kept; it is this one when there was none. @throws StoreFailed as `openInstallation` */
export async function keepInstallation(
  database: Database,
  seal: Seal,
  given: Installation,
): Promise<Installation> {
  const { installation, note } = database.tables
  const read = async () => {
    const { rows } = await database.query(
      `SELECT install_id, hardware_id, (SELECT note FROM ${note} WHERE name = '${keyNote}') AS key
       FROM ${installation}`,
    )
    return rows[0]
  }
  let kept = await read()
  if (!kept) {
    const key = Buffer.from(seal.close(sealedText, keyNote)).toString('base64')
    await database.query(
      `WITH made AS (
         INSERT INTO ${installation} (install_id, hardware_id) VALUES ($1, $2) ON CONFLICT DO NOTHING
         RETURNING is_only
       )
       INSERT INTO ${note} (name, note) SELECT '${keyNote}', $3 FROM made`,
      [given.installId, given.hardwareId, key],
    )
    kept = await read()
  }
  const key = Buffer.from(String(kept?.key ?? ''), 'base64')
  if (seal.open(key, keyNote) !== sealedText) throw wrongKey(`what is kept in ${database.place}`)
  return { installId: String(kept?.install_id), hardwareId: String(kept?.hardware_id) }
}

/** So old may be what is known of pauses, which are looked up for each module and set by hand at any instance. */
const pausesKnownMs = 1_000

/**
 * Pauses as rules and not as modules, so that "everything is paused" holds for a module that is found tomorrow. Rules
 * are by scope: empty for all, else `account`, `account/network` or `account/network/module`; the most specific rule
 * that covers a module decides.
 */
export function openPauses({ query, transaction, tables }: Database, clock: Pick<Clock, 'elapsed'>): Pauses {
  const { pause } = tables
  let known: { readonly rules: Promise<ReadonlyMap<string, boolean>>; readonly at: number } | undefined

  async function read(): Promise<ReadonlyMap<string, boolean>> {
    const { rows } = await query(`SELECT scope, is_paused FROM ${pause}`)
    return new Map(rows.map((row) => [String(row.scope), row.is_paused === true]))
  }

  function rulesNow(): Promise<ReadonlyMap<string, boolean>> {
    const now = clock.elapsed()
    if (known && now - known.at < pausesKnownMs) return known.rules
    const rules = read()
    const reading = { rules, at: now }
    known = reading
    // The next one looks again.
    rules.catch(() => {
      if (known === reading) known = undefined
    })
    return rules
  }

  return {
    async isPaused({ accountId, networkId, syncModuleId }: ModuleKey) {
      const rules = await rulesNow()
      const scopes = [`${accountId}/${networkId}/${syncModuleId}`, `${accountId}/${networkId}`, accountId, '']
      const scope = scopes.find((one) => rules.has(one))
      return scope !== undefined && rules.get(scope) === true
    },
    async set(scope, paused) {
      await transaction(async (sql) => {
        // One after another, since each takes away what the last ones have set inside its scope.
        await sql.query(`LOCK TABLE ${pause} IN SHARE ROW EXCLUSIVE MODE`)
        const inside = "$1 = '' OR scope = $1 OR starts_with(scope, $1 || '/')"
        await sql.query(`DELETE FROM ${pause} WHERE ${inside}`, [scope])
        await sql.query(`INSERT INTO ${pause} (scope, is_paused) VALUES ($1, $2)`, [scope, paused])
      })
      known = undefined
    },
  }
}

/** Older ones say nothing about restarts. */
const startKeptMs = 60 * 60_000

/** The start throttle, a row for each account. Written before the request: what ends the daemon may be the answer. */
export function openStartThrottle({ query, tables }: Database, clock: Pick<Clock, 'now'>): StartThrottle {
  return {
    async lastAt(account) {
      const { rows } = await query(`SELECT at FROM ${tables.start} WHERE account_id = $1`, [account])
      const at = rows[0] && Number(rows[0].at)
      return at !== undefined && at <= clock.now() && clock.now() - at < startKeptMs ? at : undefined
    },
    async note(account) {
      await query(
        `INSERT INTO ${tables.start} (account_id, at) VALUES ($1, $2)
         ON CONFLICT (account_id) DO UPDATE SET at = excluded.at`,
        [account, clock.now()],
      )
    },
  }
}

export async function openLastRun(database: Database): Promise<LastRun> {
  const note = notes(database)
  const kept = Number((await note.read(lastRunNote)) ?? Number.NaN)
  return {
    at: Number.isNaN(kept) ? undefined : kept,
    keep: (at) => note.keep(lastRunNote, String(at)),
  }
}

export function openDiscoveryPrefix(database: Database): DiscoveryPrefix {
  const note = notes(database)
  return {
    prefix: () => note.read(prefixNote),
    keep: (prefix) => note.keep(prefixNote, prefix),
    forget: () => note.remove(prefixNote),
  }
}

interface Notes {
  read(name: string): Promise<string | undefined>
  keep(name: string, text: string): Promise<void>
  remove(name: string): Promise<void>
}

/** Texts by name, each known to one file. */
function notes({ query, tables: { note } }: Database): Notes {
  return {
    async read(name) {
      const { rows } = await query(`SELECT note FROM ${note} WHERE name = $1`, [name])
      return rows[0] && String(rows[0].note)
    },
    async keep(name, text) {
      await query(
        `INSERT INTO ${note} (name, note) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET note = excluded.note`,
        [name, text],
      )
    },
    async remove(name) {
      await query(`DELETE FROM ${note} WHERE name = $1`, [name])
    },
  }
}
