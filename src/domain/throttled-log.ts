/**
 * The throttled logger: lines of one kind at most so often, once an hour by default.
 *
 * For everything that a broker, or whoever may write to it, can make us log again and again. What is left out is
 * counted, and the next line of its kind has the count. A kind that has been silent long enough starts afresh, and
 * so does one that was pushed out by many others: nothing is silent for ever.
 */
import type { Clock } from './clock.ts'
import type { Log } from './ports.ts'

/** So many lines at once, and another one each `everyMs`. */
export interface Rate {
  readonly burst: number
  readonly everyMs: number
}

export interface Limit {
  /** What distinguishes kinds of lines; by default the message. */
  readonly kind?: string
  readonly rate?: Rate
}

interface Kind {
  readonly lines: number
  readonly at: number
  readonly suppressed: number
}

/** Half of the sixty lines that commands may fill in a minute; what they make the accounts do has the other. */
export const commandLines: Rate = { burst: 15, everyMs: 4_000 }
const hourly: Rate = { burst: 1, everyMs: 60 * 60_000 }
/** More than there are in this program. */
const mostKinds = 200

export class ThrottledLog {
  readonly #clock: Clock
  readonly #log: Log
  /** Those that were last heard of first. */
  readonly #kinds = new Map<string, Kind>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  log(level: 'info' | 'warn' | 'error', fields: object, message: string, limit: Limit = {}): void {
    const { kind: name = message, rate = hourly } = limit
    const now = this.#clock.elapsed()
    const kind = this.#kinds.get(name) ?? { lines: rate.burst, at: now, suppressed: 0 }
    const lines = Math.min(rate.burst, kind.lines + (now - kind.at) / rate.everyMs)
    const { suppressed } = kind
    this.#kinds.delete(name)
    if (lines < 1) this.#keep(name, { lines, at: now, suppressed: suppressed + 1 })
    else {
      this.#keep(name, { lines: lines - 1, at: now, suppressed: 0 })
      this.#log[level]({ ...fields, ...(suppressed > 0 && { suppressed }) }, message)
    }
  }

  /** The next line of each kind is logged again. */
  reset(): void {
    this.#kinds.clear()
  }

  #keep(name: string, kind: Kind): void {
    const [oldest] = this.#kinds.keys()
    if (this.#kinds.size >= mostKinds && oldest !== undefined) this.#kinds.delete(oldest)
    this.#kinds.set(name, kind)
  }
}
