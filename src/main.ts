#!/usr/bin/env node
/**
 * Entry point: signals, exit codes; the only reader of the process's arguments and environment.
 *
 * Listens for signals before it loads what takes time: whoever stops the program in its first moments gets an
 * orderly end as well.
 */
import { removedVariables } from './cli/environment.ts'
import { type ExitCode, exit, exitCodeOf, sentencesOf, unwritten } from './cli/exit.ts'
import { Output } from './cli/output.ts'
import type { Terminal } from './cli/terminal.ts'
import { visible } from './domain/printable.ts'

/** The shutdown timeout: within this a stop is over. */
const shutdownTimeoutMs = 9_500
const lastOutputMs = 1_000
/** Older ones cannot read the files that are imported below; what is imported above they can. */
const oldestNode = 24
/** Enough for a reader that is busy for a moment, and too little to be missed. */
const mostLogBytes = 256 * 1024

// Looked at first: it is by this that Node makes a pipe one that does not block.
const [outIsTerminal, errIsTerminal] = [process.stdout.isTTY === true, process.stderr.isTTY === true]
const out = new Output(1, { mostWaiting: Number.POSITIVE_INFINITY, stubborn: false })
const err = new Output(2, { mostWaiting: mostLogBytes, stubborn: true })

async function main(): Promise<void> {
  const { node } = process.versions
  if (Number.parseInt(node, 10) < oldestNode) {
    err.write(`blink-manifestd: needs Node.js ${oldestNode} or newer, and this is ${node}\n`)
    process.exit(exit.config)
  }
  // What we write holds tokens, so it is nobody else's business. Only clips follow the umask we were started with.
  const umask = process.umask(0o077)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      setTimeout(() => process.exit(exit.done), shutdownTimeoutMs).unref()
      stop.abort(new Error(signal))
    })
  // Without a listener the first opens Node's inspector on a port, and the second kills.
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined)
  // What a library writes there by itself may fail as well.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, die)
  const env = { ...process.env }
  for (const { name } of removedVariables(env)) delete process.env[name]
  const terminal: Terminal = {
    env,
    cwd: process.cwd(),
    umask,
    out: (text) => out.write(visible(text)),
    err: (text) => err.write(visible(text)),
    log: err,
    outClosed: out.closed,
    outIsTerminal,
    errIsTerminal,
    // A getter, since to look at it is to open it.
    get input() {
      return { stream: process.stdin, isTerminal: process.stdin.isTTY === true }
    },
    stop: stop.signal,
  }
  const code = await codeOf(terminal)
  // A result waits for its reader however slow it is, sentences for a moment.
  await out.flushed(stop.signal.aborted ? AbortSignal.timeout(lastOutputMs) : stop.signal)
  if (out.failure) terminal.err(unwritten(out.failure))
  await err.flushed(AbortSignal.timeout(lastOutputMs))
  // Not left to the event loop: what nobody reads must not keep the program alive.
  process.exit(code === exit.done && out.failure ? exit.io : code)
}

async function codeOf(terminal: Terminal): Promise<ExitCode> {
  const { stop } = terminal
  try {
    const { runCommand } = await import('./cli/command-line.ts')
    return await runCommand(terminal, process.argv)
  } catch (error) {
    // A stop by a signal is no failure.
    if (stop.aborted && error === stop.reason) return exit.done
    terminal.err(sentencesOf(error))
    return exitCodeOf(error)
  }
}

/** An unexpected error that nobody awaited: a bug, printed with its stack. */
function die(error: unknown): void {
  err.write(visible(sentencesOf(error)))
  process.exit(exit.bug)
}

await main()
