/**
 * The ledger of clips: each clip that was ever on a stick, from its first sight until it has left the stick and its
 * file is gone, and what is kept of the clips of each module.
 *
 * A clip that is missing from a manifest stays for a while: a stick that is unplugged for an hour is not a new stick,
 * and what retention has removed must not come back.
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
} from '../domain/clip.ts'
import { keyIn, keyOf, type ModuleKey } from '../domain/model.ts'
import type { ClipLedger } from '../domain/ports.ts'
import type { Row } from './connection.ts'
import type { Database } from './database.ts'
import type { StoredOutbox } from './outbox.ts'
import { clipCameraIn, clipIn, clipModuleIn, keptReadingIn, readable } from './rows.ts'

/** So long a clip that has left the stick is remembered, unless it has a file. */
const rememberedMs = 30 * 24 * 60 * 60 * 1000

/** The name of the note that holds the directory; no module has such a key. */
const directoryNote = 'directory'

/** What the names of the notes begin with that hold cameras; no module's key begins so. */
const cameraNote = 'camera/'
const noteNameOf = ({ accountId, networkId, camera }: CameraKey) =>
  `${cameraNote}${accountId}/${networkId}/${camera}`

const driveNote = (key: ModuleKey) => `${keyOf(key)} drive`

export function openClipLedger({ path, prepare, read, write }: Database, outbox: StoredOutbox): ClipLedger {
  const noteOf = prepare('SELECT note FROM clip_notes WHERE name = ?')
  const putNote = prepare('INSERT OR REPLACE INTO clip_notes (name, note) VALUES (?, ?)')
  const notesBelow = prepare('SELECT note FROM clip_notes WHERE name GLOB ? ORDER BY name')
  const moduleNotes = prepare("SELECT name FROM clip_notes WHERE name GLOB '[0-9]*/*/*[0-9]' ORDER BY name")
  const deleteNote = prepare('DELETE FROM clip_notes WHERE name = ?')
  const ofModule = prepare('SELECT row, clip FROM clips WHERE module = ? ORDER BY row')
  const ofRow = prepare('SELECT row, module, clip FROM clips WHERE row = ?')
  const ofState = prepare('SELECT row, module, clip FROM clips WHERE state = ? ORDER BY row')
  const sums = prepare(
    `SELECT count(*) FILTER (WHERE state = 'saved') AS downloaded,
            count(*) FILTER (WHERE state = 'failed') AS failed,
            sum(json_extract(clip, '$.file.bytes')) FILTER (WHERE state = 'saved') AS bytes
     FROM clips WHERE module = ?`,
  )
  const newestClip = prepare(
    `SELECT module, clip FROM clips
     WHERE state = 'saved' AND module GLOB ? AND json_extract(clip, '$.file.camera') = ?
     ORDER BY json_extract(clip, '$.createdAt') DESC LIMIT 1`,
  )
  const insert = prepare('INSERT INTO clips (module, state, path, clip) VALUES (?, ?, ?, ?) RETURNING row')
  const update = prepare('UPDATE clips SET state = ?, path = ?, clip = ? WHERE row = ?')
  const taken = prepare('SELECT 1 FROM clips WHERE path = ?')
  const numbered = 'row IN (SELECT value FROM json_each(?))'
  const setSeen = prepare(`UPDATE clips SET gone_at = NULL WHERE gone_at IS NOT NULL AND ${numbered}`)
  const setGone = prepare(`UPDATE clips SET gone_at = ? WHERE gone_at IS NULL AND ${numbered}`)
  const forget = prepare("DELETE FROM clips WHERE gone_at < ? AND state NOT IN ('ready', 'saved')")

  const what = `a clip in ${path}`
  const toClip = (row: Row): LedgerClip => ({ ...readable(clipIn(row.clip), what), row: Number(row.row) })
  const columns = (clip: KnownClip) =>
    [clip.state, 'file' in clip ? comparable(clip.file.path) : null, JSON.stringify(clip)] as const

  function put(key: ModuleKey, { ...clip }: KnownClip, row: number | undefined): number {
    if (row === undefined) return Number(insert.get(keyOf(key), ...columns(clip))?.row)
    update.run(...columns(clip), row)
    return row
  }

  const camerasBelow = (stem: string): readonly ClipCamera[] =>
    notesBelow.all(`${cameraNote}${stem}*`).flatMap(({ note }) => clipCameraIn(note) ?? [])
  const putCamera = (camera: ClipCamera) => putNote.run(noteNameOf(camera), JSON.stringify(camera))

  /** A camera whose clips have another path from now on has moved there. */
  function knowCamera(clip: ClipNew): void {
    const { accountId, networkId, syncModuleId, camera, cameraName } = clip
    for (const other of camerasBelow(`${accountId}/${networkId}/`)) {
      if (other.cameraName === cameraName && !other.moved && other.camera !== camera)
        putCamera({ ...other, moved: true })
    }
    const before = clipCameraIn(noteOf.get(noteNameOf(clip))?.note)?.last ?? newestOf(clip)
    const last = before && before.createdAt > clip.createdAt ? before : clip
    putCamera({ accountId, networkId, syncModuleId, camera, cameraName, moved: false, last })
  }

  /** Of a camera that was forgotten, or of which it was not kept. */
  function newestOf({ accountId, networkId, camera }: CameraKey): ClipNew | undefined {
    const row = newestClip.get(`${accountId}/${networkId}/*`, camera)
    const clip = row && clipIn(row.clip)
    return clip && 'file' in clip ? clipNewOf(keyIn(String(row.module)), clip) : undefined
  }

  return {
    async module(key) {
      const note = read(() => noteOf.get(keyOf(key)))
      return note && clipModuleIn(note.note)
    },
    async saveModule(key, module) {
      await write(() => putNote.run(keyOf(key), JSON.stringify(module)))
    },
    totals: async (key) => {
      const row = read(() => sums.get(keyOf(key)))
      return {
        ...{ downloaded: Number(row?.downloaded ?? 0), failed: Number(row?.failed ?? 0) },
        bytes: Number(row?.bytes ?? 0),
      }
    },
    async storageReading(key) {
      const note = read(() => noteOf.get(driveNote(key)))
      return note && keptReadingIn(note.note)
    },
    async saveStorageReading(key, reading) {
      await write(() => putNote.run(driveNote(key), JSON.stringify(reading)))
    },
    clipsOf: async (key) => read(() => ofModule.all(keyOf(key)).map(toClip)),
    clip: async (row) =>
      read(() => {
        const found = ofRow.get(row)
        return found && { ...toClip(found), module: keyIn(String(found.module)) }
      }),
    files: async (state, accountId) =>
      read(() =>
        ofState.all(state).flatMap((row): LedgerFile[] => {
          const [clip, module] = [toClip(row), keyIn(String(row.module))]
          const isMeant = accountId === undefined || module.accountId === accountId
          return 'file' in clip && isMeant ? [{ ...clip, module }] : []
        }),
      ),
    async compared(key, { module, added, renamed, seen, gone, at, event }) {
      const { rows, announced } = await write(() => {
        const rows = added.map((clip) => put(key, clip, undefined))
        for (const { row, ...clip } of renamed) put(key, clip, row)
        setSeen.run(JSON.stringify(seen))
        setGone.run(at, JSON.stringify(gone))
        forget.run(at - rememberedMs)
        putNote.run(keyOf(key), JSON.stringify(module))
        return { rows, announced: outbox.add(event) }
      })
      outbox.announce(announced)
      return rows
    },
    put: (key, clip, row) => write(() => put(key, clip, row)),
    async adopt(key, clip) {
      await write(() => {
        put(key, clip, undefined)
        knowCamera(clipNewOf(key, clip))
      })
    },
    async saved({ row, module, ...clip }, event) {
      const announced = await write(() => {
        put(module, { ...clip, state: 'saved' }, row)
        knowCamera(clipNewOf(module, clip))
        return outbox.add(event)
      })
      outbox.announce(announced)
    },
    cameras: async (accountId) => read(() => camerasBelow(accountId === undefined ? '' : `${accountId}/`)),
    camera: async (key) => read(() => clipCameraIn(noteOf.get(noteNameOf(key))?.note)),
    async forgetCamera(key) {
      await write(() => deleteNote.run(noteNameOf(key)))
    },
    followed: async () => read(() => moduleNotes.all().map(({ name }) => keyIn(String(name)))),
    isTaken: async (comparablePath) => read(() => taken.get(comparablePath) !== undefined),
    directory: async () => {
      const note = read(() => noteOf.get(directoryNote))
      return note && String(note.note)
    },
    async useDirectory(directory) {
      await write(() => putNote.run(directoryNote, directory))
    },
  }
}
