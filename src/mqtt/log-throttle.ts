/** Says the same thing once an hour: a broker that is away for a day must not fill the log. */
import type { Clock } from '../domain/clock.ts'
import type { Log } from '../domain/ports.ts'

const hourMs = 60 * 60_000
/** More different complaints than this are not kept apart, and told at `debug` only. */
const mostKept = 50

export interface Complaint {
  /** What tells one complaint from another, with the message. */
  readonly reason: string
  /** What a person can do about it. */
  readonly remedy?: string
  readonly [field: string]: unknown
}

export class Complaints {
  readonly #clock: Clock
  readonly #log: Log
  readonly #saidAt = new Map<string, number>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Logs at `level` when this was not said within the hour, else at `debug`. */
  say(level: 'warn' | 'error', fields: Complaint, message: string): void {
    const key = `${message} ${fields.reason}`
    const now = this.#clock.elapsed()
    const saidAt = this.#saidAt.get(key)
    const due = saidAt === undefined ? this.#saidAt.size < mostKept : now - saidAt >= hourMs
    if (due) this.#saidAt.set(key, now)
    this.#log[due ? level : 'debug'](fields, message)
  }

  /** All is well again: the next complaint is news. */
  forget(): void {
    this.#saidAt.clear()
  }
}
