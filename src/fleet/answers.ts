/** One answer to a command out of the answers for each account. Pure. */
import type { CommandData, CommandError, CommandResult } from '../domain/commands.ts'

type Requested = Extract<CommandData, { readonly verb: 'manifest/request' }>
type Rescanned = Extract<CommandData, { readonly verb: 'rescan' }>

/** An account whose owner has not answered in time. */
export const unanswered: CommandResult = {
  error: {
    code: 'unanswered',
    message: 'no instance has carried it out in time; it may still be',
    retryable: true,
  },
}

/** As for one account, it is an error only when nothing at all was requested. */
export function mergeRequests(answers: readonly CommandResult[]): CommandResult {
  const parts = answers.flatMap(({ data }) => (data?.verb === 'manifest/request' ? [data] : []))
  const waits = parts.flatMap(({ retryAt }) => retryAt ?? [])
  const data: Requested = {
    verb: 'manifest/request',
    requested: sumOf(parts, ({ requested }) => requested),
    reused: sumOf(parts, ({ reused }) => reused),
    failed: sumOf(parts, ({ failed }) => failed),
    skipped: sumOf(parts, ({ skipped }) => skipped),
    retryAt: waits.length > 0 ? Math.max(...waits) : undefined,
    modules: parts.flatMap(({ modules }) => modules),
  }
  if (data.requested + data.reused > 0) return { data }
  const error = errorOf(answers)
  return error ? { data, error } : { data }
}

/** @param modules how many are known of all accounts */
export function mergeRescans(answers: readonly CommandResult[], modules: number): CommandResult {
  const parts = answers.flatMap(({ data }) => (data?.verb === 'rescan' ? [data] : []))
  const data: Rescanned = {
    verb: 'rescan',
    accounts: sumOf(parts, ({ accounts }) => accounts),
    modules,
    found: sumOf(parts, ({ found }) => found),
    renamed: sumOf(parts, ({ renamed }) => renamed),
    gone: sumOf(parts, ({ gone }) => gone),
  }
  const error = data.accounts > 0 ? undefined : errorOf(answers)
  return error ? { data, error } : { data }
}

/** A pause that the caller could wait for is said before what went wrong elsewhere. */
function errorOf(answers: readonly CommandResult[]): CommandError | undefined {
  const errors = answers.flatMap(({ error }) => error ?? [])
  return errors.find(({ code }) => code === 'throttled') ?? errors[0]
}

function sumOf<Part>(parts: readonly Part[], of: (part: Part) => number): number {
  return parts.reduce((sum, part) => sum + of(part), 0)
}
