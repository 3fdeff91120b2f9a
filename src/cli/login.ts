/**
 * `login`: signs an account in, or takes over a login of another program's. Works beside a running daemon.
 */
import { DaemonError } from '../domain/errors.ts'
import { type ExitCode, exit } from './exit.ts'
import { type AnswerOptions, answersFrom, WrongUsage } from './login/answers.ts'
import { openSignInContext, type SignInContext } from './login/context.ts'
import { CodeWanted, dialogue } from './login/dialogue.ts'
import { importFile } from './login/import.ts'
import { type Kept, keepLogin } from './login/keep.ts'
import { Interrupted } from './login/prompt.ts'
import {
  exitOf,
  failedLine,
  failedSentences,
  keptLine,
  keptSentences,
  wantedLine,
  wantedSentences,
} from './login/telling.ts'
import type { CommonOptions } from './prepare.ts'
import type { Terminal } from './terminal.ts'

export interface LoginOptions extends AnswerOptions {
  readonly importFile?: string | undefined
  /** The OAuth client of imported tokens, where the file does not say. */
  readonly client?: string | undefined
  readonly newCode?: boolean | undefined
}

export async function login(
  terminal: Terminal,
  options: CommonOptions,
  { importFile: path, client, newCode = false, ...given }: LoginOptions,
): Promise<ExitCode> {
  await using context = await openSignInContext(terminal, options)
  const told = tellerOf(terminal, options.json)
  try {
    if (path !== undefined) return await takeOver(context, told, { path, client })
    const answers = answersFrom(terminal, given)
    const { login: fresh, tokens } = await dialogue(context, answers, { anotherCode: newCode })
    return told.kept(await keepLogin(context, fresh, tokens))
  } catch (error) {
    if (error instanceof WrongUsage) {
      terminal.err(`blink-manifestd: ${error.message}\n`)
      return exit.usage
    }
    if (error instanceof CodeWanted) {
      terminal.out(options.json ? wantedLine(error.pending) : '')
      terminal.err(options.json ? '' : wantedSentences())
      return exit.login
    }
    if (error instanceof Interrupted || terminal.stop.aborted) return await interrupted(context)
    if (!(error instanceof DaemonError)) throw error
    return told.failed(error)
  }
}

async function takeOver(
  context: SignInContext,
  told: Teller,
  { path, client }: { readonly path: string; readonly client: string | undefined },
): Promise<ExitCode> {
  const codes: ExitCode[] = []
  for await (const one of importFile(context, path, client)) {
    codes.push('kept' in one ? told.kept(one.kept) : told.failed(one.error))
  }
  return codes.find((code) => code === exit.login) ?? codes.find((code) => code !== exit.done) ?? exit.done
}

interface Teller {
  kept(kept: Kept): ExitCode
  failed(error: DaemonError): ExitCode
}

function tellerOf(terminal: Terminal, asJson: boolean): Teller {
  return {
    kept(kept) {
      terminal.out(asJson ? keptLine(kept) : keptSentences(kept))
      return exit.done
    },
    failed(error) {
      if (asJson) terminal.out(failedLine(error))
      else terminal.err(failedSentences(error))
      return exitOf(error)
    },
  }
}

/** Nobody is signed in, so that `login && run` does not run. */
async function interrupted({ pending, terminal }: SignInContext): Promise<ExitCode> {
  const left = await pending.read()
  const goesOn = left?.step === 'code' || left?.step === 'keep'
  terminal.err(
    goesOn ? 'Stopped. `blink-manifestd login` goes on where this ended.\n' : 'Stopped. Nothing was kept.\n',
  )
  return exit.login
}
