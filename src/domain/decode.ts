/**
 * The text of a file that a person has written, in the encodings that editors save: UTF-8, and UTF-16 as Windows does.
 */

/** The text without a byte order mark; `undefined` when it is neither UTF-8 nor UTF-16. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** By the byte order mark; without one by the zeros that UTF-16 has in each letter of our languages. */
function encodingOf([first, second]: Uint8Array): string {
  if ((first === 0xff && second === 0xfe) || second === 0) return 'utf-16le'
  if ((first === 0xfe && second === 0xff) || first === 0) return 'utf-16be'
  return 'utf-8'
}

/** The text of a secret's file without the newlines at its end, however many an editor or `echo` has left. */
export function withoutLastNewlines(text: string): string {
  return text.replace(/[\r\n]+$/, '')
}
