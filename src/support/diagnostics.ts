/**
 * The last lines of the log and the last answers of the cloud, redacted: in memory for the page, and in a file of the
 * data directory for a bug report after whatever happened.
 *
 * Nobody waits for the file, and a disk that does not take it costs lines. It is appended to, and replaced as a whole by
 * its newer half when it is full, so a kill at any moment leaves a file that can be read.
 */
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../domain/clock.ts'
import { iso } from '../domain/clock.ts'
import type { LogTail, TailLine } from '../domain/diagnostics.ts'
import { StoreFailed } from '../domain/errors.ts'
import { errorCode } from '../domain/file-failures.ts'
import type { Observer } from '../domain/ports.ts'
import { freeBytes } from '../storage/disk-reserve.ts'
import { readWhole, writeWhole } from '../storage/state-files.ts'
import type { Redaction } from './redaction.ts'

export interface Diagnostics {
  /** Takes a line of the log, as JSON. */
  readonly line: (json: string) => void
  /** Takes the answers of the cloud. */
  readonly observer: Observer
  readonly tail: LogTail
  /** Keeps lines in the file of this directory from now on; what it holds already comes first. */
  keepIn(dataDir: string): Promise<void>
  /** Writes what waits. */
  close(): Promise<void>
}

const mostBytes = 256_000
/** Of one second; a flood at `trace` is nobody's last lines. */
const [mostLines, mostAnswers] = [500, 200]
const gatherMs = 1_000
/** Far more than the disk reserve, so that its room is never taken by lines. */
const leastFreeBytes = 4_000_000
/** For each answer there is a line at `debug`, which would be the second. */
const answered = 'request finished'

const levels: Readonly<Record<number, TailLine['level']>> = {
  ...{ 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' },
}

export function diagnosticsPath(dataDir: string): string {
  return join(dataDir, 'diagnostics.jsonl')
}

export function openDiagnostics(redaction: Pick<Redaction, 'value'>, clock: Clock): Diagnostics {
  let kept: string[] = []
  let keptBytes = 0
  let waiting: string[] = []
  let directory: string | undefined
  let counts = { lines: 0, answers: 0, leftOut: 0 }
  let callOff: (() => void) | undefined
  let writing: Promise<void> = Promise.resolve()

  function keep(line: string): void {
    kept.push(line)
    keptBytes += sizeOf(line)
    let first = 0
    while (keptBytes > mostBytes) keptBytes -= sizeOf(kept[first++] ?? '')
    // Not one by one: a list that is shifted at each line is copied at each line.
    if (first > 0) kept = kept.slice(first)
  }

  function add(line: string, urgent: boolean): void {
    keep(line)
    waiting.push(line)
    if (urgent) {
      callOff?.()
      callOff = undefined
    }
    callOff ??= clock.after(urgent ? 0 : gatherMs, () => {
      callOff = undefined
      writing = writing.then(write)
    })
  }

  async function write(): Promise<void> {
    const { leftOut } = counts
    counts = { lines: 0, answers: 0, leftOut: 0 }
    if (leftOut > 0) {
      const line = lineOf({ at: clock.now(), level: 'info', message: 'lines left out', fields: { leftOut } })
      keep(line)
      waiting.push(line)
    }
    if (directory === undefined) {
      waiting = waiting.slice(-mostLines)
      return
    }
    const lines = waiting
    waiting = []
    if (lines.length === 0) return
    try {
      await append(directory, lines.join(''), () => newest(kept, mostBytes / 2))
    } catch (error) {
      if (!(error instanceof StoreFailed) && errorCode(error) === undefined) throw error
    }
  }

  return {
    line(json) {
      if (counts.lines >= mostLines) {
        counts.leftOut++
        return
      }
      const line = fromLog(json, redaction)
      if (!line || line.message === answered) return
      counts.lines++
      add(lineOf(line), line.level === 'error')
    },
    observer: {
      requestFinished(call) {
        if (counts.answers >= mostAnswers) {
          counts.leftOut++
          return
        }
        counts.answers++
        const fields = { ...call, ms: Math.round(call.ms) }
        add(lineOf({ at: clock.now(), level: 'debug', message: answered, fields }), false)
      },
    },
    tail: { lines: () => kept.flatMap((line) => lineIn(line) ?? []) },
    async keepIn(dataDir) {
      const before = await readLines(dataDir)
      const since = kept
      kept = []
      keptBytes = 0
      for (const line of [...before, ...since]) keep(line)
      directory = dataDir
    },
    async close() {
      callOff?.()
      callOff = undefined
      await writing
      await write()
    },
  }
}

/** The lines that a data directory holds, each with its end; none where the file cannot be read. */
export async function readLines(dataDir: string): Promise<readonly string[]> {
  const path = diagnosticsPath(dataDir)
  try {
    // Ours is never longer.
    if ((await stat(path)).size > 2 * mostBytes) return []
    const text = (await readWhole(path)) ?? ''
    // Read in full by whoever looks at them: a start does not wait for that.
    const isWhole = (line: string) => line.startsWith('{"time":') && line.endsWith('}')
    return text.split('\n').flatMap((line) => (isWhole(line) ? [`${line}\n`] : []))
  } catch (error) {
    if (error instanceof StoreFailed || errorCode(error) !== undefined) return []
    throw error
  }
}

/** Appends to the file, or replaces it by what is to stay of it. @throws the file system's error, or StoreFailed */
async function append(directory: string, text: string, rest: () => string): Promise<void> {
  if ((await freeBytes(directory)) < leastFreeBytes) return
  const path = diagnosticsPath(directory)
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants
  const file = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  let size: number
  try {
    const found = await file.stat()
    if (!found.isFile()) return
    size = found.size
    if (size + sizeOf(text) <= mostBytes) {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1))
      // A kill in the middle of a line has left its beginning.
      const isWhole = size === 0 || buffer.toString() === '\n'
      await file.appendFile(isWhole ? text : `\n${text}`)
      return
    }
  } finally {
    await file.close()
  }
  await writeWhole(path, rest())
}

/** The newest lines that fit. */
function newest(lines: readonly string[], most: number): string {
  let bytes = 0
  let first = lines.length
  while (first > 0 && bytes + sizeOf(lines[first - 1] ?? '') <= most) bytes += sizeOf(lines[--first] ?? '')
  return lines.slice(first).join('')
}

function sizeOf(line: string): number {
  return Buffer.byteLength(line)
}

function fromLog(json: string, redaction: Pick<Redaction, 'value'>): TailLine | undefined {
  const parsed = objectIn(json)
  if (!parsed) return undefined
  const { level, time, msg, ...fields } = redaction.value(parsed) as Record<string, unknown>
  const at = Date.parse(String(time))
  if (Number.isNaN(at)) return undefined
  return { at, level: levels[Number(level)] ?? 'info', message: String(msg), fields }
}

function lineOf({ at, level, message, fields }: TailLine): string {
  return `${JSON.stringify({ time: iso(at), level, msg: message, ...fields })}\n`
}

/** The line of a text that we wrote, or `undefined`. */
export function lineIn(text: string): TailLine | undefined {
  const parsed = objectIn(text)
  if (!parsed) return undefined
  const { time, level, msg, ...fields } = parsed
  const at = Date.parse(String(time))
  const known = Object.values(levels).find((each) => each === level)
  if (Number.isNaN(at) || !known || typeof msg !== 'string') return undefined
  return { at, level: known, message: msg, fields }
}

function objectIn(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
