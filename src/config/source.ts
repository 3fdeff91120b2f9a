/**
 * What one source of settings (command line, environment, file) has to say, before anything is checked.
 */
import type { Problem } from '../domain/errors.ts'

/** A setting as it was given: the text, or a list of texts, and where it stood. */
export interface Given {
  readonly raw: string | readonly string[]
  /** For instance `environment MQTT_URL` or `file config/local.yaml, line 4`. */
  readonly origin: string
}

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
