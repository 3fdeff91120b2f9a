#!/usr/bin/env node
/**
 * The front door: signals, exit codes; the only reader of the process's arguments and environment.
 *
 * Listens for signals before it loads what takes time: whoever stops the program in its first moments gets an
 * orderly end as well.
 */
import { exit, exitCodeOf, sentencesOf } from './cli/exit.ts'
import { keepHeapSmall } from './cli/heap.ts'
import { misleading } from './cli/misleading.ts'
import type { Terminal } from './cli/terminal.ts'
import { visible } from './domain/printable.ts'

async function main(): Promise<void> {
  // What we write holds tokens: nobody else's business, whatever the umask we were started with.
  process.umask(0o077)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stop.abort(new Error(signal)))
  // Without a listener the first opens Node's inspector on a port, and the second kills.
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined)
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, die)
  const env = { ...process.env }
  for (const { name } of misleading(env)) delete process.env[name]
  const terminal: Terminal = {
    env,
    cwd: process.cwd(),
    out: (text) => void process.stdout.write(visible(text)),
    err: (text) => void process.stderr.write(visible(text)),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    // A getter, since to look at it is to open it.
    get input() {
      return { stream: process.stdin, isTerminal: process.stdin.isTTY === true }
    },
    stop: stop.signal,
  }
  // A reader that has seen enough (`| head`) is no failure of ours.
  process.stdout.on('error', () => process.exit(exit.done))
  try {
    const { obeyArguments } = await import('./cli/command-line.ts')
    keepHeapSmall()
    process.exitCode = await obeyArguments(terminal, process.argv)
  } catch (error) {
    // Whatever was waiting has been told why it ends: we were asked to stop, and that is no failure.
    if (stop.signal.aborted && error === stop.signal.reason) return
    terminal.err(sentencesOf(error))
    process.exitCode = exitCodeOf(error)
  }
}

/** What nobody awaited has failed: a bug, told with its stack. */
function die(error: unknown): void {
  process.stderr.write(visible(sentencesOf(error)))
  process.exit(exit.bug)
}

await main()
