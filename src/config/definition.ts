/**
 * What is said of one setting: the shape of a leaf of the schema, in convict's form and with what convict
 * does not know.
 *
 * A setting named `xFile` beside a sensitive `x` is the path of a file that holds the secret.
 */
import type { Format } from './formats.ts'

export type Value = string | number | boolean | readonly string[] | undefined

export interface Definition {
  /** The reason first, then the unit, then what is allowed. */
  readonly doc: string
  readonly format: Format<Value>
  readonly default: Value
  readonly env: string
  /** A shared environment variable that stands in when the setting is given nowhere. */
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
