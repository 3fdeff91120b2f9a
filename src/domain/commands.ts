/**
 * What a person or a rule can have the daemon do, whoever asks: over MQTT, on a page, on the command line.
 */
import type { Accepted, BlinkId, Health, ModuleKey, Outcome } from './model.ts'
import type { LogLevel } from './ports.ts'

/** Which modules are meant: all, an account's, a network's, or one. */
export interface Target {
  readonly accountId?: BlinkId
  readonly networkId?: BlinkId
  readonly syncModuleId?: BlinkId
}

export type Command =
  | { readonly verb: 'manifest/request' | 'clips/sync'; readonly target: Target }
  | { readonly verb: 'pause' | 'resume'; readonly target: Target }
  | { readonly verb: 'rescan' }
  | { readonly verb: 'health' }
  | { readonly verb: 'options'; readonly logLevel: LogLevel | undefined }

/** Why a command was not carried out. */
export interface CommandError {
  readonly code: string
  readonly message: string
  readonly retryable?: boolean
  readonly retryAt?: number | undefined
}

/** The result of one module; `accepted` is the request ID that answers the command, new or of a moment ago. */
export interface ModuleResult {
  readonly module: ModuleKey
  readonly outcome: Outcome
  readonly reused: boolean
  readonly accepted: Accepted | undefined
}

export type CommandData =
  | {
      readonly verb: 'manifest/request'
      readonly requested: number
      readonly reused: number
      readonly failed: number
      readonly skipped: number
      readonly retryAt: number | undefined
      readonly modules: readonly ModuleResult[]
    }
  | {
      readonly verb: 'rescan'
      readonly accounts: number
      readonly modules: number
      readonly found: number
      readonly renamed: number
      readonly gone: number
    }
  | { readonly verb: 'pause'; readonly modules: number; readonly paused: boolean }
  | { readonly verb: 'options'; readonly logLevel: LogLevel }
  | { readonly verb: 'health'; readonly health: Health }

/** The result of a command; data may come with an error. */
export type CommandResult =
  | { readonly data: CommandData; readonly error?: undefined }
  | { readonly data?: CommandData; readonly error: CommandError }
