/**
 * The attempts of the last 24 hours. They share the database with what must not be lost, so each write is small, and
 * their number is bounded whatever the schedule is.
 */
import { attemptsKeptMs } from '../domain/attempt.ts'
import type { Clock } from '../domain/clock.ts'
import { keyOf } from '../domain/model.ts'
import type { AttemptHistory } from '../domain/ports.ts'
import type { Database } from './database.ts'
import { attemptColumns, attemptIn, attemptValues } from './rows.ts'

/** Those of 1,000 modules that are requested every five minutes, and some. */
const mostAttempts = 500_000

/** More than are added at a time, so that a backlog shrinks. */
const deletedAtOnce = 500

export function openAttempts(
  { prepare, read, write }: Database,
  clock: Pick<Clock, 'now'>,
  most = mostAttempts,
): AttemptHistory {
  const insert = prepare(`INSERT INTO attempt (${attemptColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)`)
  const setDelivered = prepare(
    'UPDATE attempt SET delivered_at = ? WHERE module = ? AND at = ? AND request_id = ?',
  )
  const ofModule = prepare(
    `SELECT ${attemptColumns} FROM attempt WHERE module = ? AND at >= ? ORDER BY at, seq`,
  )
  // Those first that came first. A clock that was ahead once has left attempts of the future.
  const deleteOld = prepare(
    `DELETE FROM attempt
     WHERE seq IN (SELECT seq FROM attempt ORDER BY seq LIMIT ${deletedAtOnce})
       AND (at NOT BETWEEN ? AND ? OR seq <= (SELECT max(seq) FROM attempt) - ?)`,
  )

  return {
    record: (attempts, delivered) =>
      write(() => {
        for (const { module, ...attempt } of attempts) insert.run(...attemptValues(keyOf(module), attempt))
        for (const { module, at, requestId, deliveredAt } of delivered) {
          setDelivered.run(deliveredAt, keyOf(module), at, requestId)
        }
        const now = clock.now()
        deleteOld.run(now - attemptsKeptMs, now + attemptsKeptMs, most)
      }),
    of: async (key, since) =>
      // An attempt that cannot be read is no reason to have the whole file recovered.
      read(() => ofModule.all(keyOf(key), since).flatMap((row) => attemptIn(row) ?? [])),
  }
}
