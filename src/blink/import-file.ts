/**
 * What `login --import` reads: the JSON that blinkpy saves, or token lines.
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

/**
 * The logins in a file.
 *
 * @param client overrides what the file says of the OAuth client, or what its age tells
 */
export function parseImport(content: string, client?: string): TokenLines {
  if (!content.trimStart().startsWith('{')) {
    const lines = parseTokenLines(content)
    return client === undefined
      ? lines
      : { ...lines, logins: lines.logins.map((login) => ({ ...login, clientId: client })) }
  }
  const read = blinkpy.safeParse(parseJson(content))
  if (!read.success)
    return { logins: [], problems: ['the file is not the JSON that blinkpy saves'], notes: [] }
  const { hardware_id: hardwareId, ...fields } = read.data
  const pairs = {
    ...fields,
    hardware_id: hardwareId,
    client_id: client ?? (hardwareId ? 'ios' : 'android'),
  }
  const line = Object.entries(pairs).flatMap(([key, value]) =>
    value == null || value === '' ? [] : [`${key}=${encodeURIComponent(value)}`],
  )
  const parsed = parseTokenLines(line.join('|'))
  // There is one login in it and no line to name.
  const unnumbered = (sentences: readonly string[]) => sentences.map((told) => told.replace(/^line 1: /, ''))
  return { ...parsed, problems: unnumbered(parsed.problems), notes: unnumbered(parsed.notes) }
}
