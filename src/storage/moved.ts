/**
 * The mark of a data directory whose state is in PostgreSQL, or on its way there: a daemon that went on with the
 * directory would use refresh tokens that are used up.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { iso } from '../domain/clock.ts'
import { StoreFailed } from '../domain/errors.ts'
import { jsonFile } from './state-files.ts'

const mark = z.object({
  state: z.enum(['moving', 'moved']),
  /** In milliseconds since the epoch. */
  at: z.number(),
  /** The database, without a password. */
  place: z.string(),
  schema: z.string(),
})

export type MoveMark = z.infer<typeof mark>

export interface MoveMarkFile {
  /** @throws StoreFailed when it is damaged */
  readIntact(): Promise<MoveMark | undefined>
  write(mark: MoveMark): Promise<void>
}

export function moveMark(dataDir: string): MoveMarkFile {
  const file = jsonFile(join(dataDir, 'moved.json'), mark)
  return {
    readIntact: () =>
      file.readIntact('Restore it from a backup. Remove it only when the directory was never moved.'),
    write: (value) => file.write(value),
  }
}

/** @throws StoreFailed when the directory was moved, or is being moved */
export async function refuseMoved(dataDir: string): Promise<void> {
  const moved = await moveMark(dataDir).readIntact()
  if (!moved) return
  const { state, at, place, schema } = moved
  if (state === 'moving') {
    throw new StoreFailed(`${dataDir} is being moved to ${place} since ${iso(at)}, and not to its end yet`, {
      remedy: 'Run `blink-manifestd store move` with the same store.url again: it goes on.',
      isLasting: true,
    })
  }
  throw new StoreFailed(`${dataDir} was moved to ${place}, schema ${schema}, at ${iso(at)}`, {
    remedy: 'Set store.url and store.key (STORE_URL_FILE, STORE_KEY_FILE), or another dataDir.',
    isLasting: true,
  })
}
