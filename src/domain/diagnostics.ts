/**
 * What a person looks at when something does not work: the last lines, and what a report of a fault is made of.
 */
import type { Progress, Sighting } from './model.ts'
import type { LogLevel } from './ports.ts'

/** What a report of a fault needs of what is kept. Names and serials are in it. */
export interface StoreReport {
  /** `ok`, or what is wrong. */
  readonly integrity: string
  readonly schemaVersion: number
  readonly bytes: number
  /** Events in the outbox. */
  readonly waiting: number
  readonly attempts: number
  readonly clips: number
  readonly modules: readonly (Sighting & Progress)[]
  readonly cameraNames: readonly string[]
}

/** One of the last lines of the log, or an answer of the cloud; nothing in it is secret or personal. */
export interface TailLine {
  readonly at: number
  readonly level: Exclude<LogLevel, 'silent'>
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** The last lines, kept for whoever looks at them. */
export interface LogTail {
  /** The newest last. */
  lines(): readonly TailLine[]
}

/** What the page shows of it. */
export interface Diagnostics {
  readonly logTail: LogTail
  readonly bundle: () => Promise<SupportBundle>
}

/** What a person attaches to a bug report. */
export interface SupportBundle {
  readonly name: string
  readonly text: string
}
