/** What a report of a fault needs of the database: how large it is, and what is known of the modules. */
import type { StoreReport } from '../../domain/diagnostics.ts'
import { noProgress } from '../../domain/module-history.ts'
import { clipCameraIn, clipIn, moduleIn, progressIn } from '../rows.ts'
import type { Database } from './database.ts'
import { currentVersion } from './migrations.ts'

/** A fleet's report is made of some of its modules. */
const mostModules = 1_000
const mostClips = 5_000

export async function reportOf({ query, tables, schema }: Database): Promise<StoreReport> {
  const { attempt, clip, clip_note: note, module, outbox } = tables
  const sizes = await query(
    `SELECT (SELECT count(*) FROM ${outbox}) AS waiting, (SELECT count(*) FROM ${attempt}) AS attempts,
       (SELECT count(*) FROM ${clip}) AS clips, (
         SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind = 'r'
       ) AS bytes`,
    [schema],
  )
  const found = await query(`SELECT module, missing, progress FROM ${module} LIMIT ${mostModules}`)
  const modules = found.rows.flatMap(({ module: text, missing, progress }) => {
    const read = moduleIn(text)
    return read ? [{ module: read, missing: Number(missing), ...(progressIn(progress) ?? noProgress) }] : []
  })
  const cameras = await query(`SELECT note FROM ${note} WHERE starts_with(name, 'camera/')`)
  const clips = await query(`SELECT clip FROM ${clip} ORDER BY row DESC LIMIT ${mostClips}`)
  const names = [
    ...cameras.rows.flatMap((row) => clipCameraIn(row.note)?.cameraName ?? []),
    ...clips.rows.flatMap((row) => clipIn(row.clip)?.cameraName ?? []),
  ]
  const [row = {}] = sizes.rows
  return {
    ...{ integrity: 'ok', schemaVersion: currentVersion, bytes: Number(row.bytes) },
    ...{ waiting: Number(row.waiting), attempts: Number(row.attempts), clips: Number(row.clips) },
    modules,
    cameraNames: [...new Set(names)],
  }
}
