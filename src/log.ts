/**
 * Log lines to stderr by pino: JSON for programs, readable lines for a terminal.
 *
 * Results of commands go to stdout and never through here.
 *
 * Two things are kept out of every line: characters that drive a terminal, and what errors carry beside their
 * message, for libraries attach requests with their headers.
 */
import { type DestinationStream, pino } from 'pino'
import type { Log, LogLevel } from './domain/ports.ts'
import { visible, visibleInLine } from './domain/printable.ts'

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'auto' | 'json' | 'pretty'
  /** Whether stderr is a terminal; decides what `auto` means. */
  readonly terminal: boolean
  readonly output: LogOutput
  /** Gets each line as well, as JSON. */
  readonly copy?: ((line: string) => void) | undefined
}

/** Where lines go. It never blocks and never throws. */
export interface LogOutput extends DestinationStream {
  /** Called with the number of lines that were dropped, once lines are taken again. */
  flowing: ((dropped: number) => void) | undefined
}

export interface LeveledLog extends Log {
  level: LogLevel
}

/** Causes of causes that are logged; a chain may be a circle. */
const deepestCause = 4

/** A log at the given level; the level may be changed while running. */
export async function openLog({ level, format, terminal, output, copy }: LogOptions): Promise<LeveledLog> {
  const pretty = format === 'pretty' || (format === 'auto' && terminal)
  const shown = pretty ? await readable(output, terminal) : asJson(output)
  const log = logTo(copy ? both(copy, shown) : shown, level)
  output.flowing = (dropped) => log.warn({ dropped }, 'log lines dropped, stderr could not be written')
  return log
}

/** A log that hands its lines, as JSON, to `stream`. */
export function logTo(stream: DestinationStream, level: LogLevel): LeveledLog {
  let current = level
  const lines = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: (error: unknown) => error },
      formatters: { log: withoutErrors },
    },
    stream,
  )
  return {
    // Looked up at each call: pino exchanges its methods when the level is changed.
    debug: (fields, message) => lines.debug(fields, message),
    info: (fields, message) => lines.info(fields, message),
    warn: (fields, message) => lines.warn(fields, message),
    error: (fields, message) => lines.error(fields, message),
    get level() {
      return current
    },
    set level(wanted) {
      current = wanted
      lines.level = wanted
    },
  }
}

function both(copy: (line: string) => void, shown: DestinationStream): DestinationStream {
  return {
    write(line) {
      shown.write(line)
      copy(line)
    },
  }
}

/** Lines of JSON that a terminal can show. */
export function asJson(output: DestinationStream): DestinationStream {
  return { write: (line) => output.write(visible(line)) }
}

/** Lines for people. Loaded only for a terminal: a service has no use for it. */
export async function readable(output: DestinationStream, colorize: boolean): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty')
  const prettify = prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    // What has a place of its own in a line is otherwise printed as it is, with the ends of lines it may hold.
    errorLikeObjectKeys: [],
    customPrettifiers: { name: quoted, pid: quoted, hostname: quoted, caller: quoted },
  })
  return { write: (line) => output.write(withColours(prettify(line))) }
}

function quoted(value: unknown): string {
  return visibleInLine(JSON.stringify(value) ?? '')
}

/** The only control characters of a readable line that are ours. */
const colour = /(\x1b\[\d+(?:;\d+)*m)/

function withColours(line: string): string {
  // Within the fields an escape character is escaped already, as JSON has it: what is left was put there for colour.
  return line
    .split(colour)
    .map((part, index) => (index % 2 === 1 ? part : visible(part)))
    .join('')
}

function withoutErrors(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? briefly(value) : value]),
  )
}

/** Name, message and code of an error and its causes. */
function briefly(error: Error, depth = 0): object {
  const { name, message, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: name,
    message,
    ...(code !== undefined && { code }),
    ...(cause instanceof Error && depth < deepestCause && { cause: briefly(cause, depth + 1) }),
  }
}
