/** Databases of a test: filled with work items, opened as the daemon does it, and damaged. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/domain/clock.ts'
import type { WorkItem } from '../../src/domain/model.ts'
import type { Ledger, Observer } from '../../src/domain/ports.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import type { DiskReserve } from '../../src/storage/disk-reserve.ts'
import { openLedger } from '../../src/storage/ledger.ts'
import { openOutbox, type StoredOutbox } from '../../src/storage/outbox.ts'
import { anItem, noReserve, readableLog, requested, temporaryDirectory } from './samples.ts'

/** A directory whose database holds so many items, closed, or as a kill leaves it with all of it in the log. */
export async function filled(items: number, { killed = false } = {}): Promise<string> {
  const directory = temporaryDirectory()
  const { database, ledger } = opened(directory)
  const numbers = Array.from({ length: items }, (_, index) => index)
  await Promise.all(numbers.map((number) => ledger.record(requested(item(number)))))
  if (!killed) {
    await database.close()
    return directory
  }
  const left = temporaryDirectory()
  for (const name of readdirSync(directory)) copyFileSync(join(directory, name), join(left, name))
  await database.close()
  return left
}

/** The item of that number; every module has ten. */
export function item(number: number): WorkItem {
  const syncModuleId = String(350_000 + Math.floor(number / 10))
  return anItem({ syncModuleId, requestId: String(670_000_000 + number) })
}

export interface Opened {
  readonly database: Database
  readonly outbox: StoredOutbox
  readonly ledger: Ledger
  readonly log: ReturnType<typeof readableLog>
}

/** Opens the database of a directory as the daemon does, until the test is over. */
export function opened(
  directory = temporaryDirectory(),
  reserve: DiskReserve = noReserve,
  observer: Pick<Observer, 'storeWritten'> = {},
): Opened {
  const log = readableLog()
  const database = openDatabase(directory, { log, reserve, clock: systemClock, observer })
  onTestFinished(() => database.close())
  const outbox = openOutbox(database)
  return { database, outbox, ledger: openLedger(database, outbox, reserve), log }
}

/** Writes bytes into the middle of a file. */
export function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
}

export function cutOff(path: string, share: number): void {
  truncateSync(path, Math.floor(statSync(path).size * share))
}

/** The names of quarantined files. */
export function quarantined(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => name.includes('.damaged'))
}

export const stateFile = (directory: string) => join(directory, 'state.db')
export const logFile = (directory: string) => join(directory, 'state.db-wal')
export const sizeOf = (path: string) => (existsSync(path) ? statSync(path).size : 0)
