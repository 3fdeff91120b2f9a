/**
 * Who writes what belongs to an account.
 *
 * An instance writes only of accounts that it holds, so that one which has lost an account without knowing changes
 * nothing. A command, and a person who signs in, hold none: what they write is news to whoever does.
 */
import type { Fences } from './fences.ts'

export interface Owner {
  readonly fences: Fences
  readonly isInstance: boolean
}
