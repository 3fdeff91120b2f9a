/**
 * A table of columns without lines around, easy to read and to cut; of any length, for a fleet has 20,000 rows.
 */
import stringWidth from 'string-width'

export type Row = readonly (string | number)[]

const gap = '  '

/** The rows below their heads, each column as wide as its widest cell on a terminal; no line end at the end. */
export function plainTable(heads: readonly string[], rows: readonly Row[]): string {
  const lines = [heads, ...rows].map((row) => row.map((cell) => measured(String(cell))))
  const widths = heads.map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, line[column]?.width ?? 0), 0),
  )
  return lines
    .map((line) =>
      line.map(({ text, width }, column) => text + ' '.repeat((widths[column] ?? width) - width)),
    )
    .map((cells) => cells.join(gap).trimEnd())
    .join('\n')
}

interface Cell {
  readonly text: string
  readonly width: number
}

const ascii = /^[\x20-\x7e]*$/

/** Most cells are ids and words, for which the library takes fifty times as long. */
function measured(text: string): Cell {
  return { text, width: ascii.test(text) ? text.length : stringWidth(text) }
}
