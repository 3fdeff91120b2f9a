/**
 * What `login --import` reads: the JSON that blinkpy saves, alone, in a list or in Home Assistant's file, or token lines.
 *
 * blinkpy's own `client_id` is a number of the account's and not the OAuth client, which it does not write down. Its
 * versions that walk the app's flow keep a `hardware_id` and are `ios`; those before have none and are `android`.
 *
 * @see blinkpy e33bdef, blinkpy/auth.py, Auth.login_attributes
 */
import { z } from 'zod'
import { parseTokenLines, type TokenLines } from './credentials-file.ts'
import { parseJson } from './json.ts'

const text = z.union([z.string(), z.number()]).transform(String).nullish()

const blinkpy = z.object({
  refresh_token: text,
  host: text,
  region_id: text,
  account_id: text,
  hardware_id: text,
})

type Fields = z.output<typeof blinkpy>

/**
 * The logins in a file: blinkpy's JSON, a list or lines of it, Home Assistant's `core.config_entries`, or token lines.
 *
 * @param client overrides what the file says of the OAuth client, or what its age tells
 */
export function parseImport(content: string, client?: string): TokenLines {
  const whole = content.replace(/^\uFEFF/, '').trim()
  if (!/^[[{]/.test(whole)) {
    const lines = parseTokenLines(whole)
    return client === undefined
      ? lines
      : { ...lines, logins: lines.logins.map((login) => ({ ...login, clientId: client })) }
  }
  const refused = (problem: string): TokenLines => ({
    logins: [],
    problems: [problem],
    notes: [],
    unit: 'entry',
  })
  const values = jsonValues(whole)
  if (!values) return refused('the file is not the JSON that blinkpy saves')
  const found = values.flatMap((value) => loginsIn(value, {}))
  if (found.length === 0) return refused('there is no login of Blink in it')
  const read = found.map((fields) => blinkpy.safeParse(fields).data)
  if (!read.every((fields) => fields !== undefined))
    return refused('the file is not the JSON that blinkpy saves')
  const parsed = parseTokenLines(read.map((fields) => lineOf(fields, client)).join('\n'))
  const named = (sentence: string) =>
    read.length === 1 ? sentence.replace(/^line 1: /, '') : sentence.replaceAll(/\bline (?=\d)/g, 'entry ')
  return { ...parsed, problems: parsed.problems.map(named), notes: parsed.notes.map(named), unit: 'entry' }
}

/** One JSON text, or one on each line. */
function jsonValues(text: string): readonly unknown[] | undefined {
  const value = parseJson(text)
  if (value !== undefined) return [value]
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '')
  const values = lines.map(parseJson)
  return values.includes(undefined) ? undefined : values
}

type Members = Readonly<{ [key: string]: unknown }>

/**
 * The objects that hold a refresh token, however deep, with what is said of the account around them. Home Assistant's
 * file has the entries of all integrations: only those of the domain `blink` are looked at.
 */
function loginsIn(value: unknown, around: Members): readonly Members[] {
  if (Array.isArray(value)) return value.flatMap((one) => loginsIn(one, around))
  if (!isRecord(value)) return []
  if (typeof value.domain === 'string' && value.domain !== 'blink') return []
  const { refresh_token: token, ...here } = { ...around, ...known(value) }
  if (token !== undefined) return [{ ...here, refresh_token: token }]
  const below = Object.values(value).flatMap((part) => loginsIn(part, here))
  // Without a token it is one all the same when nothing else can be meant: what is missing is told then.
  const isMeant = value.domain === 'blink' || 'host' in value || 'username' in value
  return below.length > 0 || !isMeant ? below : [here]
}

function isRecord(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

function known(value: Members): Members {
  const keys = Object.keys(blinkpy.shape)
  return Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)))
}

function lineOf({ hardware_id: hardwareId, ...fields }: Fields, client: string | undefined): string {
  const pairs = {
    ...fields,
    hardware_id: hardwareId,
    client_id: client ?? (hardwareId ? 'ios' : 'android'),
  }
  return Object.entries(pairs)
    .flatMap(([key, value]) => (value == null || value === '' ? [] : [`${key}=${encodeURIComponent(value)}`]))
    .join('|')
}
