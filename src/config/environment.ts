/**
 * Settings from the environment and from the command line: texts by name.
 *
 * The environment is shared with other programs, so a strange variable is never an error; one that is all but
 * ours is worth a warning, which names it but not its value.
 */
import type { Problem } from '../domain/errors.ts'
import { BadValue, quote, timezone } from './formats.ts'
import { isSlip, nearest } from './nearest.ts'
import { fileForm, flagOf, settings } from './schema.ts'
import { type Given, placeOf, type Source } from './source.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const ownPrefix = 'BLINK_MANIFESTD_'
/** Names the settings file, and so is no setting. */
export const fileVariable = 'BLINK_MANIFESTD_CONFIG'
const ours: ReadonlySet<string> = new Set([...settings.map(({ env }) => env), fileVariable])

/** `MQTT_`, `HOME_ASSISTANT_`: the sections as the environment writes them. */
const prefixes: ReadonlySet<string> = new Set(
  settings.filter(({ name }) => name.includes('.')).map((setting) => `${sectionOf(setting.name)}_`),
)

function sectionOf(name: string): string {
  const section = name.slice(0, name.indexOf('.'))
  return section.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

/** Empty variables count as not set. */
function setText(env: Environment, name: string): string | undefined {
  const text = env[name]
  return text === '' ? undefined : text
}

export function fromEnvironment(env: Environment): Source {
  const given = new Map<string, Given>()
  for (const { name, env: variable } of settings) {
    const raw = setText(env, variable)
    if (raw !== undefined) given.set(name, { raw, origin: `environment ${variable}` })
  }
  return { given, problems: [], warnings: Object.keys(env).flatMap((name) => strange(env, name)) }
}

function strange(env: Environment, variable: string): readonly string[] {
  if (ours.has(variable) || setText(env, variable) === undefined) return []
  const meant = variable.startsWith(ownPrefix) ? nearest(variable, ours) : slipOf(variable)
  if (meant === undefined) return []
  return [`the environment variable ${quote(variable).slice(1, -1)} is not a setting; did you mean ${meant}?`]
}

function slipOf(variable: string): string | undefined {
  const prefix = [...prefixes].find((start) => variable.startsWith(start))
  if (prefix === undefined) return undefined
  return nearest(
    variable,
    [...ours].filter((name) => isSlip(variable, name, prefix.length)),
  )
}

/**
 * What shared variables say of settings that are given nowhere else.
 *
 * `TZ` may hold forms that are no IANA name, for other programs' sake: such a one only costs a warning.
 */
export function fromSharedEnvironment(env: Environment, isGiven: (name: string) => boolean): Source {
  const given = new Map<string, Given>()
  const warnings: string[] = []
  for (const { name, sharedEnv, isPath } of settings) {
    const text = sharedEnv === undefined ? undefined : setText(env, sharedEnv)
    if (text === undefined || isGiven(name)) continue
    // systemd separates several directories with colons; TZ may start with one.
    const raw = isPath ? (text.split(':')[0] ?? '') : text.replace(/^:/, '')
    if (raw === '') continue
    if (isPath || isTimezone(raw)) given.set(name, { raw, origin: `environment ${sharedEnv}` })
    else warnings.push(`${sharedEnv} is not an IANA time zone (${quote(raw)}), so ${name} is its default`)
  }
  return { given, problems: [], warnings }
}

function isTimezone(text: string): boolean {
  try {
    timezone(text)
    return true
  } catch (error) {
    if (error instanceof BadValue) return false
    throw error
  }
}

/** Overrides by setting name. A secret itself is refused: lists of processes show it. */
export function fromCommandLine(overrides: ReadonlyMap<string, string>): Source {
  const given = new Map<string, Given>()
  const problems: Problem[] = []
  for (const [name, raw] of overrides) {
    const setting = settings.find((one) => one.name === name)
    if (setting === undefined) {
      const meant = nearest(
        name,
        settings.map((one) => one.name),
      )
      problems.push({
        place: placeOf(name, 'command line'),
        message: `is not a setting; did you mean ${meant}?`,
      })
      continue
    }
    const origin = `command line ${flagOf(setting)}`
    const form = fileForm(setting)
    if (form === undefined) given.set(name, { raw, origin })
    else
      problems.push({
        place: placeOf(name, origin),
        message: `never stands on the command line; use ${flagOf(form)}`,
      })
  }
  return { given, problems, warnings: [] }
}
