/**
 * Where a command reads from and writes to, by argument, so that a test can be the terminal.
 */

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Results. */
  readonly out: (text: string) => void
  /** Everything for the eye only: sentences, progress. */
  readonly err: (text: string) => void
  readonly outIsTerminal: boolean
  readonly errIsTerminal: boolean
  /** Aborted when a person or the system asks us to stop. */
  readonly stop: AbortSignal
}

/** What may drive a terminal: control characters, and those that turn the direction of writing. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu

const longestCell = 60

/** Text from elsewhere, made safe and short enough for a line on a terminal. */
export function printable(text: string): string {
  const safe = text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
  const characters = [...safe]
  return characters.length > longestCell ? `${characters.slice(0, longestCell - 1).join('')}…` : safe
}
