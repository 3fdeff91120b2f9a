/**
 * Figures as rows of a markdown table, to be pasted into docs/performance.md. Pure.
 */
import { spreadOf } from './statistics.ts'

/** The cells of one row; the first row of a table is its head. */
export type Cells = readonly string[]

/** Rows as they are measured, so that a bench that is cut short has reported what it had. */
export type Rows = AsyncIterable<Cells>

export function markdownRow(cells: Cells): string {
  // A bar inside a cell, as in the reason of a failure, would end it.
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

/** What stands below the head. */
export function ruleBelow(head: Cells): string {
  return markdownRow(head.map(() => '---'))
}

/** The median with its range; the value alone when there is but one. */
export function spreadText(values: readonly number[], digits = 2): string {
  const { median, least, most, runs } = spreadOf(values)
  if (runs === 1) return median.toFixed(digits)
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`
}
