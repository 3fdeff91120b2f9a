/**
 * Settings from the command line and the environment: texts by name, with where each came from.
 *
 * The environment is shared with other programs, so a strange variable is never an error; one that is all but
 * ours is worth a warning, which names it but not its value.
 */
import { distance } from 'fastest-levenshtein'
import type { Problem } from '../domain/errors.ts'
import { isTimezone, quote } from './formats.ts'
import { fileForm, flagOf, settings } from './schema.ts'

/** A setting as it was given: the text, or a list of texts, and where it stood. */
export interface Given {
  readonly raw: string | readonly string[]
  /** For instance `environment MQTT_URL` or `file config/local.yaml, line 4`. */
  readonly origin: string
}

/** What one source of settings says, before anything is checked. */
export interface Source {
  /** By the setting's full name. */
  readonly given: ReadonlyMap<string, Given>
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
}

/** How a problem names its place: what, and where it came from. */
export function placeOf(name: string, origin: string): string {
  return `${name} (${origin})`
}

export type Environment = Readonly<Record<string, string | undefined>>

const ownPrefix = 'BLINK_MANIFESTD_'
/** Names the settings file, and so is no setting. */
export const fileVariable = 'BLINK_MANIFESTD_CONFIG'
/** Names the file of a Home Assistant app's options, and so is no setting either. */
export const appOptionsVariable = 'BLINK_MANIFESTD_APP_OPTIONS'
const ours: ReadonlySet<string> = new Set([
  ...settings.map(({ env }) => env),
  fileVariable,
  appOptionsVariable,
])

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

/** Overrides by setting name. A secret itself is refused: lists of processes show it. */
export function fromCommandLine(overrides: ReadonlyMap<string, string>): Source {
  const given = new Map<string, Given>()
  const problems: Problem[] = []
  const refuse = (place: string, message: string) => problems.push({ place, message })
  const names = settings.map(({ name }) => name)
  for (const [name, raw] of overrides) {
    const setting = settings.find((one) => one.name === name)
    if (setting === undefined) {
      refuse(placeOf(name, 'command line'), `is not a setting; did you mean ${nearest(name, names)}?`)
      continue
    }
    const origin = `command line ${flagOf(setting)}`
    const form = fileForm(setting)
    if (form === undefined) given.set(name, { raw, origin })
    else refuse(placeOf(name, origin), `never stands on the command line; use ${flagOf(form)}`)
  }
  return { given, problems, warnings: [] }
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
  const close = [...ours].filter((name) => isSlip(variable, name, prefix.length))
  return nearest(variable, close)
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

/** Names are compared without case and word marks, so that `base_topic` is `baseTopic`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** The known name with the fewest letters to change; one that stands in the wrong section counts one more. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const whole = distance(plain(name), plain(candidate))
    const moved = 1 + distance(lastPart(plain(name)), lastPart(plain(candidate)))
    const apart = Math.min(whole, moved)
    if (apart < least) [best, least] = [candidate, apart]
  }
  return best
}

function sorted(text: string): string {
  return [...text].sort().join('')
}

/**
 * Whether `name` is so close to `known` that it can hardly be anything else: one letter off, two letters
 * swapped, or two off in a long name. `MQTT_PORT` is two letters from `MQTT_CERT`, and common.
 *
 * @param shared how many letters at the start are equal anyway and prove nothing
 */
function isSlip(name: string, known: string, shared: number): boolean {
  const letters = distance(name, known)
  if (letters === 0 || letters > 2) return false
  return letters === 1 || known.length - shared >= 6 || sorted(name) === sorted(known)
}
