/**
 * From an error to an exit code and the sentences a person gets. The codes are those of sysexits.h.
 */
import { ConfigInvalid, DaemonError, LoginNeeded, StoreFailed } from '../domain/errors.ts'
import { needsPerson } from '../domain/failure.ts'
import type { AccountStatus, Failure } from '../domain/model.ts'

export const exit = {
  done: 0,
  bug: 1,
  usage: 64,
  io: 74,
  temporary: 75,
  login: 77,
  config: 78,
} as const

export type ExitCode = (typeof exit)[keyof typeof exit]

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ConfigInvalid) return exit.config
  if (error instanceof LoginNeeded) return exit.login
  if (error instanceof StoreFailed && error.isLasting) return exit.config
  if (error instanceof DaemonError) return exit.temporary
  return exit.bug
}

/** What to print about it: every problem of the settings, else the sentence and the remedy; a bug's stack. */
export function sentencesOf(error: unknown): string {
  if (error instanceof ConfigInvalid) {
    const { problems, remedy } = error
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    const lines = problems.map(({ place, message }) => `  ${place}: ${message}`)
    return [`blink-manifestd: ${count} with the settings`, ...lines, ...(remedy ? [remedy] : []), ''].join(
      '\n',
    )
  }
  if (error instanceof DaemonError) {
    return [`blink-manifestd: ${error.message}`, ...(error.remedy ? [error.remedy] : []), ''].join('\n')
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `blink-manifestd: this is a bug, please report it\n${stack}\n`
}

/** What to print when standard output took no more, for `code` of the system. */
export function unwritten(code: string): string {
  const remedy = code === 'ENOSPC' ? '. The disk is full: make room.' : ''
  return `blink-manifestd: the result could not be written (${code})${remedy}\n`
}

interface FailedAccount {
  /** The account's id, or the key of credentials whose account is not known. */
  readonly account: string
  readonly status: AccountStatus
  readonly failure: Failure
}

/** Why an account could not be requested, and what to do about it. */
export function accountSentences({ account, status, failure }: FailedAccount): string {
  const { message, remedy } = failure
  const lines = [`blink-manifestd: ${account}: ${message}${remedy ? `. ${remedy}` : ''}`]
  // Nobody can say whose they are, so a sign-in to their account need not have ended them.
  if (!/^\d+$/.test(account) && needsPerson(status)) {
    lines.push(`If its account is signed in by now, forget this one: \`blink-manifestd logout ${account}\`.`)
  }
  return `${lines.join('\n')}\n`
}
