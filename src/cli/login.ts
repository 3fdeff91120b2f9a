/**
 * `login`: signs an account in, or takes over the credentials of another program. Works beside a running daemon.
 *
 * Here are the questions and the order of the sentences; what is done is in `commands/sign-in.ts`.
 */
import { parseImport } from '../blink/credentials-file.ts'
import { SignInRefused } from '../blink/sign-in-responses.ts'
import {
  importCredentials,
  type Kept,
  keepCredentials,
  openSignIn,
  resendAt,
  type SignInContext,
  type SignInSteps,
  signInSteps,
} from '../commands/sign-in.ts'
import { whereSent } from '../commands/sign-in-words.ts'
import { DaemonError } from '../domain/errors.ts'
import type { AwaitsCode } from '../storage/pending-sign-in.ts'
import { type CommonOptions, openContext } from './context.ts'
import { type ExitCode, exit } from './exit.ts'
import {
  type AnswerOptions,
  type Answers,
  answersFrom,
  fileText,
  Interrupted,
  WrongUsage,
} from './login/answers.ts'
import {
  codeWantedLine,
  exitOf,
  failedLine,
  failedSentences,
  keptLine,
  keptSentences,
  lines,
  stoppedSentences,
  timeOf,
} from './login/sentences.ts'
import type { Terminal } from './terminal.ts'

export interface LoginOptions extends AnswerOptions {
  readonly importFile?: string | undefined
  /** The OAuth client of imported tokens, where the file does not say. */
  readonly client?: string | undefined
  readonly newCode?: boolean | undefined
}

/** A code has been sent, and nobody is here to type it. */
class CodeWanted extends Error {
  override readonly name = 'CodeWanted'
  readonly state: AwaitsCode

  constructor(state: AwaitsCode) {
    super('a code has been sent')
    this.state = state
  }
}

export async function login(
  terminal: Terminal,
  options: CommonOptions,
  { importFile: path, client, newCode = false, ...given }: LoginOptions,
): Promise<ExitCode> {
  const { loaded, clock, log } = await openContext(terminal, options, { quiet: true })
  await using context = await openSignIn(loaded.settings, clock, log)
  const printer = printerOf(terminal, options.json)
  try {
    if (path !== undefined) return await takeOver(context, terminal, { path, client, printer })
    const kept = await signIn(context, terminal, { answers: answersFrom(terminal, given), newCode })
    return printer.kept(kept)
  } catch (error) {
    if (error instanceof WrongUsage) {
      terminal.err(`blink-manifestd: ${error.message}\n`)
      return exit.usage
    }
    if (error instanceof CodeWanted) {
      if (options.json) terminal.out(codeWantedLine(error.state))
      else
        terminal.err('Go on with `blink-manifestd login` where there is a terminal, or with --code-file.\n')
      return exit.login
    }
    if (error instanceof Interrupted || terminal.stop.aborted) return await interrupted(context, terminal)
    if (!(error instanceof DaemonError)) throw error
    return printer.failed(error)
  }
}

interface Printer {
  kept(kept: Kept): ExitCode
  failed(error: DaemonError): ExitCode
}

function printerOf(terminal: Terminal, asJson: boolean): Printer {
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

/** How a stop is handled while credentials are tried. */
function keepOptions({ stop, err }: Terminal) {
  const onWait = () => err('Stopping as soon as Blink has answered, so that no token is lost.\n')
  return { signal: stop, onWait }
}

interface TakeOver {
  readonly path: string
  readonly client: string | undefined
  readonly printer: Printer
}

async function takeOver(
  context: SignInContext,
  terminal: Terminal,
  { path, client, printer }: TakeOver,
): Promise<ExitCode> {
  const { credentials, problems, notes, unit } = parseImport(await fileText(terminal, path), client)
  const nothing = credentials.length === 0 && problems.length === 0 ? ['there is no login in it'] : problems
  if (nothing.length > 0) throw new WrongUsage(nothing.map((problem) => `${path}: ${problem}`).join('\n'))
  for (const note of notes) terminal.err(`${path}: ${note}\n`)
  const codes: ExitCode[] = []
  for await (const one of importCredentials(context, credentials, keepOptions(terminal))) {
    if ('kept' in one) codes.push(printer.kept(one.kept))
    else if ('error' in one) codes.push(printer.failed(one.error))
    else if ('stopped' in one) terminal.err(stoppedSentences({ ...one.stopped, unit }))
    else terminal.err('The last login was cut off right before it was kept; that one comes first.\n')
  }
  return codes.find((code) => code === exit.login) ?? codes.find((code) => code !== exit.done) ?? exit.done
}

interface Wish {
  readonly answers: Answers
  /** Has another code sent, though one was sent before. */
  readonly newCode: boolean
}

/** @throws CodeWanted, SignInRefused, WrongUsage, Interrupted, and what the cloud's calls throw */
async function signIn(context: SignInContext, terminal: Terminal, { answers, newCode }: Wish): Promise<Kept> {
  const options = keepOptions(terminal)
  const before = await context.pending.read()
  if (before?.step === 'keep') {
    terminal.err('The last sign-in was cut off right before its end; going on there.\n')
    return keepCredentials(context, before.credentials, options)
  }
  const steps = signInSteps(context, terminal.stop)
  // Another code takes the same two again, and nobody likes to type them twice.
  const email = once(() => answers.email())
  const password = once(() => answers.password())
  const dialogue: Dialogue = { steps, answers, terminal, now: () => context.clock.now(), begin }

  async function begin(): Promise<AwaitsCode> {
    const state = await steps.begin(await email(), password)
    if (state.challenge) terminal.err(`${lines(whereSent(state))}\n`)
    return state
  }

  let state = await resume(dialogue, newCode)
  while (state.challenge) state = await takeAnswer(dialogue, state)
  const { credentials, tokens } = await steps.finish(state)
  return keepCredentials(context, credentials, { ...options, fresh: tokens })
}

interface Dialogue {
  readonly steps: SignInSteps
  readonly answers: Answers
  readonly terminal: Terminal
  readonly now: () => number
  /** From the beginning, with e-mail address and password, to the next question. */
  readonly begin: () => Promise<AwaitsCode>
}

async function resume(
  { steps, answers, terminal, now, begin }: Dialogue,
  newCode: boolean,
): Promise<AwaitsCode> {
  const state = await steps.resume(answers.givenEmail)
  if (!state) return begin()
  if (newCode) {
    const retryAt = resendAt(state)
    if (now() < retryAt) throw new SignInRefused('too_quick', { retryAt })
    return begin()
  }
  if (state.challenge) terminal.err(`${lines(whereSent(state))}\n`)
  return state
}

/** One answer to the question for the code, and the next state. */
async function takeAnswer(dialogue: Dialogue, state: AwaitsCode): Promise<AwaitsCode> {
  const { steps, answers, terminal, now, begin } = dialogue
  if (!answers.hasCode) throw new CodeWanted(state)
  const typed = await answers.code('Code (or `new` for another one): ')
  if (!answers.interactive) return steps.enterCode(state, typed)
  if (/^new$/i.test(typed)) {
    if (now() >= resendAt(state)) return begin()
    terminal.err(`Not before ${timeOf(resendAt(state))}. The one sent is still good.\n`)
    return state
  }
  try {
    return await steps.enterCode(state, typed)
  } catch (error) {
    if (!(error instanceof SignInRefused) || error.code !== 'wrong_code') throw error
    terminal.err(`${error.message.replace('sign-in: ', 'No: ')}.\n${error.remedy ?? ''}\n`)
    return state
  }
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => (asked ??= ask())
}

/** Nobody is signed in, so that `login && run` does not run. */
async function interrupted({ pending }: SignInContext, terminal: Terminal): Promise<ExitCode> {
  const left = await pending.read()
  const goesOn = left?.step === 'code' || left?.step === 'keep'
  terminal.err(
    goesOn ? 'Stopped. `blink-manifestd login` goes on where this ended.\n' : 'Stopped. Nothing was kept.\n',
  )
  return exit.login
}
