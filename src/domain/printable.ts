/**
 * Text from elsewhere, made safe for whoever looks at it.
 *
 * Names come from the cloud and settings from the environment, and either may hold what clears a screen, types a
 * command or turns the direction of writing. Such characters are written as JSON writes them, so that a JSON
 * document keeps its meaning and a person sees what is there.
 */

/** What may drive a terminal: control characters, and those that are invisible or turn the direction of writing. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu
const plain = /^[\n\x20-\x7e]*$/

/** The text with everything escaped that is not to be seen, but for the ends of lines. */
export function visible(text: string): string {
  return plain.test(text)
    ? text
    : text.replace(unprintable, (found) => (found === '\n' ? found : escaped(found)))
}

/** The same for a piece of a line: ends of lines are escaped as well. */
export function visibleInLine(text: string): string {
  return text.replace(unprintable, escaped)
}

/** By UTF-16 units, as JSON counts. */
function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
