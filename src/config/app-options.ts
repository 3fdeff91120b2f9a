/**
 * The options of the Home Assistant app: what a person has set on the app's page.
 *
 * The Supervisor writes them to a JSON file before each start. An option is named as the setting's environment variable,
 * in lower case, so that there is no second list of names. What is empty or `null` there is not set.
 */
import { resolve } from 'node:path'
import type { Problem } from '../domain/errors.ts'
import { readTextFile } from './file.ts'
import { settings } from './schema.ts'
import { appOptionsVariable, type Environment, type Given, nearest, placeOf, type Source } from './sources.ts'

const names: ReadonlyMap<string, string> = new Map(settings.map(({ name, env }) => [env.toLowerCase(), name]))
const remedy = 'look at the Configuration tab of the app'

/** Nothing where no variable names the file: then the program does not run as an app. */
export function fromAppOptions(env: Environment, cwd: string): Source {
  const path = env[appOptionsVariable]
  if (path === undefined || path === '') return { given: new Map(), problems: [], warnings: [] }
  const place = `app options ${path}`
  const unusable = (message: string): Source => ({
    given: new Map(),
    problems: [{ place, message }],
    warnings: [],
  })
  const file = readTextFile(resolve(cwd, path))
  if (file.kind !== 'text') return unusable(`cannot be read: ${file.reason}`)
  const options = parse(file.text)
  if (options === undefined) return unusable(`must be a JSON object; ${remedy}, and save it again`)
  return read(options, place)
}

function read(options: object, place: string): Source {
  const given = new Map<string, Given>()
  const problems: Problem[] = []
  for (const [option, value] of Object.entries(options)) {
    const name = names.get(option)
    if (name === undefined) {
      problems.push({ place, message: unknown(option) })
      continue
    }
    const origin = `app option ${option}`
    const raw = rawOf(value)
    if (raw === 'unfit')
      problems.push({ place: placeOf(name, origin), message: 'must be one value or a list' })
    else if (raw !== undefined) given.set(name, { raw, origin })
  }
  return { given, problems, warnings: [] }
}

function unknown(option: string): string {
  // What is no name may be a secret that slipped out of its line.
  if (!/^[A-Za-z][\w.-]{0,39}$/.test(option)) return 'a name there is not an option'
  return `${option} is not an option; did you mean ${nearest(option, names.keys())}?`
}

function rawOf(value: unknown): Given['raw'] | 'unfit' | undefined {
  if (value === null || value === '') return undefined
  if (Array.isArray(value)) {
    const texts = value.map(textOf)
    return texts.every((text) => text !== undefined) ? texts : 'unfit'
  }
  return textOf(value) ?? 'unfit'
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined
}

/** Numbers come as they are written, so that an id of 19 digits keeps them all. */
function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text, (_key, part: unknown, context?: { readonly source?: string }) =>
      typeof part === 'number' ? (context?.source ?? String(part)) : part,
    )
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
