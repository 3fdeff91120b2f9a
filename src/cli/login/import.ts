/**
 * `login --import`: takes over what another program has obtained, one account after another, each tried first.
 */

import { credentialsOf, parseImport, type TokenLine, type TokenLines } from '../../blink/credentials-file.ts'
import { DaemonError, StoreFailed } from '../../domain/errors.ts'
import type { Credentials } from '../../domain/model.ts'
import { fileText, WrongUsage } from './answers.ts'
import type { SignInContext } from './context.ts'
import { type Kept, keepLogin } from './keep.ts'

/** What became of one login. */
export type Imported = { readonly kept: Kept } | { readonly error: DaemonError }

/**
 * Tries each login of a file once and keeps those that work; before them, one whose keeping was cut off.
 *
 * Ends at one that works and cannot be kept: its only good token is in the note of a login under way then, and there
 * is one note.
 *
 * @throws WrongUsage when the file cannot be read or holds none
 */
export async function* importFile(
  context: SignInContext,
  path: string,
  client: string | undefined,
): AsyncGenerator<Imported, void, void> {
  const { pending, terminal } = context
  const { logins, problems, notes, unit } = parseImport(await fileText(terminal, path), client)
  const nothing = logins.length === 0 && problems.length === 0 ? ['there is no login in it'] : problems
  if (nothing.length > 0) throw new WrongUsage(nothing.map((problem) => `${path}: ${problem}`).join('\n'))
  for (const note of notes) terminal.err(`${path}: ${note}\n`)
  const waiting = await pending.read()
  const cutOff = waiting?.step === 'keep' ? waiting.login : undefined
  if (cutOff) terminal.err('The last login was cut off right before it was kept; that one comes first.\n')
  // The token of its line is used up.
  const lines = logins.filter(({ fingerprint }) => fingerprint !== cutOff?.fingerprint)
  const all = [...(cutOff ? [cutOff] : []), ...lines.map((line) => fromLine(context, line))]
  for (const [at, login] of all.entries()) {
    const one = await tryToKeep(context, login)
    yield one
    const isLeft = (await pending.read())?.step === 'keep'
    if (isLeft || ('error' in one && one.error instanceof StoreFailed)) {
      const untried = lines.slice(at + 1 - (all.length - lines.length))
      return terminal.err(stoppedSentences({ isLeft, untried, unit }))
    }
    // A code that a person waits for, or a lock: the note of our own try took its place for a moment.
    if (waiting && !cutOff) await pending.save(waiting)
  }
}

async function tryToKeep(context: SignInContext, login: Credentials): Promise<Imported> {
  try {
    return { kept: await keepLogin(context, login) }
  } catch (error) {
    if (error instanceof DaemonError) return { error }
    throw error
  }
}

/** What to do when a login could not be kept. */
function stoppedSentences({
  isLeft,
  untried,
  unit,
}: {
  readonly isLeft: boolean
  readonly untried: readonly TokenLine[]
  readonly unit: TokenLines['unit']
}): string {
  const numbers = untried.map(({ line }) => line).join(', ')
  const sentences = [
    ...(untried.length > 0 ? [`To lose no token, this was not tried: ${unit} ${numbers} of the file.`] : []),
    ...(isLeft ? ['The newest token of the login that is not kept yet waits in the data directory.'] : []),
    'When the trouble is over, give the same command again, which goes on there.',
  ]
  return `${sentences.join('\n')}\n`
}

function fromLine({ clock }: SignInContext, line: TokenLine): Credentials {
  return credentialsOf(line, { key: `import-${clock.uuid().slice(0, 13)}`, source: 'import' })
}
