/**
 * What a setting's text may be: strict formats that say what is wrong, what was given and what is allowed.
 *
 * A format takes the text of any source, or the finished value, and returns the finished value; it throws
 * `BadValue` otherwise. So the same function reads a value for us and checks it for convict, whose own
 * coercion takes `5abc` for 5 and `0` for true. A format for secrets never repeats what it was given.
 */

/** The text cannot be the setting's value; the message is the end of a sentence that starts with its name. */
export class BadValue extends Error {
  override readonly name = 'BadValue'
}

export type Format<T> = (value: unknown) => T

/** C0 and C1 controls and DEL: they belong in no name, path or topic, and would write on a terminal. */
const control = /[\u0000-\u001f\u007f-\u009f]/
const invisible = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
const longestQuote = 60

/** What was given, safe for a terminal and short enough for a line. */
export function quote(text: string): string {
  const cut = text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text
  const asEscape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(cut).replace(invisible, asEscape)
}

/** The one text that a scalar setting is given as. */
function asText(value: unknown, wanted: string): string {
  if (Array.isArray(value)) throw new BadValue(`must be ${wanted}, not a list`)
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new BadValue(`must be ${wanted}`)
}

/** Refuses what no name, path or topic can hold, in the words all of them share. */
export function plainText(value: unknown, wanted: string): string {
  const text = asText(value, wanted)
  if (text === '') throw new BadValue(`must be ${wanted}, but is empty`)
  if (control.test(text))
    throw new BadValue(`must be ${wanted} without control characters, not ${quote(text)}`)
  if (!text.isWellFormed()) throw new BadValue(`must be ${wanted} in valid Unicode, not ${quote(text)}`)
  return text
}

/** A whole number in plain decimal digits. */
export function integer(least: number, most: number): Format<number> {
  const wanted = `a whole number from ${least} to ${most}`
  return (value) => {
    const text = asText(value, wanted)
    const number = Number(text)
    if (!/^(0|-?[1-9]\d*)$/.test(text) || number < least || number > most) {
      throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
    }
    return number
  }
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
])

export const boolean: Format<boolean> = (value) => {
  const wanted = 'true or false (or yes, no, on, off, 1, 0)'
  const text = asText(value, wanted)
  const truth = truths.get(text.toLowerCase())
  if (truth === undefined) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return truth
}

/** One of a few words, in exactly this spelling. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Format<Word> {
  const wanted = `one of ${words.join(', ')}`
  return (value) => {
    const text = asText(value, wanted)
    const word = words.find((one) => one === text)
    if (word === undefined) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
    return word
  }
}

/** Length in bytes as MQTT and file systems count it. */
function bytes(text: string): number {
  return Buffer.byteLength(text)
}

/** MQTT's limit for a user name, a password and a client id. */
const longestMqttBytes = 65_535

/** A name as MQTT carries it. */
export const name: Format<string> = (value) => {
  const text = plainText(value, 'text')
  if (bytes(text) > longestMqttBytes) throw new BadValue(`must be at most ${longestMqttBytes} bytes long`)
  return text
}

/** A secret of any text; nothing that was given is ever repeated. */
export function secret(mostBytes: number): Format<string> {
  return (value) => {
    const text = asText(value, 'text')
    if (text === '') throw new BadValue('must be text, but is empty')
    if (!text.isWellFormed()) throw new BadValue('must be text in valid Unicode')
    if (bytes(text) > mostBytes) throw new BadValue(`must be at most ${mostBytes} bytes long`)
    return text
  }
}

export const password = secret(longestMqttBytes)

/** A path; whether something is there is asked elsewhere. */
export const path: Format<string> = (value) => plainText(value, 'a path')

/** Five or six fields; what may stand in them is known to the room of the schedule. */
export const cronShape: Format<string> = (value) => {
  const wanted = 'a cron expression of five or six fields'
  const text = plainText(value, wanted)
  const fields = text.trim().split(/\s+/).length
  if (fields < 5 || fields > 6) throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return text
}

/** A time zone by its IANA name; offsets are refused, because they know no summer time. */
export const timezone: Format<string> = (value) => {
  const wanted = 'an IANA time zone such as Europe/Berlin'
  const text = plainText(value, wanted)
  if (!/^[A-Za-z]/.test(text) || !isTimeZone(text))
    throw new BadValue(`must be ${wanted}, not ${quote(text)}`)
  return text
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}

/** Blink's ids are 64 bit wide: at most 19 digits, and no leading zero that would name the same one twice. */
const moduleEntry = /^[1-9]\d{0,18}(\/[1-9]\d{0,18})?$/

/** Networks and sync modules: a list, or text with commas. Doubles are dropped. */
export const modules: Format<readonly string[]> = (value) => {
  const wanted = 'network_id or network_id/sync_module_id, in digits without leading zeros'
  const entries: readonly unknown[] = Array.isArray(value) ? value : splitAtCommas(asText(value, 'a list'))
  const read = entries.map((entry) => {
    const text = asText(entry, wanted)
    if (!moduleEntry.test(text)) throw new BadValue(`each entry must be ${wanted}, not ${quote(text)}`)
    return text
  })
  return [...new Set(read)]
}

function splitAtCommas(text: string): readonly string[] {
  return text.trim() === '' ? [] : text.split(',').map((entry) => entry.trim())
}
