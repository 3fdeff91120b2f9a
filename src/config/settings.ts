/**
 * The settings as the rest of the program gets them: plain frozen values, checked, secrets wrapped.
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

/** One setting as a person may see it. */
export interface ShownSetting {
  readonly name: string
  /** `[secret]` for a secret, `null` for what is unset. */
  readonly value: unknown
  /** Where the value came from, for instance `environment MQTT_URL`. */
  readonly origin: string
}

export interface LoadedConfig {
  readonly settings: Settings
  readonly shown: readonly ShownSetting[]
  /** The variables that name a proxy for the cloud. */
  readonly proxy: readonly ShownProxy[]
  /** The settings file that was read, as an absolute path. */
  readonly file: string | undefined
  /** Sentences about what works but is probably not meant. */
  readonly warnings: readonly string[]
}
