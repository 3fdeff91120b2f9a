/**
 * The real program as a child process: started with the environment it is given and no other, watched, ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { lineViolations } from './contract.ts'
import { until } from './until.ts'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** How a program ended, and all it has written. */
export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program extends AsyncDisposable {
  readonly pid: number
  stdout(): string
  stderr(): string
  /** The log lines so far; lines that are no JSON are left out. */
  logged(): readonly Record<string, unknown>[]
  /** Reads no more of stdout, as `head` does when it has enough. */
  closeStdout(): void
  /** Waits for a log line with this message, or for so many of them; resolves with the last of these. */
  says(message: string, times?: number): Promise<Record<string, unknown>>
  readonly ended: Promise<Ended>
  /** Waits for the end; rejects when a line of `--json` is against the contract. */
  finished(): Promise<Finished>
  kill(signal?: NodeJS.Signals): void
  /** Kills with `signal` and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

/** Names a built program for the tests to run. */
export const programVariable = 'BLINK_MANIFESTD_UNDER_TEST'

const sources = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** The program's first file: of the build that the end-to-end tests have made, or else of the sources. */
export const programFile = process.env[programVariable] ?? sources

/** Whom the program runs as, where that is not who runs the test. */
export interface User {
  readonly uid?: number
  readonly gid?: number
}

export interface ProgramOptions extends User {
  readonly env: Readonly<Record<string, string>>
  /** Should be a directory of the test's own. */
  readonly cwd: string
  /** Where its output goes, in place of here: file descriptors. */
  readonly stdout?: number
  readonly stderr?: number
}

/** Starts the program. */
export function startProgram(args: readonly string[], options: ProgramOptions): Program {
  const { env, cwd, stdout = 'pipe', stderr = 'pipe', ...user } = options
  const child: ChildProcess = spawn(process.execPath, [programFile, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', stdout, stderr],
    ...user,
  })
  const texts = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    texts.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    texts.stderr += text
  })
  const { promise: ended, resolve } = Promise.withResolvers<Ended>()
  child.once('close', (code, signal) => resolve({ code, signal }))

  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    return ended
  }
  const logged = () => texts.stderr.split('\n').flatMap(parseLine)
  return {
    pid: child.pid ?? 0,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    logged,
    closeStdout: () => child.stdout?.destroy(),
    says: (message, times = 1) =>
      until(
        `the log line "${message}", ${times} times`,
        () => logged().filter(({ msg }) => msg === message)[times - 1],
        { state: () => texts.stderr },
      ),
    ended,
    async finished() {
      const { code } = await ended
      const wrong = lineViolations(args, texts.stdout)
      if (wrong.length > 0) throw new Error(`output against the contract:\n${wrong.join('\n')}`)
      return { code, ...texts }
    },
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}

function parseLine(line: string): Record<string, unknown>[] {
  if (!line.startsWith('{')) return []
  try {
    return [JSON.parse(line) as Record<string, unknown>]
  } catch {
    return []
  }
}
