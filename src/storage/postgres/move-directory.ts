/**
 * Moves a data directory into an empty schema, once, and marks it.
 *
 * The mark comes first, then the copy with one commit, then the mark that it is done: whoever is killed in between finds
 * out by the database whether the commit was there.
 */
import type { Clock } from '../../domain/clock.ts'
import { StoreFailed } from '../../domain/errors.ts'
import type { Log } from '../../domain/ports.ts'
import type { Secret } from '../../domain/secret.ts'
import { openMoveSource } from '../move-source.ts'
import { type MoveMark, moveMark } from '../moved.ts'
import type { Database } from './database.ts'
import { migrate } from './migrations.ts'
import { copyAll, installationIn, type MovedCounts } from './move.ts'
import { keepInstallation } from './notes.ts'
import { createSeal } from './sealed.ts'

export interface MoveNeeds {
  readonly dataDir: string
  readonly database: Database
  /** Of the setting `store.key`. */
  readonly key: Secret
  readonly clock: Clock
  readonly log: Log
}

export interface Moved {
  readonly place: string
  readonly installId: string
  /** `undefined` where an earlier move had copied everything. */
  readonly counts: MovedCounts | undefined
}

/**
 * Copies everything that is kept in a data directory into the database.
 *
 * @throws AlreadyRunning when a daemon runs on the directory
 * @throws StoreFailed when the schema holds something already, or something cannot be read or written
 */
export async function moveDirectory(needs: MoveNeeds): Promise<Moved> {
  const { dataDir, database, key, clock, log } = needs
  await using source = await openMoveSource(dataDir, clock, log)
  const mark = moveMark(dataDir)
  const before = await mark.readIntact()
  await migrate(database)
  const { place, schema } = database
  const { installId } = source.installation
  const there = (await installationIn(database))?.installId
  if (before) refuseOther(before, database, there === installId)
  if (there !== undefined) refuseStranger(there, installId, { database, isMarked: before !== undefined })
  const seal = createSeal(key, clock)
  const done = { at: clock.now(), place, schema } as const
  if (there !== undefined) {
    // So that a daemon with this key can use it.
    await keepInstallation(database, seal, source.installation)
    if (before?.state !== 'moved') await mark.write({ state: 'moved', ...done })
    return { place, installId, counts: undefined }
  }
  await mark.write({ state: 'moving', ...done })
  const counts = await copyAll(source, database, seal)
  await mark.write({ state: 'moved', ...done })
  return { place, installId, counts }
}

/** What was moved, or begun, somewhere else. */
function refuseOther(before: MoveMark, { place, schema }: Database, isThere: boolean): void {
  const isSame = before.place === place && before.schema === schema
  if (isThere || (isSame && before.state === 'moving')) return
  const where = `${before.place}, schema ${before.schema}`
  if (before.state === 'moving') {
    throw new StoreFailed(`the directory is being moved to ${where}`, {
      remedy: 'Give the same store.url and store.schema as before: it goes on.',
      isLasting: true,
    })
  }
  throw new StoreFailed(`the directory was moved to ${where}, and is not there any more or was not meant`, {
    remedy: 'Set store.url and store.schema to that place, or restore that database from its backup.',
    isLasting: true,
  })
}

interface Stranger {
  readonly database: Database
  readonly isMarked: boolean
}

/** A schema that is in use. */
function refuseStranger(
  there: string,
  own: string,
  { database: { place, schema }, isMarked }: Stranger,
): void {
  const where = `schema ${schema} in ${place}`
  if (there !== own) {
    throw new StoreFailed(`${where} holds another installation (${there}) already`, {
      remedy: 'Set another store.schema, or sign the accounts in there with `blink-manifestd login`.',
      isLasting: true,
    })
  }
  if (isMarked) return
  throw new StoreFailed(`${where} holds this installation already, and may be newer than the directory`, {
    remedy:
      'Start the daemons with store.url. To move the directory once more, stop them and drop that schema first.',
    isLasting: true,
  })
}
