/**
 * What a report of a fault needs of the database: whether it is whole, and what is known of the modules.
 */

import type { StoreReport } from '../domain/diagnostics.ts'
import { noProgress } from '../domain/module-history.ts'
import type { Sql } from './connection.ts'
import { clipCameraIn, clipIn, moduleIn, progressIn } from './rows.ts'

/** A fleet's report is made of some of its modules. */
const mostModules = 1_000

/** Reads the whole file once, so the program stands still for that long. */
export function reportOf(sql: Sql): StoreReport {
  const one = (query: string) => Number(Object.values(sql.prepare(query).get() ?? {})[0] ?? 0)
  const names = new Set<string>()
  const modules = sql
    .prepare(`SELECT module, missing, progress FROM modules LIMIT ${mostModules}`)
    .all()
    .flatMap(({ module: text, missing, progress }) => {
      const module = moduleIn(text)
      return module ? [{ module, missing: Number(missing), ...(progressIn(progress) ?? noProgress) }] : []
    })
  for (const { note } of sql.prepare("SELECT note FROM clip_notes WHERE name GLOB 'camera/*'").all()) {
    const camera = clipCameraIn(note)
    if (camera) names.add(camera.cameraName)
  }
  for (const { clip } of sql.prepare('SELECT clip FROM clips ORDER BY row DESC LIMIT 5000').all()) {
    const known = clipIn(clip)
    if (known) names.add(known.cameraName)
  }
  return {
    integrity: String(Object.values(sql.prepare('PRAGMA quick_check(5)').get() ?? {})[0]),
    schemaVersion: one('PRAGMA user_version'),
    bytes: one('PRAGMA page_count') * one('PRAGMA page_size'),
    waiting: one('SELECT count(*) FROM outbox'),
    attempts: one('SELECT count(*) FROM attempt'),
    clips: one('SELECT count(*) FROM clips'),
    modules,
    cameraNames: [...names],
  }
}
