/**
 * The ledger of clips in PostgreSQL: what `../clips.ts` keeps, for all accounts.
 *
 * What an instance writes of clips carries the fence of their account. Exempt is what only takes something back: a
 * file that is gone, a camera whose topics were cleared.
 */
import {
  type CameraKey,
  type ClipCamera,
  type ClipNew,
  clipNewOf,
  comparable,
  type KnownClip,
  type LedgerClip,
  type LedgerFile,
} from '../../domain/clip.ts'
import { type BlinkId, type DurableEvent, keyIn, keyOf, type ModuleKey } from '../../domain/model.ts'
import type { ClipLedger, StoredEvent } from '../../domain/ports.ts'
import { clipCameraIn, clipIn, clipModuleIn, keptReadingIn, readable } from '../rows.ts'
import type { Database, Row, Sql, Value } from './database.ts'
import type { Owner } from './owner.ts'

/** So long a clip that has left the stick is remembered, unless it has a file. */
const rememberedMs = 30 * 24 * 60 * 60 * 1000

/** The name of the note that holds an instance's directory; no module has such a key. */
const directoryNoteOf = (instance?: string) =>
  instance === undefined ? 'directory' : `directory of ${instance}`

/** What the names of the notes begin with that hold cameras; no module's key begins so. */
const cameraNote = 'camera/'
const noteNameOf = ({ accountId, networkId, camera }: CameraKey) =>
  `${cameraNote}${accountId}/${networkId}/${camera}`

const driveNote = (key: ModuleKey) => `${keyOf(key)} drive`

/** What names that begin so lie between: the sign after a slash is the digit 0. */
const below = (stem: string) => [stem, `${stem.slice(0, -1)}0`] as const

/** Its part of the outbox. */
export interface ClipEvents {
  /** Adds an event inside the transaction of the caller. */
  add(sql: Sql, event: DurableEvent): Promise<StoredEvent>
  /** Notifies the listeners; called once the transaction is committed. */
  announce(added: StoredEvent): void
}

export interface ClipNeeds extends Owner {
  readonly outbox: ClipEvents
}

export function openClipLedger(database: Database, needs: ClipNeeds): ClipLedger {
  const { outbox, fences, isInstance } = needs
  const { query, transaction, tables, place } = database
  const { clip: clips, clip_note: notes } = tables

  const what = `a clip in ${place}`
  const toClip = (row: Row): LedgerClip => ({ ...readable(clipIn(row.clip), what), row: Number(row.row) })
  const toKey = (row: Row) => keyIn(String(row.module))

  /** A transaction of whoever holds the account. */
  const write = <T>(accountId: BlinkId, work: (sql: Sql) => Promise<T>): Promise<T> =>
    transaction(async (sql) => {
      if (isInstance) await fences.guard(sql, accountId)
      return work(sql)
    })

  async function noteOf(name: string, sql: Sql = database): Promise<unknown> {
    const { rows } = await sql.query(`SELECT note FROM ${notes} WHERE name = $1`, [name])
    return rows[0]?.note
  }

  const putNote = (sql: Sql, name: string, note: string) =>
    sql.query(
      `INSERT INTO ${notes} (name, note) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET note = excluded.note`,
      [name, note],
    )

  const update = (sql: Sql, { ...clip }: KnownClip, row: number) => {
    const { state, path, camera, bytes, created_at, clip: text } = clipColumnsOf(clip)
    return sql.query(
      `UPDATE ${clips} SET state = $2, path = $3, camera = $4, bytes = $5, created_at = $6, clip = $7 WHERE row = $1`,
      [row, state, path, camera, bytes, created_at, text],
    )
  }

  /** Returns their rows, in the same order. */
  async function insert(sql: Sql, key: ModuleKey, added: readonly KnownClip[]): Promise<readonly number[]> {
    if (added.length === 0) return []
    const { rows } = await sql.query(
      `INSERT INTO ${clips} (account_id, module, state, path, camera, bytes, created_at, clip)
       SELECT $1, $2, state, path, camera, bytes, created_at, clip
       FROM json_to_recordset($3::json)
         AS added (n int, state text, path text, camera text, bytes bigint, created_at bigint, clip text)
       ORDER BY n
       RETURNING row`,
      [
        key.accountId,
        keyOf(key),
        JSON.stringify(added.map(({ ...clip }, n) => ({ n, ...clipColumnsOf(clip) }))),
      ],
    )
    return rows.map(({ row }) => Number(row)).toSorted((a, b) => a - b)
  }

  async function put(sql: Sql, key: ModuleKey, clip: KnownClip, row: number | undefined): Promise<number> {
    if (row !== undefined) {
      await update(sql, clip, row)
      return row
    }
    return (await insert(sql, key, [clip]))[0] ?? 0
  }

  async function camerasBelow(stem: string, sql: Sql = database): Promise<readonly ClipCamera[]> {
    const { rows } = await sql.query(
      `SELECT note FROM ${notes} WHERE name > $1 AND name < $2 ORDER BY name`,
      below(cameraNote + stem),
    )
    return rows.flatMap(({ note }) => clipCameraIn(note) ?? [])
  }

  const putCamera = (sql: Sql, camera: ClipCamera) => putNote(sql, noteNameOf(camera), JSON.stringify(camera))

  /** A camera whose clips have another path from now on has moved there. */
  async function knowCamera(sql: Sql, clip: ClipNew): Promise<void> {
    const { accountId, networkId, syncModuleId, camera, cameraName } = clip
    for (const other of await camerasBelow(`${accountId}/${networkId}/`, sql)) {
      if (other.cameraName === cameraName && !other.moved && other.camera !== camera)
        await putCamera(sql, { ...other, moved: true })
    }
    const before = clipCameraIn(await noteOf(noteNameOf(clip), sql))?.last ?? (await newestOf(sql, clip))
    const last = before && before.createdAt > clip.createdAt ? before : clip
    await putCamera(sql, { accountId, networkId, syncModuleId, camera, cameraName, moved: false, last })
  }

  /** Of a camera that was forgotten, or of which it was not kept. */
  async function newestOf(
    sql: Sql,
    { accountId, networkId, camera }: CameraKey,
  ): Promise<ClipNew | undefined> {
    const { rows } = await sql.query(
      `SELECT module, clip FROM ${clips}
       WHERE module > $1 AND module < $2 AND state = 'saved' AND camera = $3
       ORDER BY created_at DESC LIMIT 1`,
      [...below(`${accountId}/${networkId}/`), camera],
    )
    const clip = rows[0] && clipIn(rows[0].clip)
    return rows[0] && clip && 'file' in clip ? clipNewOf(toKey(rows[0]), clip) : undefined
  }

  const mark = (sql: Sql, rows: readonly number[], goneAt: number | null) =>
    rows.length === 0
      ? undefined
      : sql.query(
          `UPDATE ${clips} SET gone_at = $2
           WHERE row = ANY($1::bigint[]) AND (gone_at IS NULL) = ($2::bigint IS NOT NULL)`,
          [rows, goneAt],
        )

  return {
    module: async (key) => clipModuleIn(await noteOf(keyOf(key))),
    async saveModule(key, module) {
      await write(key.accountId, (sql) => putNote(sql, keyOf(key), JSON.stringify(module)))
    },
    async totals(key) {
      const { rows } = await query(
        `SELECT count(*) FILTER (WHERE state = 'saved') AS downloaded,
                count(*) FILTER (WHERE state = 'failed') AS failed,
                coalesce(sum(bytes) FILTER (WHERE state = 'saved'), 0) AS bytes
         FROM ${clips} WHERE module = $1`,
        [keyOf(key)],
      )
      const { downloaded, failed, bytes } = rows[0] ?? {}
      return { downloaded: Number(downloaded), failed: Number(failed), bytes: Number(bytes) }
    },
    storageReading: async (key) => keptReadingIn(await noteOf(driveNote(key))),
    async saveStorageReading(key, reading) {
      await write(key.accountId, (sql) => putNote(sql, driveNote(key), JSON.stringify(reading)))
    },
    async clipsOf(key) {
      const { rows } = await query(`SELECT row, clip FROM ${clips} WHERE module = $1 ORDER BY row`, [
        keyOf(key),
      ])
      return rows.map(toClip)
    },
    async clip(row) {
      const { rows } = await query(`SELECT row, module, clip FROM ${clips} WHERE row = $1`, [row])
      return rows[0] && { ...toClip(rows[0]), module: toKey(rows[0]) }
    },
    async files(state, accountId) {
      const of = accountId === undefined ? [] : [accountId]
      const { rows } = await query(
        `SELECT row, module, clip FROM ${clips}
         WHERE state = '${state}' ${accountId === undefined ? '' : 'AND account_id = $1'} ORDER BY row`,
        of,
      )
      return rows.flatMap((row): LedgerFile[] => {
        const clip = toClip(row)
        return 'file' in clip ? [{ ...clip, module: toKey(row) }] : []
      })
    },
    async compared(key, { module, added, renamed, seen, gone, at, event }) {
      const { rows, announced } = await write(key.accountId, async (sql) => {
        const rows = await insert(sql, key, added)
        for (const { row, ...clip } of renamed) await update(sql, clip, row)
        await mark(sql, seen, null)
        await mark(sql, gone, at)
        await sql.query(
          `DELETE FROM ${clips} WHERE module = $1 AND gone_at < $2 AND state NOT IN ('ready', 'saved')`,
          [keyOf(key), at - rememberedMs],
        )
        await putNote(sql, keyOf(key), JSON.stringify(module))
        return { rows, announced: await outbox.add(sql, event) }
      })
      outbox.announce(announced)
      return rows
    },
    async put(key, clip, row) {
      if (clip.state !== 'removed' || row === undefined) {
        return write(key.accountId, (sql) => put(sql, key, clip, row))
      }
      await update(database, clip, row)
      return row
    },
    async adopt(key, clip) {
      await write(key.accountId, async (sql) => {
        await put(sql, key, clip, undefined)
        await knowCamera(sql, clipNewOf(key, clip))
      })
    },
    async saved({ row, module, ...clip }, event) {
      const announced = await write(module.accountId, async (sql) => {
        await put(sql, module, { ...clip, state: 'saved' }, row)
        await knowCamera(sql, clipNewOf(module, clip))
        return outbox.add(sql, event)
      })
      outbox.announce(announced)
    },
    cameras: (accountId) => camerasBelow(accountId === undefined ? '' : `${accountId}/`),
    camera: async (key) => clipCameraIn(await noteOf(noteNameOf(key))),
    async forgetCamera(key) {
      await query(`DELETE FROM ${notes} WHERE name = $1`, [noteNameOf(key)])
    },
    async followed() {
      const { rows } = await query(
        `SELECT name FROM ${notes} WHERE name ~ '^[0-9]+/[0-9]+/[0-9]+$' ORDER BY name`,
      )
      return rows.map(({ name }) => keyIn(String(name)))
    },
    async isTaken(comparablePath) {
      const { rows } = await query(`SELECT FROM ${clips} WHERE path = $1 LIMIT 1`, [comparablePath])
      return rows.length > 0
    },
    async directory(instance) {
      const note = await noteOf(directoryNoteOf(instance))
      return typeof note === 'string' ? note : undefined
    },
    async useDirectory(directory, instance) {
      await putNote(database, directoryNoteOf(instance), directory)
    },
  }
}

/** The columns of a clip's row that are made of it. */
export function clipColumnsOf(
  clip: KnownClip,
): Readonly<Record<'state' | 'path' | 'camera' | 'bytes' | 'created_at' | 'clip', Value>> {
  const file = 'file' in clip ? clip.file : undefined
  return {
    ...{ state: clip.state, path: file ? comparable(file.path) : null, camera: file?.camera ?? null },
    ...{ bytes: file?.bytes ?? null, created_at: clip.createdAt, clip: JSON.stringify(clip) },
  }
}
