/**
 * Where e-mail address, password and code come from: files and descriptors for programs, prompts for people.
 *
 * None of the three is ever an argument, which others on the machine can see, and the password stands in no
 * variable either, which every program that is started from there inherits.
 */
import { constants, createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { isEmail } from '../../commands/sign-in.ts'
import { decodeText, withoutLastNewlines } from '../../domain/decode.ts'
import { failureOf, NotRegular } from '../../domain/file-failures.ts'
import { Secret } from '../../domain/secret.ts'
import type { Terminal } from '../terminal.ts'

export interface AnswerOptions {
  /** A path, `-` for standard input, `/dev/fd/3` for a descriptor. */
  readonly passwordFile?: string | undefined
  readonly codeFile?: string | undefined
}

/** A wrong use of the command; the message says what is right. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage'
}

export interface Answers {
  /** Whether a person can be prompted again. */
  readonly interactive: boolean
  /** Whether a code can be had at all: if not, it is for a later run. */
  readonly hasCode: boolean
  /** `undefined` when only a prompt can find it out. */
  readonly givenEmail: string | undefined
  email(): Promise<string>
  password(): Promise<Secret>
  /** Prompts with this question, or reads the file. */
  code(question: string): Promise<string>
}

/** @throws WrongUsage when two of them are to come from standard input, or it is a terminal */
export function answersFrom(terminal: Terminal, options: AnswerOptions): Answers {
  const { env } = terminal
  const passwordFile = options.passwordFile ?? (env.BLINK_PASSWORD_FILE || undefined)
  const codeFile = options.codeFile ?? (env.BLINK_CODE_FILE || undefined)
  const email = (env.BLINK_EMAIL || undefined)?.trim()
  const fromInput = [passwordFile, codeFile].filter((path) => path !== undefined && descriptorOf(path) === 0)
  if (fromInput.length > 1) {
    throw new WrongUsage('standard input can hold the password or the code, not both')
  }
  // What is typed there would be shown; the prompt hides it.
  if (fromInput.length > 0 && terminal.input?.isTerminal) {
    throw new WrongUsage('standard input is a terminal: leave the option out to be prompted')
  }
  const interactive = terminal.input?.isTerminal === true
  const orRefuse = (what: string, instead: string) => {
    if (interactive) return
    throw new WrongUsage(`there is no terminal to prompt for the ${what}; ${instead}`)
  }
  return {
    interactive,
    hasCode: interactive || codeFile !== undefined,
    givenEmail: email,
    async email() {
      if (email === undefined) orRefuse('e-mail address', 'set BLINK_EMAIL')
      const typed = email ?? (await prompt(terminal, 'E-mail address of your Blink account: ')).trim()
      if (!isEmail(typed)) throw new WrongUsage('this is no e-mail address')
      return typed
    },
    async password() {
      if (passwordFile === undefined) orRefuse('password', 'give --password-file')
      const typed =
        passwordFile === undefined
          ? await prompt(terminal, 'Password (not shown, not kept): ', { hidden: true })
          : await fileText(terminal, passwordFile)
      if (typed === '') throw new WrongUsage('the password is empty')
      return new Secret(typed)
    },
    async code(question) {
      if (codeFile === undefined) orRefuse('code', 'give --code-file')
      return (
        codeFile === undefined ? await prompt(terminal, question) : await fileText(terminal, codeFile)
      ).trim()
    },
  }
}

/** The person has pressed Ctrl-C or Ctrl-D. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/**
 * Prompts for one answer, and returns what the person types.
 *
 * Node's own readline with its echo held back: a password passes through no more hands than it must, and every key of
 * line editing works. What is typed unseen is in no history.
 *
 * @throws Interrupted at Ctrl-C, at Ctrl-D, and when the program is stopped
 */
export async function prompt(
  { input, err, stop }: Terminal,
  question: string,
  { hidden = false } = {},
): Promise<string> {
  if (!input) throw new Error('there is no terminal to prompt at')
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!hidden) process.stderr.write(chunk)
      done()
    },
  })
  const over = new AbortController()
  const lines = createInterface({ input: input.stream, output: echo, terminal: true, historySize: 0 })
  // Readline draws its line anew, question and all; unseen it draws nothing. Until it is there, the terminal echoes.
  if (hidden) err(question)
  const interrupt = () => over.abort(new Interrupted('interrupted'))
  lines.once('SIGINT', interrupt)
  lines.once('close', interrupt)
  stop.addEventListener('abort', interrupt, { once: true })
  if (stop.aborted) interrupt()
  try {
    const typed = await lines.question(question, { signal: over.signal })
    if (hidden) err('\n')
    return typed
  } catch (error) {
    if (!over.signal.aborted) throw error
    // A line that is shown is ended by readline.
    if (hidden) err('\n')
    throw over.signal.reason as Interrupted
  } finally {
    stop.removeEventListener('abort', interrupt)
    lines.close()
  }
}

/**
 * The text of a regular file or an open descriptor, without the newlines at its end.
 *
 * @throws WrongUsage when it cannot be read
 */
export async function fileText({ input }: Terminal, path: string): Promise<string> {
  const descriptor = descriptorOf(path)
  try {
    if (descriptor === undefined) return textOf(path, await readRegular(path))
    // By its number: what another program hands over may be a socket, which cannot be opened by a name.
    const stream =
      descriptor === 0 ? input?.stream : createReadStream('', { fd: descriptor, autoClose: false })
    if (!stream) throw new Error('no standard input')
    return textOf(path, await buffer(stream))
  } catch (cause) {
    if (cause instanceof WrongUsage) throw cause
    const failure = failureOf(cause)
    throw new WrongUsage(`cannot read ${path}${failure ? `: ${failure.reason}` : ''}`, { cause })
  }
}

/** The descriptor that a path stands for, 0 for standard input; `undefined` for any other file. */
function descriptorOf(path: string): number | undefined {
  if (path === '-' || path === '/dev/stdin') return 0
  const [, number] = /^\/(?:dev|proc\/self)\/fd\/(\d{1,9})$/.exec(path) ?? []
  return number === undefined ? undefined : Number(number)
}

async function readRegular(path: string): Promise<Uint8Array> {
  // A pipe is opened at once that way, and not when somebody writes to it.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const found = await file.stat()
  if (!found.isFile()) throw new NotRegular({ isDirectory: found.isDirectory() })
  return await file.readFile()
}

function textOf(path: string, bytes: Uint8Array): string {
  const text = decodeText(bytes)
  if (text === undefined) throw new WrongUsage(`${path} is neither UTF-8 nor UTF-16 text`)
  return withoutLastNewlines(text)
}
