/** Characters for texts by chance. */
import fc from 'fast-check'

const [firstSurrogate, surrogates] = [0xd800, 0x800]

/**
 * Any character, as `unit: 'binary'` would give, whose first use fills a table of all million characters: a second of
 * each test worker.
 */
export const anyCharacter = fc
  .nat({ max: 0x10ffff - surrogates })
  .map((index) => String.fromCodePoint(index < firstSurrogate ? index : index + surrogates), indexOf)

/** @throws TypeError for what is not one character, as fast-check wants it */
function indexOf(value: unknown): number {
  const code = typeof value === 'string' ? (value.codePointAt(0) ?? 0) : 0
  if (String.fromCodePoint(code) !== value) throw new TypeError('not a character')
  return code < firstSurrogate ? code : code - surrogates
}
