/** Sentences for people, in which whoever shows them writes the times: a terminal in its zone, a page in its form. */

export interface Moment {
  /** In milliseconds since the epoch. */
  readonly at: number
}

export type Words = readonly (string | Moment)[]

/** The text, with each time as `write` writes it. */
export function textOf(words: Words, write: (at: number) => string): string {
  return words.map((word) => (typeof word === 'string' ? word : write(word.at))).join('')
}
