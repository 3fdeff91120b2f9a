/** How one setting is defined, for convict and beyond it. */
import type { Format } from './formats.ts'

export type Value = string | number | boolean | readonly string[] | undefined

/** A leaf of the schema. */
export interface Definition {
  /** The reason first, then the unit, then what is allowed. */
  readonly doc: string
  readonly format: Format<Value>
  readonly default: Value
  readonly env: string
  /** A shared environment variable that is read when the setting is given nowhere. */
  readonly sharedEnv?: string
  /** A secret: never printed, never on the command line. */
  readonly sensitive?: boolean
  /** A path: a relative one starts at the working directory. */
  readonly isPath?: boolean
  /** What the command line's help calls the value. */
  readonly valueName?: string
}

export interface Tree {
  readonly [key: string]: Definition | Tree
}
