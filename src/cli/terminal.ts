/**
 * Where a command reads from and writes to, by argument, so that a test can be the terminal.
 */
import { visibleInLine } from '../domain/printable.ts'
import type { LogOutput } from '../log.ts'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** What the program was started with: for files that others may read. */
  readonly umask?: number
  /** Results. What a terminal must not show is escaped, here and in `err`. */
  readonly out: (text: string) => void
  /** Everything for the eye only: sentences, progress. */
  readonly err: (text: string) => void
  /** Log lines, to the same place as `err`. */
  readonly log: LogOutput
  /** Aborted when the reader of `out` has gone; what is written then is nobody's. */
  readonly outClosed: AbortSignal
  readonly outIsTerminal: boolean
  readonly errIsTerminal: boolean
  /** What a person types, or what another program writes; absent where nothing is read. */
  readonly input?: { readonly stream: NodeJS.ReadableStream; readonly isTerminal: boolean }
  /** Aborted when a person or the system stops the program. */
  readonly stop: AbortSignal
}

const longestCell = 60

/** Text from elsewhere, made safe and short enough for a line on a terminal. */
export function printable(text: string): string {
  const characters = [...visibleInLine(text)]
  return characters.length > longestCell
    ? `${characters.slice(0, longestCell - 1).join('')}…`
    : characters.join('')
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
