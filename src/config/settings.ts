/**
 * The settings as the rest of the program gets them: plain frozen values, checked, secrets wrapped; and as others may
 * see them.
 */
import type { Secret } from '../domain/secret.ts'
import type { Listen } from './formats.ts'
import type { ProxySettings, ShownProxy } from './proxies.ts'
import type { Values } from './schema.ts'

/** As in the schema, but paths are absolute, and a secret is there only as itself. */
export interface Settings extends Omit<Values, 'blink' | 'clips' | 'mqtt' | 'web' | 'store' | 'fleet'> {
  readonly blink: Omit<Values['blink'], 'tokens' | 'tokensFile'> & { readonly tokens: Secret | undefined }
  readonly clips: Values['clips'] & { readonly directory: string }
  readonly mqtt: Omit<Values['mqtt'], 'password' | 'passwordFile' | 'listen'> & {
    readonly password: Secret | undefined
    readonly listen: Listen
  }
  readonly web: Omit<Values['web'], 'password' | 'passwordFile' | 'listen' | 'ingress'> & {
    readonly password: Secret | undefined
    readonly listen: Listen | undefined
    readonly ingress: Listen | undefined
  }
  readonly store: Pick<Values['store'], 'schema'> & {
    readonly url: Secret | undefined
    /** Never absent where there is a URL. */
    readonly key: Secret | undefined
  }
  readonly fleet: Values['fleet'] & { readonly instance: string }
  readonly proxies: ProxySettings
}

/** What decides whether request IDs are followed to their manifests. */
export interface FollowSettings {
  readonly manifest: Pick<Settings['manifest'], 'follow'>
  readonly clips: Pick<Settings['clips'], 'enabled'>
}

export function followsManifests({ manifest, clips }: FollowSettings): boolean {
  return manifest.follow || clips.enabled
}

/** One setting as a person may see it. */
export interface ShownSetting {
  readonly name: string
  /** `[secret]` for a secret, `null` for what is unset. */
  readonly value: unknown
  /** Where the value came from, for instance `environment MQTT_URL`. */
  readonly origin: string
}

/** The settings, and as others may see them. */
export type LoadedSettings = Pick<LoadedConfig, 'settings' | 'shown'>

export interface LoadedConfig {
  readonly settings: Settings
  /** Every setting with its origin. */
  readonly shown: readonly ShownSetting[]
  /** The variables that name a proxy for the cloud. */
  readonly proxy: readonly ShownProxy[]
  /** The settings file that was read, as an absolute path. */
  readonly file: string | undefined
  /** Sentences about what works but is probably not meant. */
  readonly warnings: readonly string[]
}

/** Effective values by section and key, without origins. */
export function shownValues(shown: readonly ShownSetting[]): Record<string, unknown> {
  return nested(shown.map(({ name, value }) => [name, value]))
}

/** From `mqtt.url` to `mqtt: {url}`. */
export function nested(entries: Iterable<readonly [name: string, value: unknown]>): Record<string, unknown> {
  const tree: Record<string, unknown> = {}
  for (const [name, value] of entries) {
    const [section = name, key] = name.split('.')
    tree[section] = key === undefined ? value : { ...Object(tree[section]), [key]: value }
  }
  return tree
}
