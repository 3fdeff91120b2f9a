/**
 * `login --import`: takes over what another program has obtained, one account after another, each tried first.
 */
import { parseImport } from '../../blink/import-file.ts'
import { loginOf, type TokenLine } from '../../blink/tokens.ts'
import { DaemonError } from '../../errors.ts'
import type { Login } from '../../model.ts'
import { fileText, WrongUsage } from './answers.ts'
import type { Bench } from './bench.ts'
import { type Kept, keepLogin } from './keep.ts'

/** What became of one login of the file. */
export type Imported =
  | { readonly line: TokenLine; readonly kept: Kept }
  | { readonly line: TokenLine; readonly error: DaemonError }

/**
 * Tries each login of a file once and keeps those that work.
 *
 * @throws WrongUsage when the file cannot be read or holds none
 */
export async function importFile(
  bench: Bench,
  path: string,
  client: string | undefined,
): Promise<readonly Imported[]> {
  const { logins, problems, notes } = parseImport(await fileText(bench.terminal, path), client)
  const nothing = logins.length === 0 && problems.length === 0 ? ['there is no login in it'] : problems
  if (nothing.length > 0) throw new WrongUsage(nothing.map((problem) => `${path}: ${problem}`).join('\n'))
  for (const note of notes) bench.terminal.err(`${path}: ${note}\n`)
  const imported: Imported[] = []
  // A code that a person waits for, or a lock: the notes of our own tries take its place for a moment.
  const waiting = await bench.pending.read()
  for (const line of logins) {
    try {
      imported.push({ line, kept: await keepLogin(bench, fromLine(bench, line)) })
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      imported.push({ line, error })
    }
    // A note that is still there holds the only good token of a login that could not be kept.
    const isFree = (await bench.pending.read())?.step !== 'keep'
    if (isFree && waiting && waiting.step !== 'keep') await bench.pending.save(waiting)
  }
  return imported
}

function fromLine({ clock }: Bench, line: TokenLine): Login {
  return loginOf(line, { key: `import-${clock.uuid().slice(0, 13)}`, source: 'import' })
}
