/**
 * The settings as the rest of the program gets them: plain frozen values, checked, secrets wrapped.
 */
import type { Secret } from '../domain/secret.ts'
import type { Listen } from './addresses.ts'
import type { ProxySettings, ShownProxy } from './proxies.ts'

export interface Settings {
  /** Absolute. */
  readonly dataDir: string
  readonly blink: {
    readonly tokens: Secret | undefined
    /** Without a slash at the end. */
    readonly oauthUrl: string
    /** Without a slash at the end; may hold `{region}`. */
    readonly restUrl: string
    readonly timeoutSeconds: number
    readonly concurrency: number
    readonly perAccount: number
    /** Requests per account and day; 0 is automatic. */
    readonly dailyBudget: number
  }
  readonly schedule: {
    readonly cron: string
    readonly timezone: string
    readonly spreadSeconds: number
    readonly onStart: boolean
    readonly allowFast: boolean
  }
  readonly modules: {
    /** Empty means all. */
    readonly include: readonly string[]
    readonly exclude: readonly string[]
    readonly askAll: boolean
  }
  readonly request: { readonly ttlSeconds: number }
  readonly mqtt: {
    /** A URL, or `embedded`. */
    readonly url: string
    readonly listen: Listen
    readonly username: string | undefined
    readonly password: Secret | undefined
    /** Absolute path of a PEM file, as the two below. */
    readonly ca: string | undefined
    readonly cert: string | undefined
    readonly key: string | undefined
    readonly clientId: string | undefined
    readonly baseTopic: string
    readonly topics: 'all' | 'work_items'
  }
  readonly homeAssistant: {
    readonly enabled: boolean
    readonly prefix: string
    readonly statusTopic: string
  }
  readonly proxies: ProxySettings
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
    readonly format: 'auto' | 'json' | 'pretty'
  }
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
