/**
 * Log lines to stderr by pino: JSON for programs, readable lines for a terminal.
 *
 * Written at once and not in the background: a buffered line is lost when the process is killed, and the last
 * lines before a kill are the ones that matter. Results of commands go to stdout and never through here.
 */
import { type DestinationStream, destination, pino } from 'pino'
import type { Log } from './ports.ts'

export interface LogOptions {
  readonly level: string
  readonly format: 'auto' | 'json' | 'pretty'
  /** Whether stderr is a terminal; decides what `auto` means. */
  readonly terminal: boolean
}

export interface LeveledLog extends Log {
  level: string
}

const stderr = 2

/** A log at the given level; the level may be changed while running. */
export async function openLog({ level, format, terminal }: LogOptions): Promise<LeveledLog> {
  const pretty = format === 'pretty' || (format === 'auto' && terminal)
  const stream = pretty ? await readable(terminal) : destination({ dest: stderr, sync: true })
  const lines = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  return {
    // Looked up at each line, for pino exchanges these methods when the level changes.
    debug: (fields, message) => lines.debug(fields, message),
    info: (fields, message) => lines.info(fields, message),
    warn: (fields, message) => lines.warn(fields, message),
    error: (fields, message) => lines.error(fields, message),
    get level() {
      return lines.level
    },
    set level(wanted) {
      lines.level = wanted
    },
  }
}

/** Loaded only for a terminal: a service has no use for it. */
async function readable(colorize: boolean): Promise<DestinationStream> {
  const { default: build } = await import('pino-pretty')
  return build({
    destination: stderr,
    sync: true,
    colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })
}
