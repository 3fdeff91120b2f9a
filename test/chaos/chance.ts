/**
 * Chance that can be repeated: a seed gives the same numbers on every machine (mulberry32).
 */

export interface Chance {
  /** At least 0, less than 1. */
  next(): number
  between(least: number, most: number): number
  /** Both ends included. */
  integer(least: number, most: number): number
  happens(probability: number): boolean
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T
}

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    between: (least, most) => least + next() * (most - least),
    integer,
    happens: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      const [first] = list
      if (first === undefined) throw new Error('nothing to pick from')
      return list[integer(0, list.length - 1)] ?? first
    },
  }
}
