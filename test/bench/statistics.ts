/**
 * Medians with their range, and percentiles. Pure.
 */

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly runs: number
}

/** @throws Error without values */
export function spreadOf(values: readonly number[]): Spread {
  return {
    median: percentile(values, 0.5),
    least: Math.min(...values),
    most: Math.max(...values),
    runs: values.length,
  }
}

/**
 * The value below which the share `at` of them lies, between neighbours in proportion.
 *
 * @throws Error without values
 */
export function percentile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * at
  const below = sorted[Math.floor(place)]
  const above = sorted[Math.ceil(place)]
  if (below === undefined || above === undefined) throw new Error('no values to measure')
  return below + (above - below) * (place - Math.floor(place))
}

/** Value for value, as they were measured one after the other. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, index) => value / (theirs[index] ?? Number.NaN))
}
